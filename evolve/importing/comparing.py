"""Whether a script and the genome made from it train alike: both run their first steps, small and confined.

The script is made small by changing its tree: sizes of the model and of the batch, the card, the log's settings. It is
run by `evaluator.rehearsal`, never here.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from evaluator.rehearsal import SHARDS, Losses, Part, Sizes, rehearse
from evolve.importing.anatomy import dissect
from evolve.importing.architecture import mean_loss
from evolve.importing.convert import Imported
from evolve.importing.errors import NotImportableError
from evolve.importing.outside import PLUMBING
from evolve.importing.slicing import Needs
from evolve.importing.source import Script
from evolve.importing.steps import absolute_steps
from evolve.importing.trees import Definition, called, dotted, literal, method, names_bound, string

TOLERANCE = 1.5e-4
"""Relative difference between a script's loss and the task's that rounding can explain: 4e-5 where parts of the
script's are in bfloat16; another scale of attention, 0.1 for 0.12, makes 3e-4."""
_WIDER_STEPS = 3
_SCRIPT_ENDED = "the script ended early"


@dataclass(frozen=True)
class Comparison:
    """What came of running both.

    Attributes:
        equal: Whether all losses are the same, bit by bit.
        steps: Steps that were taken.
        difference: Largest relative difference of a training loss.
        error: Why one of them could not be run, or "".
        architecture: Relative difference between a loss by the script's forward pass and by the task's.
        late: Steps after those compared at which, by its numbers, the genome may begin to do something else.
    """

    equal: bool
    steps: int
    difference: float
    error: str
    architecture: float
    late: tuple[int, ...] = ()

    def text(self) -> str:
        """One sentence."""
        if self.error:
            return f"not compared: {self.error}"
        if not self.equal:
            return f"DIFFERENT: training losses differ by up to {self.difference:.2g} (relative) in {self.steps} steps"
        return f"equal: the training losses of {self.steps} steps are the same bit by bit"


@dataclass(frozen=True)
class Pair:
    """A script and what was made of it.

    Attributes:
        script: The script.
        made: Its genome.
        given: The user's settings.
    """

    script: Script
    made: Imported
    given: Mapping[str, str]


def compare(pairs: Sequence[Pair], sizes: Sizes | None = None) -> list[Comparison]:
    """Run scripts and their genomes for a few steps and compare their losses.

    Scripts that fail at these sizes for a shape are tried once more: twice as wide, with one layer, for fewer steps.

    Args:
        pairs: What to compare.
        sizes: How small.

    Raises:
        evaluator.rehearsal.RehearsalError: Nothing could be run.
        NotImportableError: A script's model cannot be taken out of it.
    """
    sizes = sizes or Sizes()
    found = _compared(pairs, sizes)
    again = [index for index, each in enumerate(found) if _is_too_small(each)]
    if again:
        wider = replace(sizes, width=2 * sizes.width, layers=1, steps=min(sizes.steps, _WIDER_STEPS))
        for index, other in zip(again, _compared([pairs[index] for index in again], wider), strict=True):
            found[index] = other if not _is_too_small(other) else found[index]
    return found


def _is_too_small(found: Comparison) -> bool:
    """Whether a script seems to have failed at its small sizes: some need ranks or blocks that a model has room for."""
    return found.error.startswith(_SCRIPT_ENDED) and any(word in found.error for word in ("shape", "size", "dimension"))


def _compared(pairs: Sequence[Pair], sizes: Sizes) -> list[Comparison]:
    made = [_parts(pair, sizes) for pair in pairs]
    losses = rehearse([part for parts, _ in made for part in parts], sizes)
    found = []
    for index, (pair, (_, scale)) in enumerate(zip(pairs, made, strict=True)):
        judged = _judged(losses[2 * index], losses[2 * index + 1], sizes, scale)
        found.append(replace(judged, late=_late(pair.made, judged.steps)))
    return found


def _late(made: Imported, steps: int) -> tuple[int, ...]:
    """Steps after the first few that the genome knows by number, but for its last."""
    numbers = {number.value for number in absolute_steps([ast.parse(made.source)])}
    return tuple(sorted(int(n) for n in numbers if isinstance(n, int | float) and steps < n < made.steps))


def _parts(pair: Pair, sizes: Sizes) -> tuple[tuple[Part, Part], int]:
    """The small script, its genome, and by what the script's losses are multiplied to be sums."""
    tree = pair.script.tree()
    arguments = _arguments(tree, pair.given)
    _Small(sizes, pair.made.shown).visit(tree)
    named = dict(arguments)
    given = {name: value for name, value in pair.given.items() if f"--{name}" not in named}
    if "DATA" in given:  # scripts of `evolve export` read it; where it points to, a confined process sees nothing
        given["DATA"] = SHARDS
    environment = {**PLUMBING, **given}
    flat = tuple(each for name, value in arguments for each in ((name, value) if value else (name,)))
    text = ast.unparse(ast.fix_missing_locations(tree))
    scale = 1
    if mean_loss(tree):  # the contract's loss is a sum
        scale = sizes.microbatch * sizes.context
        _Summed().visit(tree)
    script = Part("script", text, "", flat, environment, pair.made.rng_seed)
    genome = Part("genome", pair.made.source, _model_text(tree), (), {}, pair.made.rng_seed, pair.made.steps)
    return (script, genome), scale


def _judged(script: Losses, genome: Losses, sizes: Sizes, scale: int) -> Comparison:
    error = ""
    if script.error:
        error = f"{_SCRIPT_ENDED}: {_last(script.error)}"
    elif genome.error:
        error = f"the genome ended early: {_last(genome.error)}"
    count = min(len(script.training), len(genome.training))
    pairs = [(a * scale, b) for a, b in zip(script.training[:count], genome.training[:count], strict=True)]
    difference = max((relative(a, b) for a, b in pairs), default=0.0)
    off = relative(*genome.reference) if genome.reference else 0.0
    passes = sizes.steps * (sizes.batch // sizes.microbatch)
    equal = not error and difference == 0.0 and count == passes
    return Comparison(equal, count * sizes.microbatch // sizes.batch, difference, error, off)


def relative(one: float, other: float) -> float:
    """Difference of two losses, as a share of the first."""
    return abs(one - other) / max(abs(one), 1e-30)


def _last(error: str) -> str:
    return error.strip().splitlines()[-1]


def _arguments(tree: ast.Module, given: Mapping[str, str]) -> list[tuple[str, str]]:
    """Settings that are command line arguments, as they are written there."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and method(node) == "add_argument":
            flags = [flag for flag in map(string, node.args) if flag and flag.startswith("--")]
            for flag in flags:
                name = flag.lstrip("-").replace("-", "_")
                if name in given:
                    switch = any(k.arg == "action" and str(string(k.value)).startswith("store_") for k in node.keywords)
                    found += [(flag, each) for each in ([""] if switch else given[name].split("\n"))]
    return found


class _Small(ast.NodeTransformer):
    """Makes a script small, and at home on a processor."""

    def __init__(self, sizes: Sizes, shown: Mapping[str, Any]) -> None:
        self._sizes, self._shown = sizes, shown
        self._names = {
            "batch_size": sizes.batch * sizes.context,
            "val_tokens": sizes.batch * sizes.context,
            "mbs": sizes.microbatch,
            "micro_batch_size": sizes.microbatch,
            "seq_len": sizes.context,
        }
        self._model = {
            "vocab_size": sizes.vocabulary,
            "num_layers": sizes.layers,
            "model_dim": sizes.width,
        }

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        self.generic_visit(node)
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            size = self._names.get("mbs" if name.endswith("_mbs") else name)
            if size is not None and (node.col_offset == 0 or not isinstance(node.value, ast.Name)):
                node.value = ast.copy_location(ast.Constant(size), node.value)
            shown = literal(self._shown[name]) if name in self._shown and node.col_offset == 0 else None
            if shown is not None:
                node.value = ast.copy_location(shown, node.value)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        arguments = node.args.args
        for argument, default in zip(
            arguments[len(arguments) - len(node.args.defaults) :], list(node.args.defaults), strict=True
        ):
            if argument.arg == "seq_len":
                node.args.defaults[node.args.defaults.index(default)] = ast.Constant(self._sizes.context)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        keywords = {k.arg for k in node.keywords}
        if "model_dim" in keywords or "num_layers" in keywords:
            for keyword in node.keywords:
                if keyword.arg in self._model:
                    keyword.value = ast.Constant(self._model[keyword.arg])
        elif called(node) == "GPT" and len(node.args) == 3:
            node.args = [ast.Constant(value) for value in self._model.values()]
        if called(node) == "torch.device" and node.args and string(node.args[0]) == "cpu":
            node.args = node.args[:1]
        flag = string(node.args[0]) if method(node) == "add_argument" and node.args else None
        size = self._names.get(flag.lstrip("-").replace("-", "_")) if flag else None
        for keyword in node.keywords:
            if keyword.arg == "default" and size is not None and not _is_none(keyword.value):
                keyword.value = ast.Constant(size)
            if keyword.arg == "pin_memory":
                keyword.value = ast.Constant(False)
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if node.value == "cuda" or (isinstance(node.value, str) and node.value.startswith("cuda:")):
            return ast.copy_location(ast.Constant("cpu"), node)
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        first = node.values[0] if node.values else None
        if isinstance(first, ast.Constant) and str(first.value).startswith("cuda:"):
            return ast.copy_location(ast.Constant("cpu"), node)
        return self.generic_visit(node)


def _is_none(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


class _Summed(ast.NodeTransformer):
    """Makes a mean over tokens a sum."""

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if method(node) == "cross_entropy":
            node.keywords = [k for k in node.keywords if k.arg != "reduction"]
            node.keywords.append(ast.keyword("reduction", ast.Constant("sum")))
        return node


def _model_text(tree: ast.Module) -> str:
    """A small script's definitions of its model, and an expression that makes it."""
    anatomy = dissect(tree)
    statement = anatomy.before[anatomy.model]
    value = getattr(statement, "value", None)
    if value is None:
        raise NotImportableError("the statement that makes the model gives it no value", [statement])
    needs = Needs(tree, anatomy.chain)
    needed = needs.of(value)
    known = {name: each for each in tree.body if not _trains(each) for name in names_bound(each)}
    kept: list[ast.stmt] = []
    todo = list(needed)
    while todo:
        each = known.get(todo.pop())
        if each is not None and each not in kept and each is not statement:
            kept.append(each)
            todo += list(needs.of(each))
    kept.sort(key=lambda each: each.lineno)
    made = ast.Assign([ast.Name("MODEL", ast.Store())], value)
    return ast.unparse(ast.fix_missing_locations(ast.Module([*kept, ast.copy_location(made, statement)], [])))


def _trains(statement: ast.stmt) -> bool:
    if isinstance(statement, Definition | ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign):
        return isinstance(statement, ast.Assign) and "parse_args" in dotted(getattr(statement.value, "func", statement))
    return True

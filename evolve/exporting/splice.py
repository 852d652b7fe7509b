"""A genome spliced into the user's copy of the benchmark's script.

The sections `Optimizer` and `Init & Optim Hyperparams` are replaced. Hooks for which the benchmark's loop has no place
are called from added lines in it, and nothing else changes. The script is read, never executed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from evolve.exporting.marks import (
    BANNER,
    HYPERPARAMETERS,
    OPTIMIZER,
    ExportError,
    check_whole,
    halves,
    indented,
    marked,
)
from evolve.exporting.names import check_names, mentions
from evolve.exporting.script import Numbers, optimizer_section, wants_info, with_future

_BANNER = re.compile(
    r"^(?P<indent>[ \t]*)#{10,}[ \t]*\n[ \t]*#[ \t]*(?P<title>\S.*?)[ \t]*#[ \t]*\n[ \t]*#{10,}[ \t]*\n", re.MULTILINE
)


@dataclass(frozen=True)
class _Section:
    """One section: its banner and what follows up to the next."""

    title: str
    indent: str
    start: int
    end: int


def spliced(source: str, base: str, numbers: Numbers) -> str:
    """The base with the genome in it.

    Args:
        source: The genome.
        base: A copy of the benchmark's script.
        numbers: Steps and rng_seed; the sizes stay the base's own.

    Raises:
        ExportError: The base has not the benchmark's form, or a name is in the way.
        GenomeError: It is no genome.
    """
    base = base.replace("\r\n", "\n").removeprefix("\ufeff")
    try:
        compile(base, "<base>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise ExportError(f"--base: expected a copy of the benchmark's script; this is not Python: {error}") from error
    base = _with_hooks(source, base)
    parts, sections = halves(source), list(_sections(base))
    optimizer, hyperparameters = (_section(sections, title) for title in (OPTIMIZER, HYPERPARAMETERS))
    model = _model(base)
    new = {
        optimizer: f"{optimizer_section(parts, optimizer.indent)}\n{optimizer.indent}{_rng_seeds(numbers)}\n\n\n",
        hyperparameters: _hyperparameters(source, parts.hyperparameters, hyperparameters.indent, model, numbers),
    }
    bare = {optimizer: "recipe = trial_rng_seeds = None\n", hyperparameters: _glue(source, model, numbers, "")}
    bare[hyperparameters] = indented(bare[hyperparameters], hyperparameters.indent) + "\n"
    check_names(source, _replaced(base, bare))
    script = with_future(_replaced(base, new), parts.future)
    check_whole(script, source)
    return script


def _sections(base: str) -> Iterator[_Section]:
    banners = list(_BANNER.finditer(base))
    for place, found in enumerate(banners):
        end = banners[place + 1].start() if place + 1 < len(banners) else len(base)
        yield _Section(found["title"], found["indent"], found.start(), end)


def _section(sections: list[_Section], title: str) -> _Section:
    found = [section for section in sections if section.title == title]
    if len(found) != 1:
        there = ", ".join(repr(section.title) for section in sections) or "none"
        raise ExportError(
            f"--base: expected one section {title!r} under a comment box of three lines, as in the benchmark's script; "
            f"the file has {there}. Without --base a complete script is written"
        )
    return found[0]


def _replaced(base: str, new: dict[_Section, str]) -> str:
    for section in sorted(new, key=lambda section: section.start, reverse=True):
        base = base[: section.start] + new[section] + base[section.end :]
    return base


def _rng_seeds(numbers: Numbers) -> str:
    return f"trial_rng_seeds = iter(range({numbers.first_rng_seed}, 1_000_000))  # one a trial"


def _hyperparameters(source: str, own: str, indent: str, model: str, numbers: Numbers) -> str:
    glue = indented(_glue(source, model, numbers, ""), indent)
    return f"{BANNER.format(indent, HYPERPARAMETERS)}\n{marked(own, 2, indent=indent)}\n{glue}\n\n\n"


def _glue(source: str, model: str, numbers: Numbers, indent: str) -> str:
    """What ties a recipe to the benchmark's loop."""
    sums = "train_steps, info=trial_info" if wants_info(source) else "train_steps"
    info = [
        "from collections import namedtuple",
        'trial_info = namedtuple("Info", "tokens_per_step stop_step")(batch_size, train_steps)',
    ]
    lines = [
        f"train_steps = {numbers.train_steps}",
        "torch.manual_seed(next(trial_rng_seeds))",
        "with torch.no_grad():  # each trial goes on from torch's own initialization under its rng_seed",
        f"    for trained, fresh in zip(model.parameters(), {model}.parameters(), strict=True):",
        "        trained.copy_(fresh)",
        *(info if wants_info(source) else []),
        f"trial_recipe = recipe(model, {sums})",
        'optimizers, set_hparams = trial_recipe["optimizers"], trial_recipe["set_hparams"]',
        "assert sorted(id(p) for o in optimizers for g in o.param_groups for p in g['params']) \\",
        "    == sorted(map(id, model.parameters()))",
    ]
    return "\n".join(indent + line for line in lines)


def _model(base: str) -> str:
    """The expression that makes the base's model, as it stands before it is moved anywhere."""
    tree = ast.parse(base)
    classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "model" for t in node.targets):
            for call in ast.walk(node.value):
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in classes:
                    return ast.unparse(call)
    raise ExportError("--base: expected a statement such as `model = GPT(...).cuda()`; there is none")


# The loop


def _with_hooks(source: str, base: str) -> str:
    """The base, with lines added to its loop for the hooks that the genome has."""
    wanted = [name for name in ("before_forward", "after_backward", "after_step") if mentions(source, name)]
    wants_eval = mentions(source, "eval_weights")
    if not wanted and not wants_eval:
        return base
    loop = _loop(base)
    step = loop.target.id if isinstance(loop.target, ast.Name) else "step"
    places = _places(loop)
    lines = base.split("\n")
    added: dict[int, list[str]] = {}
    for name in wanted:
        node, after = places[name]
        at = (node.end_lineno or node.lineno) if after else node.lineno - 1
        space = " " * node.col_offset
        text = [f'{space}if "{name}" in trial_recipe:', f'{space}    trial_recipe["{name}"]({step})']
        added.setdefault(at, []).extend(text)
    if wants_eval:
        _around_validation(loop, step, lines, added)
    for at in sorted(added, reverse=True):
        lines[at:at] = added[at]
    return "\n".join(lines)


def _places(loop: ast.For) -> dict[str, tuple[ast.stmt, bool]]:
    """Beside which statement of the loop each hook is called, and whether after it.

    Raises:
        ExportError: The loop has not the benchmark's order, in which alone hooks mean the same as in a trial.
    """
    backward = _statement(loop, _calls_method("backward"), "the backward pass")
    hparams = _statement(loop, _calls_name("set_hparams"), "the call of set_hparams")
    order = {id(node): place for place, node in enumerate(loop.body)}
    forward = next(
        node for node in loop.body if node is backward or (_calls_name("model")(node) and not isinstance(node, ast.If))
    )
    after = [node for node in loop.body if _calls_method("step")(node) and order[id(node)] >= order[id(hparams)]]
    if order[id(backward)] >= order[id(hparams)] or len(after) != 1:
        raise ExportError(
            "--base: expected forward and backward pass, then one call of set_hparams, then one statement with all "
            "optimizers' steps: only in this order can the genome's hooks be called as in its trials"
        )
    return {"before_forward": (forward, False), "after_backward": (hparams, False), "after_step": (after[0], True)}


def _around_validation(loop: ast.For, step: str, lines: list[str], added: dict[int, list[str]]) -> None:
    """Put the pass over the held-out tokens under `eval_weights`, and the weights back as they were."""
    blocks = [n for n in ast.walk(loop) if isinstance(n, ast.With) and _is_validation(n)]
    if len(blocks) != 1:
        raise ExportError(
            "--base: expected one `with torch.no_grad():` around the validation in the training loop; there are "
            f"{len(blocks)}"
        )
    block = blocks[0]
    first, last, space = block.lineno - 1, block.end_lineno or block.lineno, " " * block.col_offset
    body = indented("\n".join(lines[first:last]), "    ")
    lines[first:last] = body.split("\n")
    added.setdefault(first, []).extend(
        [
            f"{space}from contextlib import nullcontext",
            f'{space}eval_weights = trial_recipe.get("eval_weights", lambda step: nullcontext())',
            f"{space}kept_weights = [p.detach().clone() for p in model.parameters()]",
            f"{space}with eval_weights({step}):",
        ]
    )
    added.setdefault(last, []).extend(
        [
            f"{space}with torch.no_grad():",
            f"{space}    for p, before in zip(model.parameters(), kept_weights, strict=True):",
            f"{space}        p.copy_(before)",
        ]
    )


def _is_validation(block: ast.With) -> bool:
    """Whether a block calls the model without gradients."""
    contexts = {
        getattr(part, "attr", getattr(part, "id", "")) for i in block.items for part in ast.walk(i.context_expr)
    }
    without = bool(contexts & {"no_grad", "inference_mode"})
    return without and _calls_name("model")(block) and not _calls_method("backward")(block)


def _loop(base: str) -> ast.For:
    """The training loop: the innermost that holds both a backward pass and the optimizers' steps."""
    loops = [
        node
        for node in ast.walk(ast.parse(base))
        if isinstance(node, ast.For) and _calls_method("backward")(node) and _calls_method("step")(node)
    ]
    if not loops:
        raise ExportError("--base: expected a training loop with `.backward()` and `.step()`; there is none")
    return loops[-1]  # breadth first: the innermost comes last


def _statement(loop: ast.For, has: _Test, what: str) -> ast.stmt:
    for node in loop.body:
        if has(node):
            return node
    raise ExportError(f"--base: expected {what} in a statement of its own in the training loop; there is none")


class _Test:
    """Whether a node calls something."""

    def __init__(self, kind: type[ast.expr], name: str) -> None:
        self._kind, self._name = kind, name

    def __call__(self, node: ast.AST) -> bool:
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and isinstance(call.func, self._kind):
                name = getattr(call.func, "id", getattr(call.func, "attr", ""))
                if name == self._name:
                    return True
        return False


def _calls_name(name: str) -> _Test:
    return _Test(ast.Name, name)


def _calls_method(name: str) -> _Test:
    return _Test(ast.Attribute, name)

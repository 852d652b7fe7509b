"""Graft a definition: the donor's function or class in the place of the first parent's of the same name.

Both parents often descend from one ancestor; then this exchanges one changed part. This module must not
know how code is moved.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from evolve.operators.base import NoVariationError
from evolve.operators.grafting.base import Grafted
from evolve.operators.grafting.draft import Draft
from evolve.operators.grafting.reach import reached
from evolve.operators.grafting.recipe import OPTIMIZER_API, Recipe, read_keys
from evolve.operators.grafting.same import Sameness
from evolve.operators.pruning.reading import is_setdefault, string
from population.syntax import callee, entries

_Defined = ast.FunctionDef | ast.ClassDef


@dataclass(frozen=True, eq=False)
class DefinitionGraft:
    """A function or class of the donor for the host's of the same name.

    Attributes:
        ours: The host's.
        theirs: The donor's.
    """

    ours: _Defined
    theirs: _Defined
    weight: float = 1.0

    def apply(self, host: Recipe, donor: Recipe) -> Grafted:
        """Move it.

        Raises:
            NoVariationError: The host uses its own in a way that the donor's does not allow.
        """
        self._check_calls(host)
        if isinstance(self.theirs, ast.ClassDef):
            self._check_class(host, self.theirs)
        draft = Draft(host, donor, "new", [self.ours])
        draft.bring(self.theirs, in_place_of=self.ours)
        kind = "class" if isinstance(self.ours, ast.ClassDef) else "function"
        return Grafted(draft.finish(), self.ours.name, f"the {kind} {self.ours.name}")

    def _check_calls(self, host: Recipe) -> None:
        """Every call in the host must fit the donor's arguments."""
        arguments, bound = _signature(self.theirs)
        for load in host.reading.binding(self.ours).loads:
            call = host.reading.parent[load]
            if isinstance(call, ast.Call) and call.func is load and not _fits(host, call, arguments, bound):
                raise NoVariationError(f"line {call.lineno} calls {self.ours.name} as the donor's cannot be")

    def _check_class(self, host: Recipe, theirs: ast.ClassDef) -> None:
        """What the host asks of its optimizer, and the settings that the class reads, must exist."""
        methods = {part.name for part in theirs.body if isinstance(part, ast.FunctionDef)} | OPTIMIZER_API
        for slot in host.slots:
            if slot.definition is self.ours:
                for load in slot.variable.loads:
                    asked = host.attribute(load)
                    if asked and asked not in methods:
                        raise NoVariationError(f"the donor's {theirs.name} has no {asked}")
        missing = read_keys([theirs]) - {"params"} - _keys(host.reading.tree) - _keys(theirs)
        if missing:
            lacking = ", ".join(sorted(missing))
            raise NoVariationError(f"the donor's {theirs.name} reads {lacking}, which nothing sets")


def definition_grafts(host: Recipe, donor: Recipe) -> Iterator[DefinitionGraft]:
    """Every definition of the donor that differs from one of the host that the recipe reaches."""
    live = {unit.name: unit for unit in reached(host) if isinstance(unit, _Defined)}
    same = Sameness(host, donor)
    for unit in reached(donor):
        if isinstance(unit, _Defined) and unit.name in live and unit.name != "recipe":
            ours = live[unit.name]
            if type(ours) is type(unit) and host.reading.parent[ours] is host.reading.tree:
                binding = donor.reading.binding(unit)
                if donor.reading.parent[unit] is donor.reading.tree and same.twin(binding) is None:
                    yield DefinitionGraft(ours, unit)


def _signature(definition: _Defined) -> tuple[ast.arguments | None, int]:
    """Arguments of a call, and how many leading ones Python fills in itself."""
    if isinstance(definition, ast.FunctionDef):
        return definition.args, 0
    for part in definition.body:
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            return part.args, 1
    return None, 1


def _fits(host: Recipe, call: ast.Call, arguments: ast.arguments | None, bound: int) -> bool:
    """Whether a call of the host suits these arguments, `**` of dicts that the recipe writes out included."""
    if arguments is None or any(isinstance(part, ast.Starred) for part in call.args):
        return False
    positional = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)][bound:]
    if len(call.args) > len(positional) and arguments.vararg is None:
        return False
    given = {*positional[: len(call.args)], *(word.arg for word in call.keywords if word.arg)}
    spread = [host.value_of(word.value) for word in call.keywords if word.arg is None]
    known_spread = [value for value in spread if isinstance(value, ast.Dict | ast.Call) and _is_plain(value)]
    given |= {key for value in known_spread for key, _ in entries(value)}
    known = {*positional, *(argument.arg for argument in arguments.kwonlyargs)}
    if arguments.kwarg is None and not given <= known:
        return False
    optional = set(positional[len(positional) - len(arguments.defaults) :] if arguments.defaults else ())
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    optional |= {argument.arg for argument, default in pairs if default is not None}
    return len(known_spread) < len(spread) or known - optional <= given


def _is_plain(value: ast.Dict | ast.Call) -> bool:
    """Whether all keys of a dict are written out."""
    if isinstance(value, ast.Dict):
        return all(key is not None for key in value.keys)
    return callee(value) == "dict" and not value.args and all(word.arg for word in value.keywords)


def _keys(root: ast.AST) -> set[str]:
    """Keywords and constant keys that code gives: the settings and states that may exist."""
    found: set[str] = set()
    for node in ast.walk(root):
        if isinstance(node, ast.Dict | ast.Call):
            found |= {key for key, _ in entries(node)}
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            found |= _texts(node.slice)
        if is_setdefault(node):
            found |= _texts(node.args[0])
        if isinstance(node, ast.Tuple | ast.Dict | ast.DictComp):
            found |= _texts(node)
    return found


def _texts(root: ast.AST) -> set[str]:
    return {text for node in ast.walk(root) if (text := string(node)) is not None}

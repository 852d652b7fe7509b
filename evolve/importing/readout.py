"""Which of several validations at one step counts: the one for which weights are changed before and restored after.

A script that validates its weights as they are, and then an average of them, is published with the average's loss.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from evolve.importing.trees import Function, called, method, own_calls, walk_own

_SWAPS = frozenset({"load_state_dict", "swap", "swap_parameters", "store", "restore", "apply_shadow", "copy_to"})
_DEPTH = 4


@dataclass(frozen=True)
class Readout:
    """A block in which the loss is validated at least once.

    Attributes:
        before: Its statements before the validation that counts, other validations left out.
        chosen: The validation that counts.
        after: The statements after it, likewise.
        others: The other validations.
        changes: Whether weights are changed for the one that counts.
    """

    before: list[ast.stmt]
    chosen: ast.stmt
    after: list[ast.stmt]
    others: list[ast.stmt]
    changes: bool

    @classmethod
    def of(cls, body: list[ast.stmt], evaluators: Collection[str], functions: Mapping[str, Function]) -> Readout:
        """Choose the last one with other weights, or else the first."""
        places = [i for i, each in enumerate(body) if any(called(call) in evaluators for call in own_calls(each))]
        place, changes = places[0], False
        for number, here in enumerate(places):
            start = places[number - 1] + 1 if number else 0
            end = places[number + 1] if number + 1 < len(places) else len(body)
            sides = body[start:here], body[here + 1 : end]
            around = all(any(_changes(each, functions) for each in side) for side in sides)
            if around or _has_both(body[here], evaluators, functions):
                place, changes = here, True
        others = [body[i] for i in places if i != place]
        before = [each for i, each in enumerate(body[:place]) if i not in places]
        after = [each for i, each in enumerate(body) if i > place and i not in places]
        return cls(before, body[place], after, others, changes)

    def notes(self) -> list[str]:
        """What the user should know."""
        if not self.others:
            return []
        lines = ", ".join(str(each.lineno) for each in self.others)
        if not self.changes:
            return [f"line {lines}: further validations at the same step are left out"]
        return [
            f"line {self.chosen.lineno}: the loss with the weights set there counts; other validations at the same "
            f"step (line {lines}) are left out"
        ]


def _has_both(statement: ast.stmt, evaluators: Collection[str], functions: Mapping[str, Function]) -> bool:
    """Whether a compound statement changes weights before a validation inside of it and after."""
    for node in walk_own(statement):
        for name in ("body", "orelse"):
            block = getattr(node, name, None)
            if not isinstance(block, list):
                continue
            runs = [i for i, each in enumerate(block) if any(called(c) in evaluators for c in own_calls(each))]
            writes = [i for i, each in enumerate(block) if i not in runs and _changes(each, functions)]
            if runs and writes and min(writes) < max(runs) and max(writes) > min(runs):
                return True
    return False


def _changes(statement: ast.AST, functions: Mapping[str, Function], depth: int = 0) -> bool:
    """Whether a statement writes to tensors other than a loss."""
    for node in walk_own(statement):
        if isinstance(node, ast.Attribute) and node.attr == "data" and isinstance(node.ctx, ast.Store):
            return True
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and "loss" not in ast.dump(node.func.value):
            name = method(node)
            if name in _SWAPS or (name.endswith("_") and not name.startswith("_")):
                return True
        function = functions.get(called(node))
        if function is not None and depth < _DEPTH and any(_changes(s, functions, depth + 1) for s in function.body):
            return True
    return False

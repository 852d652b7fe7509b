"""Cuts of conditions: one side of an `if` or of a conditional expression is kept always.

Not those that guard against something missing, against shapes, or the first step; and the side that stays must not
need matrices where the condition may have kept vectors out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from evolve.operators.ablation.cut import Cut, mentions_lr, named, needs_matrices, place, short
from evolve.operators.ablation.needs import Needs
from evolve.operators.pruning.fold import keep_side
from evolve.operators.pruning.reading import Reading
from evolve.operators.pruning.vocabulary import words

_SHAPES = words("size shape numel dim is_contiguous dtype device")


def branches(reading: Reading, needs: Needs) -> Iterator[Cut]:
    """Every condition that can be decided for good."""
    for node in reading.nodes:
        if isinstance(node, ast.IfExp) and _may_be_decided(reading, node.test):
            for side, gone, word in ((node.body, node.orelse, "true"), (node.orelse, node.body, "false")):
                if _is_safe(reading, node.test, [side], word) and not mentions_lr(gone):
                    yield Cut(
                        "branch", place(reading, node), _what(reading, node.test, word), (reading.replaced(node, side),)
                    )
        elif isinstance(node, ast.If) and _may_be_decided(reading, node.test):
            for kept, dropped, word in ((node.body, node.orelse, "true"), (node.orelse, node.body, "false")):
                safe = bool(kept) and _is_safe(reading, node.test, kept, word) and needs.may_go(dropped, within=node)
                if safe and (edits := keep_side(reading, node, kept, dropped)):
                    yield Cut("branch", place(reading, node), _what(reading, node.test, word), tuple(edits))


def _what(reading: Reading, test: ast.expr, word: str) -> str:
    return f"condition `{short(reading, test)}`, taken as {word}"


def _may_be_decided(reading: Reading, test: ast.expr) -> bool:
    """Whether a condition asks about steps, hyperparameters, groups or names, not about what is there yet."""
    for part in ast.walk(test):
        if isinstance(part, ast.Compare) and any(isinstance(op, ast.Is | ast.IsNot) for op in part.ops):
            return False
        if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.Not) and isinstance(part.operand, ast.Name):
            return False  # `not state`
        if (
            isinstance(part, ast.Call)
            and isinstance(part.func, ast.Name)
            and part.func.id in {"len", "isinstance", "hasattr"}
        ):
            return False
    return _SHAPES.isdisjoint(named(test)) and not _asks_for_key(test, ast.NotIn)


def _asks_for_key(test: ast.expr, kind: type[ast.cmpop]) -> bool:
    return any(
        isinstance(part, ast.Compare)
        and isinstance(part.left, ast.Constant)
        and any(isinstance(op, kind) for op in part.ops)
        for part in ast.walk(test)
    )


def _without_flag(test: ast.expr) -> bool | None:
    """How a condition on a flag of a group comes out for groups that lack it; None for other conditions."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=inner):
            absent = _without_flag(inner)
            return None if absent is None else not absent
        case ast.Call(func=ast.Attribute(attr="get"), args=[_]):
            return False
        case ast.Subscript(slice=ast.Constant(value=str())):
            return False
        case _:
            return None


def _is_safe(reading: Reading, test: ast.expr, kept: list[ast.expr] | list[ast.stmt], word: str) -> bool:
    absent = _without_flag(test)
    if absent is not None and absent is not (word == "true"):
        return False  # special treatment may be dropped, not given to all
    present = word == "true" and _asks_for_key(test, ast.In) and "state" in list(named(test))
    return not present and not any(needs_matrices(reading, part) for part in kept)

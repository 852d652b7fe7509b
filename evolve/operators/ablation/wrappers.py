"""Cuts of calls: `f(x, ...)` gives way to x where both are tensors, and a bound of `min` or `max` goes."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from evolve.operators.ablation.cut import Cut, mentions_lr, place, short
from evolve.operators.ablation.standin import stand_in
from evolve.operators.pruning.cuts import without_members
from evolve.operators.pruning.reading import Function, Reading
from evolve.operators.pruning.values import Value, Values
from evolve.operators.pruning.vocabulary import words

_TORCH = words("clamp clip sign tanh triu tril normalize nan_to_num")


def wrappers(reading: Reading, values: Values) -> Iterator[Cut]:
    """Every call that can be replaced by its first argument, and every bound of `min` and `max`."""
    for node in reading.nodes:
        if not isinstance(node, ast.Call) or not node.args or isinstance(node.args[0], ast.Starred):
            continue
        path = reading.path(node.func)
        own = isinstance(reading.definition(node.func), Function)
        if own or (path.startswith("torch.") and path.rpartition(".")[2] in _TORCH):
            if values.of(node) is Value.TENSOR and values.of(node.args[0]) is Value.TENSOR:
                what = f"call of `{ast.unparse(node.func)}` around `{short(reading, node.args[0])}`"
                yield Cut("call", place(reading, node), what, (stand_in(reading, values, node, node.args[0]),))
        elif path in {"builtins.min", "builtins.max"} and len(node.args) > 1 and not node.keywords:
            yield from _bounds(reading, node)


def _bounds(reading: Reading, node: ast.Call) -> Iterator[Cut]:
    for gone in node.args:
        kept = [argument for argument in node.args if argument is not gone]
        if mentions_lr(gone) or any(isinstance(part, ast.Call) and _is_count(part) for part in kept):
            continue
        edits = [reading.replaced(node, kept[0])] if len(kept) == 1 else without_members(reading, node, [gone])
        what = f"bound `{short(reading, gone)}` of `{short(reading, node)}`"
        yield Cut("bound", place(reading, node), what, tuple(edits))


def _is_count(node: ast.Call) -> bool:
    """Whether a whole number is made, which a bound may keep from being zero."""
    return isinstance(node.func, ast.Name) and node.func.id in {"int", "round", "len"}

"""One part of an expression in the place of the whole, without exposing the part to writes that hit a copy before."""

from __future__ import annotations

import ast

from evolve.operators.ablation.cut import called
from evolve.operators.pruning.purity import base_object, is_fresh, is_in_place
from evolve.operators.pruning.reading import Function, Reading
from evolve.operators.pruning.text import Edit
from evolve.operators.pruning.values import Value, Values
from evolve.operators.pruning.vocabulary import VIEWS

_FOLLOWED = 5
"""Names and callers through which an object is followed."""


def stand_in(reading: Reading, values: Values, node: ast.expr, kept: ast.expr) -> Edit:
    """Put a part of an expression in its place; a tensor that lives on elsewhere is cloned if it would be written to.

    `(m / weight).sqrt_()` must not become `m.sqrt_()`, which would write into the average itself.
    """
    exposed = values.of(kept) > Value.NUMBER and not is_fresh(base_object(kept)) and is_written(reading, node)
    if not exposed:
        return reading.replaced(node, kept)
    simple = isinstance(kept, ast.Name | ast.Attribute | ast.Subscript | ast.Call)
    text = reading.text.of(kept)
    return reading.text.replaced(node, f"{text}.clone()" if simple else f"({text}).clone()")


def is_written(reading: Reading, node: ast.expr, depth: int = 0) -> bool:
    """Whether the object that an expression makes is written to: by the next link, under its name, by a caller."""
    if depth > _FOLLOWED:
        return False
    parent = reading.parent[node]
    if isinstance(parent, ast.Attribute):
        call = reading.parent[parent]
        if isinstance(call, ast.Call) and call.func is parent:
            return is_in_place(parent.attr) or (parent.attr in VIEWS and is_written(reading, call, depth))
        return parent.attr in VIEWS and is_written(reading, parent, depth)
    if isinstance(parent, ast.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ast.Name):
        binding = reading.binding(parent.targets[0])
        again = any(isinstance(reading.parent.get(store), ast.AugAssign) for store in binding.stores)
        return again or any(is_written(reading, load, depth + 1) for load in binding.loads)
    if isinstance(parent, ast.Return):
        function = reading.inside(parent, Function)
        calls = [n for n in reading.nodes if isinstance(n, ast.Call) and function in called(reading, n)]
        return any(is_written(reading, call, depth + 1) for call in calls)
    return False

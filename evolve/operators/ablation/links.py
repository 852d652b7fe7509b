"""Cuts in chains of tensor methods: `x.mul_(b).add_(g)`, `g.lerp(m, b)`, `.clamp(...)`, `.sign_()`.

A running average gives way to its newest member, a mixture to one of its parts, and a link that bounds or
normalizes to what it was applied to. Averages that something is divided by stay: one gradient alone may be zero.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from evolve.operators.ablation.cut import Cut, is_guard, mentions_lr, place, short
from evolve.operators.ablation.divisors import Divisors
from evolve.operators.ablation.standin import stand_in
from evolve.operators.pruning.calls import keys_of
from evolve.operators.pruning.holders import Holders
from evolve.operators.pruning.reading import Reading, string
from evolve.operators.pruning.text import Edit
from evolve.operators.pruning.values import Value, Values
from evolve.operators.pruning.vocabulary import words

_BOUNDS = words("clamp clamp_ clip clip_ sign sign_ tanh tanh_ nan_to_num triu tril abs round")
_FACTORS = words("mul mul_ div div_")
_SMALL = 1e-3


def links(reading: Reading, values: Values, divisors: Divisors) -> Iterator[Cut]:
    """Every link of a method chain that can go."""
    for node in reading.nodes:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name, receiver = node.func.attr, node.func.value
        if (
            name in reading.methods
            or reading.path(node.func)
            or values.of(node) is not Value.TENSOR
            or mentions_lr(node)
        ):
            continue
        if name in {"lerp_", "add_"} and is_state(reading, receiver):
            yield from _memory(reading, values, node, divisors)
        elif name in {"lerp", "add"}:
            yield from _mixture(reading, values, node)
        elif name == "add_" and node.args and not is_guard(node.args[0]) and values.of(node.args[0]) is Value.TENSOR:
            if not isinstance(reading.parent[node], ast.Expr):
                yield _cut(reading, values, "term", node, receiver, node.args[0])
        elif name in _BOUNDS and not _protects(node) and not isinstance(reading.parent[node], ast.Expr):
            what = f"`.{name}(...)` of `{short(reading, node)}`"
            yield Cut("bound", place(reading, node), what, (stand_in(reading, values, node, receiver),))


def is_state(reading: Reading, receiver: ast.expr) -> bool:
    """Whether an expression is an entry of an optimizer's state, possibly after `.mul_(...)`."""
    if isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Attribute) and receiver.func.attr == "mul_":
        receiver = receiver.func.value
    if isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Attribute):
        return receiver.func.attr == "setdefault"
    if isinstance(receiver, ast.Subscript):
        return string(receiver.slice) is not None
    if isinstance(receiver, ast.Name):
        held = Holders(reading, keys_of(reading)).of(receiver)
        return held is not None and any(isinstance(r, tuple) and r[0] == "key" for r in held)
    return False


def _memory(reading: Reading, values: Values, node: ast.Call, divisors: Divisors) -> Iterator[Cut]:
    """The newest member in the place of a running average."""
    if not node.args or divisors.holds(node):
        return
    what = f"memory of `{short(reading, node)}`"
    newest = node.args[0]
    if isinstance(reading.parent[node], ast.Expr):
        assert isinstance(node.func, ast.Attribute)
        receiver = node.func.value
        if isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Attribute) and receiver.func.attr == "mul_":
            receiver = receiver.func.value
        text = f"{reading.text.of(receiver)}.copy_({reading.text.of(newest)})"
        yield Cut("memory", place(reading, node), what, (Edit(*reading.text.span(node), text),))
    else:
        yield Cut("memory", place(reading, node), what, (stand_in(reading, values, node, newest),))


def _mixture(reading: Reading, values: Values, node: ast.Call) -> Iterator[Cut]:
    """One part in the place of `a.lerp(b, w)` or `a.add(b, alpha=w)`."""
    assert isinstance(node.func, ast.Attribute)
    parts = [node.func.value, *node.args[:1]]
    if len(parts) == 2 and all(values.of(part) is Value.TENSOR for part in parts):
        yield _cut(reading, values, "term", node, parts[0], parts[1])
        yield _cut(reading, values, "term", node, parts[1], parts[0])


def _cut(reading: Reading, values: Values, kind: str, node: ast.expr, kept: ast.expr, gone: ast.expr) -> Cut:
    what = f"{kind} `{short(reading, gone)}` of `{short(reading, node)}`"
    return Cut(kind, place(reading, node), what, (stand_in(reading, values, node, kept),))


def _protects(node: ast.Call) -> bool:
    """Whether a bound keeps something from being zero or negative."""
    numbers = [a for a in [*node.args, *(k.value for k in node.keywords)] if isinstance(a, ast.Constant)]
    return any(isinstance(n.value, int | float) and abs(n.value) < _SMALL for n in numbers)

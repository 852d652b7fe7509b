"""Cuts in chains of tensor methods: `x.mul_(b).add_(g)`, `g.lerp(m, b)`, `.clamp(...)`, `.sign_()`.

A running average gives way to its newest member, a mixture to one of its parts, and a link that bounds or
normalizes to what it was applied to. Averages that something is divided by stay: one gradient alone may be zero.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from evolve.operators.ablation.cut import Cut, is_guard, mentions_lr, place, short
from evolve.operators.ablation.values import Value, Values
from evolve.operators.pruning.holders import Holders
from evolve.operators.pruning.keys import Keys
from evolve.operators.pruning.reading import Reading, string
from evolve.operators.pruning.text import Edit

_BOUNDS = frozenset("clamp clamp_ clip clip_ sign sign_ tanh tanh_ nan_to_num triu tril abs round".split())  # noqa: SIM905
_FACTORS = frozenset("mul mul_ div div_".split())  # noqa: SIM905
_SMALL = 1e-3


def links(reading: Reading, values: Values) -> Iterator[Cut]:
    """Every link of a method chain that can go."""
    divisors = Divisors(reading)
    for node in reading.nodes:
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        name, receiver = node.func.attr, node.func.value
        if name in reading.methods or values.of(node) is not Value.TENSOR or mentions_lr(node):
            continue
        if name in {"lerp_", "add_"} and is_state(reading, receiver):
            yield from _memory(reading, node, divisors)
        elif name in {"lerp", "add"}:
            yield from _mixture(reading, values, node)
        elif name == "add_" and node.args and not is_guard(node.args[0]) and values.of(node.args[0]) is Value.TENSOR:
            if not isinstance(reading.parent[node], ast.Expr):
                yield _cut(reading, "term", node, receiver, node.args[0])
        elif name in _BOUNDS and not _protects(node) and not isinstance(reading.parent[node], ast.Expr):
            what = f"`.{name}(...)` of `{short(reading, node)}`"
            yield Cut("bound", place(reading, node), what, (reading.text.replaced(node, receiver),))


def is_state(reading: Reading, receiver: ast.expr) -> bool:
    """Whether an expression is an entry of an optimizer's state, possibly after `.mul_(...)`."""
    if isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Attribute) and receiver.func.attr == "mul_":
        receiver = receiver.func.value
    if isinstance(receiver, ast.Call) and isinstance(receiver.func, ast.Attribute):
        return receiver.func.attr == "setdefault"
    if isinstance(receiver, ast.Subscript):
        return string(receiver.slice) is not None
    if isinstance(receiver, ast.Name):
        held = Holders(reading, Keys(reading, ())).of(receiver)
        return held is not None and any(isinstance(r, tuple) and r[0] == "key" for r in held)
    return False


def _memory(reading: Reading, node: ast.Call, divisors: Divisors) -> Iterator[Cut]:
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
        yield Cut("memory", place(reading, node), what, (reading.text.replaced(node, newest),))


def _mixture(reading: Reading, values: Values, node: ast.Call) -> Iterator[Cut]:
    """One part in the place of `a.lerp(b, w)` or `a.add(b, alpha=w)`."""
    assert isinstance(node.func, ast.Attribute)
    parts = [node.func.value, *node.args[:1]]
    if len(parts) == 2 and all(values.of(part) is Value.TENSOR for part in parts):
        yield _cut(reading, "term", node, parts[0], parts[1])
        yield _cut(reading, "term", node, parts[1], parts[0])


def _cut(reading: Reading, kind: str, node: ast.expr, kept: ast.expr, gone: ast.expr) -> Cut:
    what = f"{kind} `{short(reading, gone)}` of `{short(reading, node)}`"
    return Cut(kind, place(reading, node), what, (reading.text.replaced(node, kept),))


def _protects(node: ast.Call) -> bool:
    """Whether a bound keeps something from being zero or negative."""
    numbers = [a for a in [*node.args, *(k.value for k in node.keywords)] if isinstance(a, ast.Constant)]
    return any(isinstance(n.value, int | float) and abs(n.value) < _SMALL for n in numbers)


class Divisors:
    """Which names and entries something is divided by, or a root is taken of."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._names: set[str] = set()
        for node in reading.nodes:
            for divisor in _divisors(node):
                self._names.update(_leaves(divisor))
        grown = True
        while grown:  # what makes a divisor is one as well
            before = len(self._names)
            for node in reading.nodes:
                if isinstance(node, ast.Assign) and any(t in self._names for t in _targets(node)):
                    self._names.update(_leaves(node.value))
            grown = len(self._names) > before

    def holds(self, node: ast.expr) -> bool:
        """Whether an expression ends up below a fraction bar or a root."""
        around: ast.AST = node
        while isinstance(around, ast.expr):
            parent = self._reading.parent[around]
            if any(part is around for part in _divisors(parent)):
                return True
            if isinstance(parent, ast.Assign):
                return any(name in self._names for name in _targets(parent))
            if isinstance(parent, ast.Expr):
                return any(name in self._names for name in _leaves(_root(node)))
            around = parent
        return False


def _divisors(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return [node.right]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        name = node.func.attr
        if name in {"div", "div_", "divide", "true_divide"}:
            return node.args[:1]
        if name in {"addcdiv", "addcdiv_"}:
            return node.args[1:2]
        if name in {"sqrt", "sqrt_", "rsqrt", "rsqrt_", "reciprocal", "reciprocal_", "inv"}:
            return [node.func.value, *node.args[:1]]
    return []


def _root(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.endswith("_"):
        node = node.func.value
    return node


def _leaves(node: ast.expr) -> list[str]:
    """Names and string keys that an expression is made of, learning rates and groups apart."""
    found = [f"name {n.id}" for n in ast.walk(node) if isinstance(n, ast.Name) and n.id not in {"state", "group", "self", "p"}]
    return found + [f"key {string(n.slice)}" for n in ast.walk(node) if isinstance(n, ast.Subscript) and string(n.slice)]


def _targets(node: ast.Assign) -> list[str]:
    return [leaf for target in node.targets for leaf in _leaves(target)]

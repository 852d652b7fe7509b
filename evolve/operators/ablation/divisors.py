"""What stands below fraction bars, roots and logarithms: where a zero, or one gradient instead of many, does harm."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from evolve.operators.pruning.reading import Reading, string

_NOT_VALUES = frozenset({"state", "group", "self", "p"})


class Divisors:
    """Which variables and entries end up below a fraction bar or a root, and which must therefore not be zero.

    Both are followed backwards through assignments and arguments, by name.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._below = self._followed(leaves)
        self._not_zero = self._followed(_vanishing)

    def holds(self, node: ast.expr) -> bool:
        """Whether an expression ends up below a fraction bar or a root."""
        around: ast.AST = node
        while isinstance(around, ast.expr):
            parent = self._reading.parent[around]
            if any(part is around for part in _divisors(parent)):
                return True
            if isinstance(parent, ast.Assign):
                return any(name in self._below for target in parent.targets for name in leaves(target))
            if isinstance(parent, ast.Expr):
                return any(name in self._below for name in leaves(_root(node)))
            around = parent
        return False

    def mention(self, name: str) -> bool:
        """Whether a variable or entry of this name has a part in what something is divided by."""
        return name in self._below

    def needs(self, name: str) -> bool:
        """Whether a variable or entry of this name must not be zero."""
        return name in self._not_zero

    def _followed(self, parts: Callable[[ast.expr], list[str]]) -> set[str]:
        """All leaves of divisors, and of what they are made of."""
        found = {leaf for node in self._reading.nodes for divisor in _divisors(node) for leaf in parts(divisor)}
        while True:
            more = {
                leaf
                for node in self._reading.nodes
                for target, value in _given(node)
                if target in found
                for leaf in parts(value)
            }
            if more <= found:
                return found
            found |= more


def leaves(node: ast.expr) -> list[str]:
    """Names and string keys that an expression is made of; dicts that are only looked into do not count."""
    found = [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and n.id not in _NOT_VALUES]
    keys = (string(n.slice) for n in ast.walk(node) if isinstance(n, ast.Subscript))
    return found + [key for key in keys if key is not None]


def _vanishing(node: ast.expr) -> list[str]:
    """The leaves with any of which an expression becomes zero."""
    match node:
        case ast.Name(id=name):
            return [name]
        case ast.Subscript(slice=index):
            key = string(index)
            return [key] if key is not None else []
        case ast.UnaryOp(operand=inner) | ast.BinOp(left=inner, op=ast.Div() | ast.Pow()):
            return _vanishing(inner)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _vanishing(left) + _vanishing(right)
        case _:
            return []


def _given(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """What a node gives to variables and entries: (name, value)."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
                    pairs = zip(target.elts, value.elts, strict=False)
                    yield from ((leaf, part) for name, part in pairs for leaf in leaves(name))
                else:
                    yield from ((leaf, value) for leaf in leaves(target))
        case ast.keyword(arg=str(name), value=value):
            yield name, value


def _divisors(node: ast.AST) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        return [node.right]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and _is_negative(node.right):
        return [node.left]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        name, receiver = node.func.attr, node.func.value
        if name in {"div", "div_", "divide", "true_divide"}:
            return node.args[:1]
        if name in {"addcdiv", "addcdiv_"}:
            return node.args[1:2]
        if name in {"pow", "pow_"}:
            return [receiver] if any(_is_negative(argument) for argument in node.args) else []
        if name in {"sqrt", "sqrt_", "rsqrt", "rsqrt_", "reciprocal", "reciprocal_", "inv", "log"}:
            return [receiver, *node.args[:1]]
    return []


def _is_negative(node: ast.expr) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def _root(node: ast.expr) -> ast.expr:
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.endswith("_"):
        node = node.func.value
    return node

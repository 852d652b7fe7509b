"""What stands below fraction bars and roots: where a zero, or one gradient instead of many, would do harm."""

from __future__ import annotations

import ast

from evolve.operators.pruning.reading import Reading, string


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

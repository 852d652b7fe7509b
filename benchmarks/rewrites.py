"""Rewrites of a genome that mean the same: what a refactoring does to it, up to the order of roundings."""

from __future__ import annotations

import ast
from collections.abc import Callable

SKIPPED = frozenset({"initialize", "set_hparams", "learning_rate", "schedule"})
"""Functions left alone: their numbers would move by design, not by rounding."""


class _Rewriter(ast.NodeTransformer):
    """Rewrites expressions outside of the functions that are left alone; counts how many."""

    def __init__(self, rewrite: Callable[[ast.expr], ast.expr | None]) -> None:
        self._rewrite = rewrite
        self.count = 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node if node.name in SKIPPED else self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        changed = self._rewrite(node) if isinstance(node, ast.expr) else None
        self.count += changed is not None
        return node if changed is None else ast.copy_location(changed, node)


def rewritten(source: str, name: str) -> str | None:
    """The genome with one kind of rewrite applied wherever it fits; None where it fits nowhere."""
    rewriter = _Rewriter(REWRITES[name])
    tree = ast.fix_missing_locations(rewriter.visit(ast.parse(source)))
    return ast.unparse(tree) + "\n" if rewriter.count else None


def _method(node: ast.expr, name: str) -> tuple[ast.expr, list[ast.expr], dict[str | None, ast.expr]] | None:
    """Receiver, arguments and keywords of a call of a method of that name."""
    match node:
        case ast.Call(func=ast.Attribute(value=receiver, attr=attr), args=args, keywords=keywords) if attr == name:
            return receiver, args, {keyword.arg: keyword.value for keyword in keywords}
    return None


def _made(template: str, **parts: ast.expr) -> ast.expr:
    """An expression with names replaced by expressions."""

    class Fill(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.expr:
            return parts.get(node.id, node)

    filled: ast.expr = Fill().visit(ast.parse(template, mode="eval").body)
    return filled


def _commute(node: ast.expr) -> ast.expr | None:
    match node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return ast.BinOp(right, ast.Mult(), left)
    return None


def _reciprocal(node: ast.expr) -> ast.expr | None:
    match node:
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _made("left * (1 / right)", left=left, right=right)
    return None


def _scaled_add(node: ast.expr) -> ast.expr | None:
    found = _method(node, "add_")
    if found and "alpha" in found[2]:
        return _made("p.add_(alpha * x)", p=found[0], alpha=found[2]["alpha"], x=found[1][0])
    return None


def _divided_add(node: ast.expr) -> ast.expr | None:
    found = _method(node, "addcdiv_")
    if found and "value" in found[2]:
        return _made("p.add_(value * (x / y))", p=found[0], value=found[2]["value"], x=found[1][0], y=found[1][1])
    return None


def _average(node: ast.expr) -> ast.expr | None:
    found = _method(node, "lerp_")
    if found and len(found[1]) == 2:
        return _made("m.mul_(1 - (w)).add_((w) * x)", m=found[0], x=found[1][0], w=found[1][1])
    return None


def _shrink(node: ast.expr) -> ast.expr | None:
    found = _method(node, "mul_")
    match found:
        case (receiver, [ast.BinOp(left=ast.Constant(value=1), op=ast.Sub(), right=part)], _):
            return _made("p.sub_(p * (part))", p=receiver, part=part)
    return None


def _square(node: ast.expr) -> ast.expr | None:
    found = _method(node, "square")
    return _made("x ** 2", x=found[0]) if found else None


def _root(node: ast.expr) -> ast.expr | None:
    found = _method(node, "sqrt")
    return _made("x ** 0.5", x=found[0]) if found else None


REWRITES: dict[str, Callable[[ast.expr], ast.expr | None]] = {
    "a * b -> b * a": _commute,
    "a / b -> a * (1 / b)": _reciprocal,
    "add_(x, alpha=a) -> add_(a * x)": _scaled_add,
    "addcdiv_ -> add_ of a quotient": _divided_add,
    "lerp_ -> mul_ and add_": _average,
    "mul_(1 - a) -> sub_(p * a)": _shrink,
    "square() -> ** 2": _square,
    "sqrt() -> ** 0.5": _root,
}

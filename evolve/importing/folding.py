"""Settings and constants applied to a script: what they decide is decided, what cannot be reached goes."""

from __future__ import annotations

import ast
from collections.abc import Callable

from evolve.blocks import blocks
from evolve.importing.facts import Facts
from evolve.importing.outside import UNKNOWN
from evolve.importing.trees import literal

_MOST_ROUNDS = 12
_ATOMS = ast.Constant | ast.Name | ast.Lambda


def folded(tree: ast.Module, facts: Callable[[ast.Module], Facts], clean: Callable[[ast.Module], None]) -> Facts:
    """Fold a script in place until nothing changes any more.

    Args:
        tree: The script.
        facts: Makes the facts of the script as it stands.
        clean: Removes, in place, what has become needless.

    Returns:
        The facts of the script as it is in the end; all settings that were looked up are in `read`.
    """
    read: dict[str, object] = {}
    before = ""
    known = facts(tree)
    for _ in range(_MOST_ROUNDS):
        now = ast.dump(tree)
        if now == before:
            break
        before = now
        known = facts(tree)
        _Fold(known).visit(tree)
        read |= known.read
        tidy(tree)
        clean(tree)
        tidy(tree)
        known = facts(tree)
    known.read = {**read, **known.read}
    return known


def tidy(tree: ast.AST) -> None:
    """Remove, in place, what stands after a `return` and the like, and fill emptied blocks."""
    for node in list(ast.walk(tree)):
        for body in blocks(node):
            for index, statement in enumerate(body):
                if isinstance(statement, ast.Return | ast.Raise | ast.Continue | ast.Break) and index + 1 < len(body):
                    if all(_may_go(after) for after in body[index + 1 :]):
                        del body[index + 1 :]
                    break
            if len(body) > 1 and any(isinstance(each, ast.Pass) for each in body):
                body[:] = [each for each in body if not isinstance(each, ast.Pass)] or [ast.Pass()]
        if hasattr(node, "body") and isinstance(node.body, list) and not node.body and not isinstance(node, ast.Module):
            node.body.append(ast.Pass())


def _may_go(statement: ast.AST) -> bool:
    """Whether a statement says nothing about its function as a whole."""
    return not any(
        isinstance(node, ast.Yield | ast.YieldFrom | ast.Global | ast.Nonlocal) for node in ast.walk(statement)
    )


class _Fold(ast.NodeTransformer):
    """One pass."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.AST]:
        value = self._facts.truth(node.test)
        if value is not UNKNOWN:
            kept, gone = (node.body, node.orelse) if value else (node.orelse, node.body)
            if all(_may_go(each) for each in gone):
                result: list[ast.AST] = []
                for statement in kept:
                    visited = self.visit(statement)
                    result += visited if isinstance(visited, list) else [visited] if visited is not None else []
                return result or ast.copy_location(ast.Pass(), node)
        self.generic_visit(node)
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        value = self._facts.truth(node.test)
        if value is not UNKNOWN:
            return self.visit(node.body if value else node.orelse)
        self.generic_visit(node)
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        """Drop leading parts that do not decide."""
        neutral = isinstance(node.op, ast.And)
        kept = list(node.values)
        while len(kept) > 1:
            value = self._facts.truth(kept[0])
            if value is UNKNOWN:
                break
            if bool(value) is not neutral:
                kept = kept[:1]
                break
            kept = kept[1:]
        if len(kept) == 1:
            return self.visit(kept[0])
        if len(kept) != len(node.values):
            node.values = kept
        self.generic_visit(node)
        return node

    def visit_While(self, node: ast.While) -> ast.AST | None:
        if not node.orelse and self._facts.truth(node.test) is False and _may_go(node):
            return ast.copy_location(ast.Pass(), node)
        self.generic_visit(node)
        return node

    def visit_For(self, node: ast.For) -> ast.AST | None:
        items = self._facts.value(node.iter)
        if isinstance(items, list | tuple | set | dict | range) and not items and not node.orelse and _may_go(node):
            return ast.copy_location(ast.Pass(), node)
        self.generic_visit(node)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """Constants that a log shows otherwise than the script has them."""
        name = node.targets[0].id if len(node.targets) == 1 and isinstance(node.targets[0], ast.Name) else ""
        found = literal(self._facts.shown[name]) if name in self._facts.shown else None
        if found is not None and self._facts.is_outermost(node):
            node.value = ast.fix_missing_locations(ast.copy_location(found, node.value))
        self.generic_visit(node)
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.AST | None:
        value = self._facts.truth(node.test)
        if value is not UNKNOWN and value:
            return ast.copy_location(ast.Pass(), node)
        return node

    def visit(self, node: ast.AST) -> ast.AST:
        """Put values in the place of what reads the environment or the command line."""
        if isinstance(node, ast.expr) and not isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
            decided = self._facts.is_decided_call(node)
            if decided or (not isinstance(node, _ATOMS) and self._facts.is_steered(node)):
                value = self._facts.value(node)
                found = None if value is UNKNOWN else literal(value)
                if found is not None:
                    return ast.fix_missing_locations(ast.copy_location(found, node))
        return super().visit(node)  # type: ignore[no-any-return]

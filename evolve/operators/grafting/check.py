"""Whether a child holds together: every name is defined, and defined before it is used.

This module must not know how the child was made.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from evolve.operators.base import NoVariationError
from evolve.operators.grafting.recipe import within
from evolve.operators.pruning.reading import Reading
from evolve.operators.pruning.scopes import Scope


def check_names(reading: Reading) -> None:
    """Check a child.

    Raises:
        NoVariationError: A name means nothing, or is read before it is set.
    """
    for node in ast.walk(reading.tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            binding = reading.binding(node)
            if not binding.stores and not hasattr(builtins, binding.name):
                raise NoVariationError(f"the child would use {binding.name}, which nothing defines")
    _check_order(reading, reading.tree.body, reading.scopes.module)
    if reading.recipe is not None:
        _check_order(reading, reading.recipe.body, reading.scopes.scope_of[reading.recipe])


def _check_order(reading: Reading, body: list[ast.stmt], scope: Scope) -> None:
    known = {name for name, own in scope.names.items() if any(isinstance(s, ast.arg) for s in own.stores)}
    for statement in body:
        for node in _at_once(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
                continue
            if isinstance(node, ast.Name):
                binding = reading.binding(node)
                inside = any(within(reading, store, statement) for store in binding.stores)
                if binding.scope is scope and binding.name not in known and not inside:
                    raise NoVariationError(f"the child would read {binding.name} before it is set")
        for name, binding in scope.names.items():
            if any(within(reading, store, statement) for store in binding.stores):
                known.add(name)


def _at_once(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a statement that run when it is reached: not the bodies of functions."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and (
            child is getattr(node, "body", None) or child in (node.body if isinstance(node.body, list) else ())
        ):
            continue
        yield from _at_once(child)

"""What a genome's recipe reaches, and what it no longer reaches once parts are taken out.

Units are the statements of the module and of the recipe's own body. This module must not know why a part
goes.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from evolve.operators.grafting.recipe import Recipe
from evolve.operators.pruning.reading import is_docstring

_Definition = (
    ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign
)


def reached(recipe: Recipe, without: Sequence[ast.AST] = (), also: Sequence[ast.AST] = ()) -> list[ast.stmt]:
    """Units that matter for what the recipe does, in source order.

    Args:
        recipe: The genome's recipe.
        without: Nodes that are taken as gone, with all that is inside them.
        also: Nodes that count even if they lie inside a gone one.
    """
    gone = {id(node) for node in without}
    body = recipe.reading.tree.body
    roots: list[ast.AST] = [recipe.function]
    for block in (body, recipe.function.body):
        roots += [unit for unit in block if not _is_definition(unit) and not is_docstring(unit)]
    scopes = (recipe.reading.scopes.module, recipe.reading.scopes.scope_of[recipe.function])
    units = {id(unit): unit for unit in (*body, *recipe.function.body)}
    found: dict[int, ast.AST] = {}
    stack: list[ast.AST] = [*also, *reversed(roots)]
    while stack:
        node = stack.pop()
        if id(node) in gone or id(node) in found:
            continue
        if isinstance(node, ast.stmt) and id(node) in units:
            found[id(node)] = node
        if isinstance(node, ast.Name):
            binding = recipe.reading.binding(node)
            if binding.scope in scopes:
                stack += [_unit(recipe, store) for store in binding.stores]
        inner = list(ast.iter_child_nodes(node))
        if node is recipe.function:
            inner = [part for part in inner if id(part) not in units]
        stack += reversed(inner)
    return [unit for key, unit in units.items() if key in found]


def lost(recipe: Recipe, without: Sequence[ast.AST], also: Sequence[ast.AST] = ()) -> list[ast.stmt]:
    """Units that mattered and no longer do once `without` is gone (units named there included)."""
    after = {id(unit) for unit in reached(recipe, without, also)}
    return [unit for unit in reached(recipe) if id(unit) not in after]


def _is_definition(unit: ast.stmt) -> bool:
    """Whether a statement matters only through the names that it binds."""
    if isinstance(unit, ast.Assign):
        return all(
            isinstance(part, ast.Name | ast.Tuple | ast.List | ast.Starred | ast.expr_context)
            for target in unit.targets
            for part in ast.walk(target)
        )
    return isinstance(unit, _Definition)


def _unit(recipe: Recipe, node: ast.AST) -> ast.AST:
    """The unit that holds a node; the node itself where there is none."""
    inside: ast.AST = node
    while (around := recipe.reading.parent.get(inside)) is not None:
        if around is recipe.function and isinstance(inside, ast.stmt):
            return inside
        if around is recipe.reading.tree:
            return inside
        inside = around
    return node

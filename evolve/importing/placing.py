"""What lives inside `recipe` and what at module level.

A definition that uses the model, or the number of steps, or anything made from them, has to be a closure.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from evolve.importing.computing import is_harmless
from evolve.importing.hooks import Hooks
from evolve.importing.slicing import Needs
from evolve.importing.trees import Definition, names_bound, walk_own

_SIMPLE = (
    ast.Constant, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.Name, ast.Tuple, ast.Load,
    ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
)  # fmt: skip


@dataclass(frozen=True)
class Places:
    """Where statements go.

    Attributes:
        imports: Import statements.
        module: Module level, before the recipe: what stood before the model.
        constants: Module level, among the hyperparameters: what stood after it and is constant.
        recipe: Body of the recipe.
        closed: Names that are the recipe's own.
    """

    imports: list[ast.stmt]
    module: list[ast.stmt]
    constants: list[ast.stmt]
    recipe: list[ast.stmt]
    closed: frozenset[str]


def placed(before: list[ast.stmt], inside: list[ast.stmt], hooks: Hooks, needs: Needs, closed: set[str]) -> Places:
    """Decide where kept statements go.

    Args:
        before: Statements before the model.
        inside: Statements after it.
        hooks: The loop.
        needs: Tells free names.
        closed: Names that only the recipe knows: the model, the number of steps.
    """
    closed = set(closed)
    stored = _stored_often([*before, *inside, *(s for body in hooks.bodies() for s in body)])
    while True:
        size = len(closed)
        for statement in before:
            if not isinstance(statement, ast.Import | ast.ImportFrom) and needs.of(statement) & closed:
                closed |= names_bound(statement)
        for statement in inside:
            if needs.of(statement) & closed or not _may_move(statement, stored):
                closed |= names_bound(statement)
        if len(closed) == size:
            break
    imports: list[ast.stmt] = [each for each in [*before, *inside] if isinstance(each, ast.Import | ast.ImportFrom)]
    module = [each for each in before if each not in imports and not _is_closed(each, closed)]
    own = [each for each in before if each not in imports and _is_closed(each, closed)]
    constants = [
        each for each in inside if each not in imports and _may_move(each, stored) and not _is_closed(each, closed)
    ]
    own += [each for each in inside if each not in imports and each not in constants]
    for statement in own:
        _redeclare(statement, closed)
    return Places(imports, module, constants, own, frozenset(closed))


def _is_closed(statement: ast.stmt, closed: set[str]) -> bool:
    return bool(names_bound(statement) & closed)


def _may_move(statement: ast.stmt, stored: set[str]) -> bool:
    """Whether a statement is a definition, or a constant that is set once."""
    if isinstance(statement, Definition):
        return statement.name not in stored
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return True
    if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
        return False
    simple = all(isinstance(part, _SIMPLE) for part in ast.walk(statement.value)) and is_harmless(statement.value)
    return simple and not names_bound(statement) & stored and bool(names_bound(statement))


def _stored_often(statements: list[ast.stmt]) -> set[str]:
    """Names that are bound by more than one statement, or declared `global` somewhere."""
    seen: set[str] = set()
    often: set[str] = set()
    for statement in statements:
        bound = names_bound(statement)
        often |= bound & seen
        seen |= bound
        for node in ast.walk(statement):
            if isinstance(node, ast.Global | ast.Nonlocal):
                often |= set(node.names)
            if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node in walk_own(statement):
                often.add(node.target.id)
    return often


def _redeclare(statement: ast.stmt, closed: set[str]) -> None:
    """Inside of `recipe` a script's global variable is the recipe's own: `nonlocal`."""
    for node in ast.walk(statement):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        for index, each in enumerate(body):
            if isinstance(each, ast.Global):
                own = [name for name in each.names if name in closed]
                rest = [name for name in each.names if name not in closed]
                found: list[ast.stmt] = [ast.copy_location(ast.Nonlocal(own), each)] if own else []
                found += [ast.copy_location(ast.Global(rest), each)] if rest else []
                if own:
                    body[index : index + 1] = found

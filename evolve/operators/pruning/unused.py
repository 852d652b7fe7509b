"""Drop what nothing uses: definitions, arguments, state, entries of parameter groups, and whatever fed only them."""

from __future__ import annotations

import ast

from evolve.operators.pruning.cuts import without_members, without_statements
from evolve.operators.pruning.liveness import Liveness
from evolve.operators.pruning.reading import Reading
from evolve.operators.pruning.text import Edit
from evolve.operators.pruning.units import Unit


def unused(reading: Reading) -> list[Edit]:
    """Edits that remove everything whose absence cannot be observed."""
    dead = Liveness(reading).dead()
    members: dict[ast.AST, list[Unit]] = {}
    statements: dict[ast.stmt, None] = {}
    for unit in dead:
        if unit.owner is not None:
            members.setdefault(unit.owner, []).append(unit)
        elif isinstance(unit.node, ast.stmt):
            statements[unit.node] = None
    edits: list[Edit] = []
    for owner, units in members.items():
        if isinstance(owner, ast.stmt) and len(units) == _size(owner):
            statements[owner] = None
        else:
            edits += without_members(reading, owner, [u.node for u in units], [u.name for u in units])
    return edits + without_statements(reading, list(statements))


def _size(owner: ast.stmt) -> int:
    """How many members a statement consists of."""
    match owner:
        case ast.Import() | ast.ImportFrom() | ast.Global() | ast.Nonlocal():
            return len(owner.names)
        case ast.Assign(targets=[ast.Tuple(elts=names)]):
            return len(names)
        case _:
            raise TypeError(f"a {type(owner).__name__} statement has no members")

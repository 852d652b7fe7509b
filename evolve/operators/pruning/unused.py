"""Drop what nothing uses: definitions, arguments, state, entries of parameter groups, and whatever fed only them."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from evolve.operators.pruning.cuts import without_members, without_statements
from evolve.operators.pruning.liveness import Liveness
from evolve.operators.pruning.reading import Reading
from evolve.operators.pruning.text import Edit
from evolve.operators.pruning.units import Unit


def unused(reading: Reading) -> Iterator[list[Edit]]:
    """Edits that remove everything whose absence cannot be observed."""
    members: dict[ast.AST, list[Unit]] = {}
    statements: dict[ast.AST, None] = {}
    for unit in Liveness(reading).dead():
        if unit.owner is not None:
            members.setdefault(unit.owner, []).append(unit)
        elif isinstance(unit.node, ast.stmt):
            statements[unit.node] = None
    for owner, units in members.items():
        if isinstance(owner, ast.stmt) and len(units) == _size(owner):
            statements[owner] = None
    outermost = [s for s in statements if isinstance(s, ast.stmt) and not _is_inside(reading, s, statements)]
    edits = without_statements(reading, outermost)
    for owner, units in members.items():
        if owner not in statements and not _is_inside(reading, owner, statements):
            edits += without_members(reading, owner, [u.node for u in units], [u.name for u in units])
    yield edits


def _is_inside(reading: Reading, node: ast.AST, statements: Collection[ast.AST]) -> bool:
    """Whether a node goes with a statement around it."""
    around = reading.parent.get(node)
    while around is not None and around not in statements:
        around = reading.parent.get(around)
    return around is not None


def _size(owner: ast.stmt) -> int:
    """How many members a statement consists of."""
    match owner:
        case ast.Import() | ast.ImportFrom() | ast.Global() | ast.Nonlocal():
            return len(owner.names)
        case ast.Assign(targets=[ast.Tuple(elts=names)]):
            return len(names)
        case _:
            raise TypeError(f"a {type(owner).__name__} statement has no members")

"""Take out what a graft left without a purpose: settings of groups that no optimizer reads any more.

This module must not know which graft it was.
"""

from __future__ import annotations

import ast

from evolve.operators.base import NoVariationError
from evolve.operators.grafting.reach import lost
from evolve.operators.grafting.recipe import Recipe, read_keys
from evolve.operators.pruning.reading import Reading, string


def without_leftovers(reading: Reading, parents: tuple[Recipe, Recipe]) -> Reading:
    """The child without settings that a parent's optimizers read and its own do not."""
    before = {key for parent in parents for key in read_keys([parent.reading.tree])}
    dead = before - read_keys([reading.tree])
    try:
        recipe = Recipe(reading) if dead else None
    except NoVariationError:
        recipe = None
    going = [node for node in ast.walk(recipe.function) if _only_sets(node, dead)] if recipe else []
    if recipe is None or not going:
        return reading
    gone = [*going, *lost(recipe, going)]
    edits = []
    for body in _blocks(reading, gone):
        edits += reading.text.without(body, [unit for unit in body if unit in gone])
    return Reading(reading.text.edited(edits))


def _only_sets(node: ast.AST, keys: set[str]) -> bool:
    """Whether a statement is an assignment to such keys alone: `group["alpha"], group["beta3"] = ...`."""
    if not isinstance(node, ast.Assign) or len(node.targets) != 1:
        return False
    target = node.targets[0]
    places = target.elts if isinstance(target, ast.Tuple) else [target]
    return all(isinstance(place, ast.Subscript) and string(place.slice) in keys for place in places)


def _blocks(reading: Reading, statements: list[ast.AST]) -> list[list[ast.stmt]]:
    found: list[list[ast.stmt]] = []
    for statement in statements:
        assert isinstance(statement, ast.stmt)
        body = reading.block(statement)
        if not any(body is other for other in found):
            found.append(body)
    return found

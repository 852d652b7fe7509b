"""The dict that `recipe` returns, and hooks in it that do nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from evolve.operators.pruning.cuts import without_members
from evolve.operators.pruning.keys import Entry, dict_entries
from evolve.operators.pruning.purity import plain_values
from evolve.operators.pruning.reading import HOOKS, Function, Reading, is_docstring
from evolve.operators.pruning.text import Edit


def returned(reading: Reading) -> list[tuple[ast.expr, Entry]]:
    """The entries of the dicts that `recipe` returns, each with the dict it stands in."""
    found = []
    for node in reading.nodes:
        if isinstance(node, ast.Return) and node.value is not None and reading.inside(node, Function) is reading.recipe:
            made = node.value
            if isinstance(made, ast.Name):
                values = plain_values(reading, reading.binding(made))
                made = values[0] if values is not None and len(values) == 1 else made
            found += [(made, entry) for entry in dict_entries(reading, made) or []]
    return found


def empty_hooks(reading: Reading) -> Iterator[list[Edit]]:
    """Edits that drop optional hooks which are None, or whose function does nothing, from what `recipe` returns."""
    for owner, entry in returned(reading):
        function = reading.definition(entry.value)
        silent = isinstance(function, Function) and entry.key != "eval_weights" and _does_nothing(function)
        absent = isinstance(entry.value, ast.Constant) and entry.value.value is None
        if entry.key in HOOKS and (silent or absent):
            yield without_members(reading, owner, [entry.element])


def _does_nothing(function: Function) -> bool:
    return not function.decorator_list and all(_says_nothing(statement) for statement in function.body)


def _says_nothing(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Return):
        return statement.value is None or (isinstance(statement.value, ast.Constant) and statement.value.value is None)
    return isinstance(statement, ast.Pass) or is_docstring(statement)

"""States that are tested for being empty, and what is written to them."""

from __future__ import annotations

import ast

from evolve.operators.pruning.keys import dict_entries
from evolve.operators.pruning.reading import Reading, string


def keys_written(reading: Reading, statement: ast.stmt, subject: ast.expr) -> list[str]:
    """The literal keys that a statement writes to a dict, named in the same words."""
    found = []
    for node in ast.walk(statement):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and _same(node.value, subject):
            found += [name] if (name := string(node.slice)) is not None else []
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _same(node.func.value, subject):
            found += [entry.key for entry in dict_entries(reading, node) or []]
    return found


def _same(left: ast.expr, right: ast.expr) -> bool:
    return ast.dump(left) == ast.dump(right)


def tested_for_emptiness(test: ast.expr) -> list[ast.expr]:
    """The expressions whose being empty a condition may ask about."""
    found = []
    for node in ast.walk(test):
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            found.append(node.operand)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len" and node.args:
            found.append(node.args[0])
        elif isinstance(node, ast.Compare):
            found.append(node.left)
    return [test, *found]

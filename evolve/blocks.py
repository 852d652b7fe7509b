"""The blocks of statements of a syntax tree: one helper of whatever takes genomes and scripts apart."""

from __future__ import annotations

import ast


def blocks(node: ast.AST) -> list[list[ast.stmt]]:
    """The blocks of statements directly inside a node."""
    found = []
    for name in ("body", "orelse", "finalbody"):
        body = getattr(node, name, None)
        if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
            found.append(body)
    for member in [*getattr(node, "handlers", []), *getattr(node, "cases", [])]:
        found.append(member.body)
    return found

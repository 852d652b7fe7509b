"""Small questions about syntax trees that several modules ask.

This module must not know what a genome is for; it must not import torch.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

_NEWLINE = re.compile(rb"\r\n|\r|\n")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
"""What `def` and `class` make."""


def in_order(node: ast.AST) -> Iterator[ast.AST]:
    """Like `ast.walk`, but in the order of the source."""
    yield node
    for child in ast.iter_child_nodes(node):
        yield from in_order(child)


def entries(node: ast.Dict | ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """Constant string keys of a dict, or keywords of a call, with their values."""
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value
    else:
        yield from ((keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg)


def callee(node: ast.Call) -> str:
    """Last name of what is called: `AdamW` of `torch.optim.AdamW(...)`; "call" where there is none."""
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return "call"


def find_recipe(tree: ast.Module) -> ast.FunctionDef | None:
    """The function `recipe` of a genome (the last one, which is the one that counts)."""
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "recipe"]
    return found[-1] if found else None


def lines(node: ast.stmt | ast.expr) -> tuple[int, int]:
    """First line (decorators included) and last line."""
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    return first, node.end_lineno or node.lineno


def line_starts(text: bytes) -> list[int]:
    """Offset of the first byte of each line, as Python counts lines (form feeds end none)."""
    return [0, *(match.end() for match in _NEWLINE.finditer(text))]


def byte_span(node: ast.expr, starts: list[int]) -> tuple[int, int]:
    """First byte of an expression and the byte after its last, given `line_starts` of its text."""
    last_line, last_byte = node.end_lineno or node.lineno, node.end_col_offset or 0
    return starts[node.lineno - 1] + node.col_offset, starts[last_line - 1] + last_byte

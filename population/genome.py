"""The genome: one self-contained optimizer source, its identity, and the only ways in which it is parsed.

Identity is a digest over a canonical form of our own rather than `ast.unparse`, whose output differs between
Python 3.11, 3.12 and 3.13. This module must not run a genome or know what its parts mean, nor import torch.
"""

from __future__ import annotations

import ast
import hashlib
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import libcst

MAX_BYTES = 64 << 10
"""Largest genome, in bytes of UTF-8."""

MAX_DEPTH = 120
"""Deepest nesting of a genome's syntax tree: beyond some hundred levels libcst overflows or hangs."""

_DIGEST_CHARACTERS = 20

_NO_MEANING = frozenset({"ctx", "kind", "type_comment", "type_ignores", "simple", "lineno", "col_offset"})
"""Fields that record spelling, or repeat what the position in the tree already says."""


class GenomeError(ValueError):
    """A source text that cannot be a genome; the message says what is wrong and where."""


def parse(source: str) -> ast.Module:
    """The syntax tree of a genome, after every check that makes it safe to hand to other parsers.

    Raises:
        GenomeError: The text is too large, holds NUL bytes, does not compile, or is nested too deeply.
    """
    _check(source)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(source, "<genome>")


@lru_cache(maxsize=64)
def _check(source: str) -> None:
    """All that may be wrong with a text; one that has passed lately passes at once."""
    _check_text(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "<genome>", "exec", dont_inherit=True)
            tree = ast.parse(source, "<genome>")
    except SyntaxError as error:
        where = f" at line {error.lineno}" if error.lineno else ""
        raise GenomeError(f"the genome is not valid Python{where}: {error.msg}") from error
    except (MemoryError, RecursionError) as error:
        raise GenomeError("the genome is nested too deeply for Python's own compiler; flatten it") from error
    except ValueError as error:
        raise GenomeError(f"the genome does not compile: {error}") from error
    depth = _depth(tree)
    if depth > MAX_DEPTH:
        raise GenomeError(f"the genome is nested {depth} levels deep, at most {MAX_DEPTH} are allowed; flatten it")


def module(source: str) -> libcst.Module:
    """The concrete syntax tree (formatting and comments kept) of a genome that passed `parse`.

    Raises:
        GenomeError: As `parse`, or libcst does not know the syntax.
    """
    import libcst

    parse(source)
    try:
        return libcst.parse_module(source)
    except (libcst.ParserSyntaxError, RecursionError) as error:
        raise GenomeError(f"libcst cannot parse the genome: {error}") from error


@lru_cache(maxsize=64)
def digest(source: str) -> str:
    """Identity of a genome: 20 hexadecimal characters of the SHA-256 of its canonical form.

    Two sources have one digest if they differ only in formatting, comments, docstrings, redundant
    parentheses, quotes or the spelling of a number. Names and order count. Equal on every supported Python.

    Raises:
        GenomeError: As `parse`.
    """
    return tree_digest(parse(source))


def tree_digest(tree: ast.Module) -> str:
    """Digest of the canonical form of a tree."""
    form: list[str] = []
    _write(tree, form)
    return hashlib.sha256("".join(form).encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST_CHARACTERS]


def _check_text(source: str) -> None:
    try:
        size = len(source.encode())
    except UnicodeEncodeError as error:
        raise GenomeError("the genome holds lone surrogates and cannot be written as UTF-8") from error
    if size > MAX_BYTES:
        raise GenomeError(f"the genome has {size} bytes, at most {MAX_BYTES} are allowed; cut it down")
    if "\0" in source:
        raise GenomeError("the genome holds a NUL character; it must be plain text")
    if source.startswith("\ufeff"):
        raise GenomeError("the genome starts with a byte order mark; save it as UTF-8 without one")


def _depth(tree: ast.AST) -> int:
    """Levels of the tree, counted without recursion."""
    depth, level = 0, [tree]
    while level:
        depth += 1
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return depth


def _write(value: object, out: list[str]) -> None:
    """Append the canonical form: fields labelled, empty ones left out, string lengths given."""
    if isinstance(value, ast.JoinedStr):
        _write_f_string(value, out)
    elif isinstance(value, ast.Constant):
        out.append(_constant(value.value))
    elif isinstance(value, ast.AST):
        out.append(f"({type(value).__name__}")
        for name in sorted(value._fields):
            field = getattr(value, name, None)
            if name == "level" and field == 0:
                field = None
            if name == "body" and isinstance(field, list):
                field = [line for line in field if not _says_nothing(line)]
            if name not in _NO_MEANING and field is not None and field != []:
                out.append(f" {name}=")
                _write(field, out)
        out.append(")")
    elif isinstance(value, list):
        out.append("[")
        for item in value:
            _write(item, out)
            out.append(",")
        out.append("]")
    else:
        out.append(_constant(value))


def _constant(value: object) -> str:
    """A constant with its type; the repr of int, float, complex and bytes is the same on every Python."""
    if isinstance(value, str):
        return f"str{len(value)}:{value}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"int:{value:x}"  # in decimal, Python refuses to print very long integers
    return f"{type(value).__name__}:{value!r}"


def _write_f_string(node: ast.JoinedStr, out: list[str]) -> None:
    """Append an f-string; Python versions differ in how they cut its constant text into pieces."""
    parts: list[str | ast.expr] = []
    for piece in node.values:
        if isinstance(piece, ast.Constant) and isinstance(piece.value, str):
            if parts and isinstance(parts[-1], str):
                parts[-1] += piece.value
            elif piece.value:
                parts.append(piece.value)
        else:
            parts.append(piece)
    if all(isinstance(part, str) for part in parts):
        out.append(_constant("".join(part for part in parts if isinstance(part, str))))
        return
    out.append("(JoinedStr")
    for part in parts:
        out.append(" ")
        if isinstance(part, ast.FormattedValue):
            out.append(f"({part.conversion} ")
            _write(part.value, out)
            if part.format_spec is not None:
                out.append(":")
                _write(part.format_spec, out)
            out.append(")")
        else:
            _write(part, out)
    out.append(")")


def _says_nothing(node: object) -> bool:
    """Docstrings, other strings standing alone, and `pass`."""
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    return isinstance(node, ast.Pass)

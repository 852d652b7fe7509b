"""Printing statements of a changed syntax tree so that what did not change keeps its text, comments included.

Must not know what the statements are for.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Sequence

from evolve.importing.trees import Definition

_INDENT = "    "
_COMPOUND = (ast.If, ast.For, ast.While, ast.With, ast.Try, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Printer:
    """Prints statements of one script.

    Args:
        source: Its text.
        tree: Its tree as parsed from that text, before any change.
    """

    def __init__(self, source: str, tree: ast.Module) -> None:
        self._lines = source.split("\n")
        self._frozen = _inside_strings(source)
        self._was: dict[ast.AST, tuple[str, str]] = {}
        self._shares: set[ast.AST] = set()
        previous: ast.stmt | None = None
        for node in ast.walk(tree):
            if isinstance(node, ast.stmt):
                self._was[node] = (ast.dump(node), _header(node))
        ordered = sorted((node for node in self._was), key=lambda n: (n.lineno, n.col_offset))  # type: ignore[attr-defined]
        for node in ordered:
            assert isinstance(node, ast.stmt)
            if previous is not None and previous.end_lineno == node.lineno:
                self._shares |= {previous, node}
            if not isinstance(node, _COMPOUND):
                previous = node

    def block(self, statements: Sequence[ast.stmt], depth: int = 0) -> str:
        """The text of a block, each line ended; at least `pass`."""
        parts = []
        for index, statement in enumerate(statements or [ast.Pass()]):
            blank = min(self._blank_above(statement), 2 if depth == 0 else 1) if index else 0
            if depth == 0 and index and isinstance(statement, Definition):
                blank = 2
            parts.append("\n" * blank + self.statement(statement, depth))
        return "".join(parts)

    def statement(self, node: ast.stmt, depth: int) -> str:
        """The text of one statement with the comment above it."""
        known = self._was.get(node)
        if known is None or node in self._shares:
            return _indented(ast.unparse(ast.fix_missing_locations(node)), depth)
        comment = self._comment(node, depth)
        if known[0] == ast.dump(node):
            return comment + self._verbatim(self._first(node), node.end_lineno or node.lineno, node.col_offset, depth)
        if isinstance(node, ast.If | ast.For | ast.While | ast.With | ast.FunctionDef | ast.ClassDef):
            return comment + self._compound(node, depth, known[1])
        return comment + _indented(ast.unparse(ast.fix_missing_locations(node)), depth)

    def _compound(self, node: ast.stmt, depth: int, header: str) -> str:
        body: list[ast.stmt] = node.body  # type: ignore[attr-defined]
        first = next((each for each in body if each in self._was), None)
        same = header == _header(node) and first is not None and first is self._first_original(node, first)
        if same and first is not None and self._first(first) > node.lineno:
            top = self._comment_start(first)
            last = max(self._end_of_header(node, top), node.lineno)
            text = self._verbatim(self._first(node), last, node.col_offset, depth)
        else:
            text = _indented(_unparsed_header(node), depth)
        text += self.block(body, depth + 1)
        orelse: list[ast.stmt] = getattr(node, "orelse", [])
        if len(orelse) == 1 and isinstance(node, ast.If) and isinstance(orelse[0], ast.If):
            inner = self._without_comment(orelse[0], depth)
            return text + _INDENT * depth + "el" + inner[len(_INDENT * depth) :]
        if orelse:
            text += _INDENT * depth + "else:\n" + self.block(orelse, depth + 1)
        return text

    def _without_comment(self, node: ast.If, depth: int) -> str:
        """An `elif`: no verbatim text, since its position is that of the `if` after `el`."""
        text = _indented(_unparsed_header(node), depth) + self.block(node.body, depth + 1)
        orelse = node.orelse
        if len(orelse) == 1 and isinstance(orelse[0], ast.If):
            inner = self._without_comment(orelse[0], depth)
            return text + _INDENT * depth + "el" + inner[len(_INDENT * depth) :]
        return text + (_INDENT * depth + "else:\n" + self.block(orelse, depth + 1) if orelse else "")

    def _first_original(self, node: ast.stmt, first: ast.stmt) -> ast.stmt:
        return first

    def _first(self, node: ast.stmt) -> int:
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        return min([node.lineno, *(each.lineno for each in decorators)])

    def _end_of_header(self, node: ast.stmt, top: int) -> int:
        """Last line of a header: that of the colon before the body, found from what the header holds."""
        ends = [node.lineno]
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, ast.stmt | ast.ExceptHandler) and hasattr(child, "end_lineno"):
                ends.append(getattr(child, "end_lineno", None) or 0)
            if isinstance(child, ast.arguments | ast.withitem):
                ends += [getattr(each, "end_lineno", None) or 0 for each in ast.walk(child)]
        line = max(ends)
        while line < top - 1 and not self._lines[line - 1].split("#")[0].rstrip().endswith(":"):
            line += 1
        return line

    def _verbatim(self, first: int, last: int, column: int, depth: int) -> str:
        """Lines of the source, moved to another depth; lines inside of strings stay where they are."""
        found = []
        for number in range(first, last + 1):
            line = self._lines[number - 1]
            if number not in self._frozen and line.strip():
                own = len(line) - len(line.lstrip())
                line = _INDENT * depth + " " * max(own - column, 0) + line.lstrip()
            found.append(line.rstrip() if number not in self._frozen else line)
        return "\n".join(found) + "\n"

    def _comment_start(self, node: ast.stmt) -> int:
        """First line of the comment right above a statement, or the statement's own; banners do not count."""
        top = self._first(node)
        column = node.col_offset
        while top > 1 and self._lines[top - 2].lstrip().startswith("#") and (top - 1) not in self._frozen:
            line = self._lines[top - 2]
            if len(line) - len(line.lstrip()) != column or is_banner(line):
                break
            top -= 1
        return top

    def _comment(self, node: ast.stmt, depth: int) -> str:
        top, first = self._comment_start(node), self._first(node)
        return "".join(f"{_INDENT * depth}{self._lines[n - 1].strip()}\n" for n in range(top, first))

    def _blank_above(self, node: ast.stmt) -> int:
        if node not in self._was:
            return 0
        line, count = self._comment_start(node) - 1, 0
        while line >= 1 and not self._lines[line - 1].strip():
            line, count = line - 1, count + 1
        return count


def is_banner(line: str) -> bool:
    """Whether a line is part of a section's box of `#`, or of a rule of dashes."""
    text = line.strip()
    return text.startswith("##") or (text.startswith("#") and text.endswith("#") and len(text) > 20) or "----" in text


def _header(node: ast.stmt) -> str:
    """What a compound statement is without its blocks."""
    if not isinstance(node, _COMPOUND):
        return ""
    parts = []
    for name, value in ast.iter_fields(node):
        if name in ("body", "orelse", "finalbody", "handlers"):
            continue
        for each in value if isinstance(value, list) else [value]:
            parts.append(ast.dump(each) if isinstance(each, ast.AST) else repr(each))
    return "|".join(parts)


def _unparsed_header(node: ast.stmt) -> str:
    copy = type(node)(**dict(ast.iter_fields(node)))
    copy.body = [ast.Pass()]  # type: ignore[attr-defined]
    if hasattr(copy, "orelse"):
        copy.orelse = []
    text = ast.unparse(ast.fix_missing_locations(ast.copy_location(copy, node)))
    return text[: text.rindex("pass")].rstrip()


def _indented(text: str, depth: int) -> str:
    frozen = _inside_strings(text + "\n")
    lines = text.split("\n")
    return "".join(
        (line if number in frozen or not line else _INDENT * depth + line) + "\n"
        for number, line in enumerate(lines, 1)
    )


def _inside_strings(source: str) -> frozenset[int]:
    """Numbers of lines that begin inside of a string."""
    inside: set[int] = set()
    starts: list[int] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            name = tokenize.tok_name[token.type]
            if name == "STRING":
                inside.update(range(token.start[0] + 1, token.end[0] + 1))
            elif name == "FSTRING_START":
                starts.append(token.start[0])
            elif name == "FSTRING_END":
                inside.update(range(starts.pop() + 1, token.end[0] + 1))
    except (tokenize.TokenError, IndentationError, SyntaxError):
        pass
    return frozenset(inside)

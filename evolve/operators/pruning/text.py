"""Edits of a genome's text at the positions of its syntax tree, so that whatever stays keeps its formatting.

This module knows spans, commas, comments and blank lines; it must not know why something is cut.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

_WORDS_BEFORE_PARENTHESES = frozenset(
    ["return", "in", "and", "or", "not", "if", "else", "is", "lambda", "yield", "assert", "while", "for"]
)

_ATOMIC = (str, ast.Name, ast.Attribute, ast.Subscript, ast.Call, ast.Constant, ast.List, ast.Dict, ast.ListComp)

_TITLE = re.compile(r"#.*\S.*#$")

Element: TypeAlias = ast.expr | ast.keyword | ast.arg | ast.alias | tuple[ast.expr | None, ast.expr]
"""A member of a comma-separated list; a pair is an entry of a dict display (no key: a `**` entry)."""


@dataclass(frozen=True, order=True)
class Edit:
    """Replace the characters from `start` up to `end` by `text`."""

    start: int
    end: int
    text: str = ""


class Text:
    """A source text addressed by syntax-tree positions.

    Attributes:
        source: The text, with lines ended by line feeds alone.
    """

    def __init__(self, source: str) -> None:
        self.source = source.replace("\r\n", "\n").replace("\r", "\n")
        self._lines = self.source.split("\n")
        self._starts = [0]
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line) + 1)

    def offset(self, line: int, utf8_column: int) -> int:
        """Index of a character, given its line (from 1) and its column in bytes, as `ast` counts them."""
        text = self._lines[line - 1]
        column = utf8_column if text.isascii() else len(text.encode()[:utf8_column].decode())
        return self._starts[line - 1] + column

    def span(self, node: Element | ast.stmt) -> tuple[int, int]:
        """First character of a node and the one after its last; parentheses around it do not belong to it."""
        if isinstance(node, tuple):
            key, value = node
            return self.span(key if key is not None else value)[0], self.span(value)[1]
        line, column = node.lineno, node.col_offset
        decorators = getattr(node, "decorator_list", [])
        if decorators:
            line, column = decorators[0].lineno, self._lines[decorators[0].lineno - 1].index("@")
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.offset(line, column), self.offset(node.end_lineno, node.end_col_offset)

    def of(self, node: Element | ast.stmt) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self.source[start:end]

    def line_of(self, offset: int) -> int:
        """Line number, from 0, of a character."""
        low, high = 0, len(self._lines)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._starts[middle] <= offset else (low, middle)
        return low

    def edited(self, edits: Iterable[Edit]) -> str:
        """The text after all edits; one that lies inside another's span is dropped with it.

        Raises:
            ValueError: Two edits overlap without one containing the other.
        """
        kept: list[Edit] = []
        for edit in sorted(set(edits), key=lambda e: (e.start, -e.end, e.text)):
            if kept and edit.start < kept[-1].end:
                if edit.end > kept[-1].end:
                    raise ValueError(f"edits overlap: {kept[-1]} and {edit}")
                continue
            kept.append(edit)
        parts, position = [], 0
        for edit in kept:
            parts += [self.source[position : edit.start], edit.text]
            position = edit.end
        return "".join(parts) + self.source[position:]

    # Statements

    def without(self, body: Sequence[ast.stmt], gone: Sequence[ast.stmt]) -> list[Edit]:
        """Remove statements of one block with the comments that belong to them; an emptied block gets `pass`."""
        edits = []
        indices = [index for index, statement in enumerate(body) if statement in gone]
        if len(indices) == len(body):
            edits.append(Edit(*self.span(body[0]), "pass"))
            indices = indices[1:]
        while indices:
            run = 1
            while run < len(indices) and indices[run] == indices[0] + run and self._follows(body, indices[run]):
                run += 1
            edits.append(self._cut(body, indices[0], indices[run - 1]))
            indices = indices[run:]
        return _joined(edits)

    def _follows(self, body: Sequence[ast.stmt], index: int) -> bool:
        """Whether nothing that stays stands between a statement and the one before, and it has its lines to itself."""
        before = self.line_of(self.span(body[index - 1])[1] - 1)
        first = self._first_comment(self.line_of(self.span(body[index])[0]))
        if any(line.strip() for line in self._lines[before + 1 : first]):
            return False
        ends = [self.line_of(self.span(statement)[1] - 1) for statement in body[max(index - 1, 0) : index + 1]]
        starts = [self.line_of(self.span(statement)[0]) for statement in body[index : index + 2]]
        return all(end < start for end, start in zip(ends, starts, strict=False))

    def _cut(self, body: Sequence[ast.stmt], index: int, last_index: int) -> Edit:
        """Cut a run of statements that stand one below the other."""
        start, end = self.span(body[index])[0], self.span(body[last_index])[1]
        first, last = self.line_of(start), self.line_of(end - 1)
        if last_index + 1 < len(body) and self.line_of(self.span(body[last_index + 1])[0]) == last:
            return Edit(start, self.span(body[last_index + 1])[0])
        if index and self.line_of(self.span(body[index - 1])[1] - 1) == first:
            return Edit(self.span(body[index - 1])[1], end)
        if self.source[self._starts[first] : start].strip():
            return Edit(start, end, "pass")  # a block on the line of its header
        first = self._first_comment(first)
        return self._cut_lines(first, last + 1)

    def _first_comment(self, first: int) -> int:
        """First line of the comment right above a statement; banners belong to their section and stay."""
        indent = len(self._lines[first]) - len(self._lines[first].lstrip())
        top = first
        while top and self._lines[top - 1].lstrip().startswith("#"):
            line = self._lines[top - 1]
            if len(line) - len(line.lstrip()) != indent:
                break
            top -= 1
        banner = any(is_banner(line) for line in self._lines[top:first])
        return first if banner else top

    def _cut_lines(self, first: int, after: int) -> Edit:
        """Cut lines, and of the blank lines around them those that nothing needs any more."""
        above, below = first, after
        while above and not self._lines[above - 1].strip():
            above -= 1
        while below < len(self._lines) and not self._lines[below].strip():
            below += 1
        opens_block = not above or self._lines[above - 1].rstrip().endswith(":")
        dedents = below >= len(self._lines) or self._indent(below) < self._indent(first)
        if opens_block and above == first and not dedents:
            after = below
        elif below > after or dedents:
            first = above
        if dedents and below >= len(self._lines):
            after = max(after, min(below, len(self._lines)) - 1)
        return Edit(self._starts[first], min(self._starts[after], len(self.source)))

    def _indent(self, line: int) -> int:
        return len(self._lines[line]) - len(self._lines[line].lstrip())

    def spliced(self, statement: ast.stmt, body: Sequence[ast.stmt]) -> Edit:
        """Put a block in the place of the compound statement that holds it, one level to the left."""
        start, end = self.span(statement)
        indent = " " * (start - self._starts[self.line_of(start)])
        first, last = self.span(body[0])[0], self.span(body[-1])[1]
        top = self.line_of(first)
        if self.source[self._starts[top] : first].strip():  # on the line of its header
            return Edit(start, end, self.source[first:last])
        top = self._first_comment(top)
        shift = first - self._starts[self.line_of(first)] - len(indent)
        frozen = self._inside_strings(body)
        lines = []
        for number in range(top, self.line_of(last - 1) + 1):
            line = self._lines[number]
            lines.append(line if number in frozen or not line.strip() else line[min(shift, self._indent(number)) :])
        tail = self.source[last : self._starts[self.line_of(last - 1) + 1] - 1]
        text = "\n".join(lines)[len(indent) :]
        return Edit(start, end, text[: len(text) - len(tail)] if tail else text)

    def _inside_strings(self, body: Sequence[ast.stmt]) -> frozenset[int]:
        """Lines that begin inside a string: their indentation is part of a value."""
        inside: set[int] = set()
        for statement in body:
            for node in ast.walk(statement):
                if isinstance(node, ast.JoinedStr) or (
                    isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
                ):
                    inside.update(range(node.lineno, node.end_lineno or node.lineno))
        return frozenset(inside)

    # Expressions and lists

    def replaced(self, node: ast.expr, by: ast.expr | str, *, bare: bool = False) -> Edit:
        """Put an expression, or a text, in the place of another, in parentheses where they may be needed.

        Args:
            node: What goes.
            by: What comes.
            bare: The place needs no parentheses whatever comes (a whole argument, a right-hand side).
        """
        text = by if isinstance(by, str) else self.of(by)
        atomic = isinstance(by, _ATOMIC)
        start, end = self.span(node)
        if self._enclosed(start, end):
            glued = self.source[start - 2 : start - 1].isalnum()
            return (
                Edit(start - 1, end + 1, text) if atomic and "\n" not in text and not glued else Edit(start, end, text)
            )
        if atomic or (bare and "\n" not in text):
            return Edit(start, end, text)
        return Edit(start, end, f"({text})")

    def _enclosed(self, start: int, end: int) -> bool:
        """Whether the span stands in parentheses of its own, which are not a call's."""
        if self.source[max(start - 1, 0) : start] != "(" or self.source[end : end + 1] != ")":
            return False
        before = self.source[: start - 1].rstrip(" ")
        word = re.search(r"[\w\])\"']+$", before)
        return word is None or word.group() in _WORDS_BEFORE_PARENTHESES

    def without_members(self, opening: int, spans: Sequence[tuple[int, int]], gone: Sequence[int]) -> list[Edit]:
        """Remove members of a comma-separated list in brackets.

        Args:
            opening: Position of the opening bracket.
            spans: Spans of all members, in order.
            gone: Indices of those to remove, in order.
        """
        if not gone:
            return []
        closing = self.closing(opening)
        bounds = self._bounds(opening, spans, closing)
        if len(gone) == len(spans):
            return [Edit(opening + 1, closing)]
        last_kept = max(set(range(len(spans))) - set(gone))
        inside, tail = [i for i in gone if i < last_kept], [i for i in gone if i > last_kept]
        lines = {i: self._own_lines(bounds[i], bounds[i + 1][0] if i + 1 < len(spans) else closing) for i in gone}
        edits = [lines[i] or Edit(bounds[i][0], bounds[i + 1][0]) for i in inside]
        whole = [line for i in tail if (line := lines[i]) is not None]
        if len(whole) == len(tail):
            return _joined([*edits, *whole])
        return _joined([*edits, Edit(bounds[last_kept][1], bounds[tail[-1]][1])])

    def _own_lines(self, bounds: tuple[int, int], following: int) -> Edit | None:
        """The cut of whole lines, if a member has them to itself."""
        start, stop = bounds
        line_start = self._starts[self.line_of(start)]
        line_end = self._starts[self.line_of(stop) + 1] - 1
        rest = self.source[stop:line_end].lstrip(" ,")
        alone = not self.source[line_start:start].strip() and line_end < following
        return Edit(line_start, line_end + 1) if alone and (not rest or rest.startswith("#")) else None

    def _bounds(self, opening: int, spans: Sequence[tuple[int, int]], closing: int) -> list[tuple[int, int]]:
        """Span of each member with its own parentheses and stars, the comma after it not included."""
        bounds = []
        start = self._skip_blank(opening + 1)
        for index, (_, stop) in enumerate(spans):
            limit = spans[index + 1][0] if index + 1 < len(spans) else closing
            comma = self._comma(stop, limit)
            inner = self.source[stop:comma]
            bounds.append((start, stop + inner.rindex(")") + 1 if ")" in inner.split("#")[0] else stop))
            if comma < limit:
                start = self._skip_blank(comma + 1)
        return bounds

    def star(self, opening: int, before: Sequence[tuple[int, int]]) -> int:
        """Position of the bare `*` of a signature, given the arguments before it."""
        start = opening + 1
        if before:
            start = self._comma(before[-1][1], len(self.source)) + 1
        return self._skip_blank(start)

    def closing(self, opening: int) -> int:
        """Position of the bracket that closes the one at `opening`."""
        depth, position = 0, opening
        while True:
            character = self.source[position]
            if character in "([{":
                depth += 1
            elif character in ")]}":
                depth -= 1
                if depth == 0:
                    return position
            elif character == "#":
                position = self.source.index("\n", position)
            elif character in "'\"":
                position = self._string_end(position)
            position += 1

    def _string_end(self, position: int) -> int:
        """Position of the last character of the string literal whose first quote is at `position`."""
        quote = self.source[position]
        quote = quote * 3 if self.source.startswith(quote * 3, position) else quote
        position += len(quote)
        while not self.source.startswith(quote, position):
            position += 2 if self.source[position] == "\\" else 1
        return position + len(quote) - 1

    def _comma(self, position: int, limit: int) -> int:
        """Position of the next comma outside comments, or `limit`."""
        while position < limit:
            character = self.source[position]
            if character == ",":
                return position
            if character == "#":
                position = self.source.index("\n", position)
            position += 1
        return limit

    def _skip_blank(self, position: int) -> int:
        """Position of the next character that is neither blank nor in a comment."""
        while self.source[position].isspace() or self.source[position] in "\\#":
            if self.source[position] == "#":
                position = self.source.index("\n", position)
            position += 1
        return position


def _joined(cuts: Sequence[Edit]) -> list[Edit]:
    """Cuts that overlap, as one."""
    joined: list[Edit] = []
    for cut in sorted(cuts):
        if joined and cut.start < joined[-1].end and not cut.text:
            joined[-1] = Edit(joined[-1].start, max(joined[-1].end, cut.end))
        else:
            joined.append(cut)
    return joined


def is_banner(line: str) -> bool:
    """Whether a comment line is part of a section's banner: a rule, or a title between hashes."""
    text = line.strip()
    return text.startswith("#") and ((set(text) <= set("#=-~* ") and len(text) >= 8) or bool(_TITLE.match(text)))

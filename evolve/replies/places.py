"""Where in a source a quoted passage stands, when the quotation may be imperfect.

Five readings, strictest first: word for word; up to indentation; up to white space and the kind of quotes; up to
comments; and nearly (most of its words, in order, and no other passage that comes close). The first reading that finds
a passage decides: one place is the answer, several are refused. A passage is never guessed: better no child than a
wrong one.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

SIMILAR = 0.85
"""Least similarity of a near miss, as the share of its words that match in order (Ratcliff and Obershelp)."""
APART = 0.15
"""Least distance in similarity to the next best passage."""
FEWEST_WORDS = 8
"""A shorter quotation is not matched nearly: too much of the source resembles it."""
_WORD = re.compile(r"\w+|[^\w\s]")


class NoPlaceError(Exception):
    """A quotation stands nowhere, or in several places; the message says which."""


@dataclass(frozen=True)
class Place:
    """A passage and what is to stand there.

    Attributes:
        start: Index of its first line.
        stop: Index after its last line.
        lines: The new lines, indented as the passage is.
    """

    start: int
    stop: int
    lines: tuple[str, ...]


def find(lines: Sequence[str], search: Sequence[str], replace: Sequence[str]) -> Place:
    """The one place of a quotation.

    Args:
        lines: The source.
        search: The quotation; its first and last lines are not blank.
        replace: What is to stand there.

    Raises:
        NoPlaceError: There is none, or there are several.
    """
    for reading in (_word_for_word, _indented, _spelled, _said, _nearly):
        starts = reading(lines, search)
        if len(starts) > 1:
            places = ", ".join(str(start + 1) for start, _ in starts[:5])
            raise NoPlaceError(
                f"its SEARCH fits {len(starts)} places (lines {places}): quote more lines around the change"
            )
        if starts:
            start, stop = starts[0]
            return Place(start, stop, _reindented(replace, search, lines[start:stop]))
    part = _part(lines, search, replace)
    if part is not None:
        return part
    raise NoPlaceError(f"its SEARCH is not in the program; it begins {search[0].strip()[:80]!r}: quote lines exactly")


Passages = list[tuple[int, int]]


def _windows(lines: Sequence[str], length: int, same: Callable[[Sequence[str]], bool]) -> Passages:
    return [(start, start + length) for start in range(len(lines) - length + 1) if same(lines[start : start + length])]


def _word_for_word(lines: Sequence[str], search: Sequence[str]) -> Passages:
    wanted = [line.rstrip() for line in search]
    return _windows(lines, len(search), lambda found: [line.rstrip() for line in found] == wanted)


def _indented(lines: Sequence[str], search: Sequence[str]) -> Passages:
    wanted = _dedented(search)
    return _windows(lines, len(search), lambda found: _dedented(found) == wanted)


def _spelled(lines: Sequence[str], search: Sequence[str]) -> Passages:
    """Passages of the same tokens and comment lines; blank lines may come and go."""
    return _same(lines, search, lambda line: _words(line) or tuple(_WORD.findall(line)))


def _said(lines: Sequence[str], search: Sequence[str]) -> Passages:
    """Passages of the same tokens, whatever the comments; the quotation must not begin or end with a comment."""
    return _same(lines, search, _words) if _words(search[0]) and _words(search[-1]) else []


def _same(lines: Sequence[str], search: Sequence[str], words: Callable[[str], tuple[str, ...]]) -> Passages:
    wanted = [told for line in search if (told := words(line))]
    lines_told = [(at, told) for at, line in enumerate(lines) if (told := words(line))]
    found = []
    for first in range(len(lines_told) - len(wanted) + 1):
        window = lines_told[first : first + len(wanted)]
        if [told for _, told in window] == wanted:
            found.append((window[0][0], window[-1][0] + 1))
    return found


def _nearly(lines: Sequence[str], search: Sequence[str]) -> Passages:
    """The passage of as many lines that shares most words, if it shares enough and no other one comes close.

    Its first and last lines must be the quotation's: what is replaced has to begin and end where its author thinks,
    and no line may go that was not quoted.
    """
    told = [(at, words) for at, line in enumerate(lines) if (words := _words(line))]
    wanted = [words for line in search if (words := _words(line))]
    flat = [word for words in wanted for word in words]
    if len(wanted) < 2 or len(flat) < FEWEST_WORDS:
        return []
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(flat)
    scored = []
    for first in range(len(told) - len(wanted) + 1):
        window = told[first : first + len(wanted)]
        matcher.set_seq1([word for _, words in window for word in words])
        if matcher.real_quick_ratio() > SIMILAR - APART and matcher.quick_ratio() > SIMILAR - APART:
            scored.append((matcher.ratio(), window[0][0], window[-1][0] + 1, window))
    if not scored:
        return []
    ratio, start, stop, window = max(scored, key=lambda one: (one[0], -one[1], -one[2]))
    if ratio < SIMILAR or window[0][1] != wanted[0] or window[-1][1] != wanted[-1]:
        return []
    rivals = [one for one in scored if one[2] <= start or one[1] >= stop]
    if any(rival[0] > ratio - APART for rival in rivals):
        return []
    return [(start, stop)]


def _part(lines: Sequence[str], search: Sequence[str], replace: Sequence[str]) -> Place | None:
    """A quotation of a part of one line, no whole statement, that stands once in the code; whole words only."""
    if len(search) != 1 or len(replace) != 1 or _is_statement(search[0].strip()):
        return None
    old, new = search[0].strip(), replace[0].strip()
    before = r"(?<![\w.])" if re.match(r"\w", old[0]) else ""
    after = r"(?![\w.])" if re.match(r"\w", old[-1]) else ""
    word = re.compile(before + re.escape(old) + after)
    found = [(at, hit) for at, line in enumerate(lines) for hit in word.finditer(line.partition("#")[0])]
    if len(found) > 1:
        raise NoPlaceError(f"its SEARCH fits {len(found)} places: quote whole lines")
    if not found:
        return None
    at, hit = found[0]
    return Place(at, at + 1, (lines[at][: hit.start()] + new + lines[at][hit.end() :],))


def _is_statement(text: str) -> bool:
    """Whether it says something by itself: its author meant the whole of a line."""
    try:
        (node,) = ast.parse(text).body
    except (SyntaxError, ValueError):
        return False
    return not isinstance(node, ast.Expr)


@lru_cache(maxsize=4096)
def _words(line: str) -> tuple[str, ...]:
    """Tokens of a line without its comment, quotes alike; empty for a blank line or a comment."""
    try:
        found = [
            token.string
            for token in tokenize.generate_tokens(io.StringIO(line.strip()).readline)
            if token.type not in (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER)
        ]
    except (tokenize.TokenError, SyntaxError):  # one line of several, or no Python: its words will do
        found = _WORD.findall(line)
    return tuple(word.replace('"', "'") for word in found if word.strip())


def _dedented(lines: Sequence[str]) -> list[str]:
    expanded = [line.expandtabs(4).rstrip() for line in lines]
    margin = min((_margin(line) for line in expanded if line), default=0)
    return [line[margin:] for line in expanded]


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip())


def _reindented(replace: Sequence[str], search: Sequence[str], found: Sequence[str]) -> tuple[str, ...]:
    """The new lines, shifted as far as the quotation's first line is from the passage's."""
    shift = _margin(found[0].expandtabs(4)) - _margin(search[0].expandtabs(4))
    if shift == 0:
        return tuple(replace)
    shifted = []
    for line in replace:
        flat = line.expandtabs(4)
        shifted.append(" " * max(0, _margin(flat) + shift) + flat.lstrip() if flat.strip() else "")
    return tuple(shifted)

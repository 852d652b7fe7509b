"""Blocks as language models get them wrong, each with the outcome that is right: for tests and the benchmark."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

MARKER = "MARKER = 1"
"""Stands in every REPLACE, so that a misplaced edit cannot look like a right one."""


@dataclass(frozen=True)
class Quoted:
    """A reply with one block.

    Attributes:
        kind: What was done to the quotation.
        source: The program.
        reply: The reply.
        expected: The program after the edit.
        may_refuse: Whether refusing is right too; False where every reader would know the place.
        must_refuse: Whether nothing but refusing is right.
    """

    kind: str
    source: str
    reply: str
    expected: str
    may_refuse: bool = False
    must_refuse: bool = False


def quoted(source: str, rng: random.Random) -> Iterator[Quoted]:
    """One of each kind for a random passage of a program."""
    lines = source.splitlines()
    while True:
        length = rng.randint(3, 7)
        start = rng.randrange(len(lines) - length)
        passage = lines[start : start + length]
        if all(line.strip() and not line.strip().startswith("#") for line in (passage[0], passage[-1])):
            break
    expected = [*lines[:start], _indent(passage[0]) + MARKER, *lines[start + length :]]
    new = [_indent(passage[0]) + MARKER]
    many = sum(lines[at : at + length] == passage for at in range(len(lines))) > 1

    def of(kind: str, search: list[str], replace: list[str] = new, **right: bool) -> Quoted:
        if many:
            right = {"may_refuse": True, "must_refuse": search == passage}
        return Quoted(kind, source, block(search, replace), "\n".join(expected) + "\n", **right)

    yield of("as it stands", passage)
    yield of("spaces at line ends", [line + "  " for line in passage])
    yield of("in a fence", ["```python", *passage, "```"])
    flat = _dedented(passage)
    yield of("without indentation", flat, [_indent(flat[0]) + MARKER])
    yield of("indented further", ["    " + line if line else line for line in passage], ["    " + new[0]])
    yield of("other quotes", [line.replace('"', "'") for line in passage])
    yield of("spaces around =", [re.sub(r"(\w)=(\w)", r"\1 = \2", line) for line in passage], may_refuse=True)
    yield of("without comments", [re.sub(r"  #.*", "", line) for line in passage], may_refuse=_has_text(passage))
    yield of("a number misremembered", [re.sub(r"\d\.\d+", "0.777", line) for line in passage], may_refuse=True)
    middle = rng.randint(1, length - 2)
    yield of("a line forgotten", [*passage[:middle], *passage[middle + 1 :]], may_refuse=True)
    yield of("a line twice", [*passage[: middle + 1], *passage[middle:]], may_refuse=True)
    yield of("a word misremembered", [re.sub(r"\bgroup\b", "g", line) for line in passage], may_refuse=True)
    yield of("from nowhere", [f"nothing_like_it_{at} = other({at})" for at in range(length)], must_refuse=True)
    yield of("lines left out", [passage[0], "    # ... existing code ...", passage[-1]], must_refuse=True)


def block(search: list[str], replace: list[str]) -> str:
    """A reply with one block."""
    return "\n".join(["Here it is.", "<<<<<<< SEARCH", *search, "=======", *replace, ">>>>>>> REPLACE", ""])


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _dedented(lines: list[str]) -> list[str]:
    margin = min(len(_indent(line)) for line in lines if line.strip())
    return [line[margin:] for line in lines]


def _has_text(lines: list[str]) -> bool:
    """Whether removing what looks like comments may remove more."""
    return any("#" in line for line in lines)

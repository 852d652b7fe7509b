"""SEARCH/REPLACE blocks in a reply: finding them, and applying them to a source.

All blocks are looked up in the source as it was shown, all at once: a block never matches what another one wrote.
Where a block belongs is decided in `evolve.replies.places`. This module must not know Python.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evolve.replies.errors import UnusableReplyError
from evolve.replies.places import NoPlaceError, Place, find

_SEARCH = re.compile(r"\s*<{5,}\s*(SEARCH|ORIGINAL|HEAD)\b.*", re.IGNORECASE)
_DIVIDER = re.compile(r"\s*={5,}\s*")
_REPLACE = re.compile(r"\s*>{5,}(\s*|\s*(REPLACE|UPDATED|UPDATE)\b.*)", re.IGNORECASE)
_FENCE = re.compile(r"\s*(```+|~~~+)\s*[\w+-]*\s*")
_ELIDED = re.compile(r"\s*(#\s*)?(\.\.\.|…)(?!\w)[^=]*")


@dataclass(frozen=True)
class Block:
    """One edit.

    Attributes:
        search: Lines of the source as its author remembers them, without line ends.
        replace: The lines to stand there instead.
    """

    search: tuple[str, ...]
    replace: tuple[str, ...]


def has_blocks(reply: str) -> bool:
    """Whether a reply begins a block."""
    return any(_SEARCH.fullmatch(line) for line in reply.splitlines())


def blocks_in(reply: str) -> tuple[Block, ...]:
    """The blocks of a reply, in order; text around them is left alone.

    Raises:
        UnusableReplyError: There is none, or one is not complete.
    """
    found: list[Block] = []
    lines = iter(reply.splitlines())
    for line in lines:
        if _SEARCH.fullmatch(line):
            number = len(found) + 1
            search = _until(lines, _DIVIDER, f"block {number} has no line ======= after its SEARCH lines")
            replace = _until(lines, _REPLACE, f"block {number} has no line >>>>>>> REPLACE at its end")
            found.append(Block(_bare(search), _bare(replace)))
    if not found:
        raise UnusableReplyError(
            "no SEARCH/REPLACE block found: expected a line <<<<<<< SEARCH, lines of the program, a line =======, the "
            "lines to stand there instead, a line >>>>>>> REPLACE"
        )
    return tuple(found)


def apply(source: str, blocks: Sequence[Block]) -> str:
    """The source with every block applied.

    Raises:
        UnusableReplyError: A block has no place or more than one, two overlap, or nothing changes. The message has a
            line for each block that is at fault.
    """
    lines = source.splitlines()
    places, faults = [], []
    for number, block in enumerate(blocks, 1):
        try:
            places.append(_placed(lines, block))
        except NoPlaceError as error:
            faults.append(f"block {number}: {error}")
    if faults:
        raise UnusableReplyError("\n".join(faults))
    places.sort(key=lambda place: (place.start, place.stop))
    for before, after in itertools.pairwise(places):
        if after.start < before.stop or after.start == before.start:
            raise UnusableReplyError(f"two blocks change line {after.start + 1}: join them into one")
    for place in reversed(places):
        lines[place.start : place.stop] = place.lines
    changed = "\n".join(lines) + "\n"
    if [line.rstrip() for line in changed.splitlines()] == [line.rstrip() for line in source.splitlines()]:
        raise UnusableReplyError("the blocks change nothing: every REPLACE equals its SEARCH")
    return changed


def _placed(lines: Sequence[str], block: Block) -> Place:
    if not any(line.strip() for line in block.search):
        raise NoPlaceError("its SEARCH is empty: quote the lines to change, or those beside which to insert")
    for part, name in ((block.search, "SEARCH"), (block.replace, "REPLACE")):
        elided = next((line for line in part if _ELIDED.fullmatch(line)), None)
        if elided is not None and elided not in lines:
            raise NoPlaceError(f"its {name} leaves lines out ({elided.strip()!r}): write every line")
    return find(lines, block.search, block.replace)


def _until(lines: Iterator[str], end: re.Pattern[str], fault: str) -> list[str]:
    found: list[str] = []
    for line in lines:
        if end.fullmatch(line):
            return found
        if _SEARCH.fullmatch(line):
            break
        found.append(line)
    raise UnusableReplyError(fault)


def _bare(lines: Sequence[str]) -> tuple[str, ...]:
    """Without a fence or blank lines around, and without white space at line ends."""
    kept = [line.rstrip() for line in lines]
    while kept and (not kept[0] or _FENCE.fullmatch(kept[0])):
        kept.pop(0)
    while kept and (not kept[-1] or _FENCE.fullmatch(kept[-1])):
        kept.pop()
    return tuple(kept)

"""Where text goes in a genome: whole statements with their comments, sections, edits applied at once.

This module must not know what the text means.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence

from evolve.operators.base import NoVariationError
from evolve.operators.pruning.reading import Reading
from evolve.operators.pruning.text import Edit, is_banner

_HYPERPARAMETERS_BANNER = "Init & Optim"
_WIDTH = 105


def snake(class_name: str) -> str:
    """A variable's name for an instance of a class: `schedule_free_adamw` for `ScheduleFreeAdamW`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", class_name).lower()


def laid_out(opening: str, items: Sequence[str], closing: str, before: str) -> str:
    """A bracketed list, on one line if it fits behind `before`, else one item a line."""
    line = opening + ", ".join(items) + closing
    if "\n" not in line and len(before) + len(line) <= _WIDTH:
        return line
    indent = before[: len(before) - len(before.lstrip())]
    return opening + "".join(f"\n{indent}    {item}," for item in items) + f"\n{indent}{closing}"


def section(reading: Reading) -> ast.stmt | None:
    """The first statement below the banner of the hyperparameters."""
    source = reading.text.source
    lines = source.split("\n")
    banners = [i for i, line in enumerate(lines, 1) if _HYPERPARAMETERS_BANNER in line and is_banner(line)]
    if not banners:
        return None
    return next((unit for unit in reading.tree.body if unit.lineno > banners[0]), None)


def whole(source: str, start: int, end: int) -> tuple[int, int]:
    """A statement's lines in full, with comments right above it (banners aside) and behind it."""
    first = source.rfind("\n", 0, start) + 1
    if source[first:start].strip():
        return start, end  # it shares its line
    above = first
    while above:
        before = source.rfind("\n", 0, above - 1) + 1
        line = source[before : above - 1]
        if not line.lstrip().startswith("#") or is_banner(line):
            break
        if len(line) - len(line.lstrip()) != start - first:
            break
        above = before
    stop = source.find("\n", end)
    stop = len(source) if stop < 0 else stop
    rest = source[end:stop].strip()
    return above, stop if not rest or rest.startswith("#") else end


def applied(source: str, edits: Iterable[Edit]) -> str:
    """The text after all edits; insertions at the border of a replaced span stay, what lies inside goes."""
    replacements: list[Edit] = []
    for edit in sorted((edit for edit in edits if edit.start < edit.end), key=lambda e: (e.start, -e.end)):
        if replacements and edit.start < replacements[-1].end:
            if edit.end > replacements[-1].end:
                raise NoVariationError("two changes of the first parent overlap")
            continue
        replacements.append(edit)
    insertions = [
        edit
        for edit in edits
        if edit.start == edit.end and not any(other.start < edit.start < other.end for other in replacements)
    ]
    ordered = sorted([*insertions, *replacements], key=lambda e: (e.start, e.start < e.end))
    position, parts = 0, []
    for edit in ordered:
        parts += [source[position : edit.start], edit.text]
        position = edit.end
    return "".join(parts) + source[position:]

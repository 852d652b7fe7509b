"""What changed between two sources, as a unified diff. Text only: must not parse Python.

`difflib` compares whole files in quadratic time; most children differ from their parent in a line or two, so
the equal head and tail are cut off first.
"""

from __future__ import annotations

import difflib

CONTEXT = 3
"""Equal lines shown around a change."""


def diff_lines(old: str, new: str, context: int = CONTEXT) -> list[str]:
    """A unified diff without file names.

    Args:
        old: Source before.
        new: Source after.
        context: Equal lines shown around each change.

    Returns:
        Lines that begin with "@@", " ", "-" or "+", none ending in a newline; empty for equal sources.
    """
    before, after = old.splitlines(), new.splitlines()
    head = _common(before, after)
    tail = _common(before[head:][::-1], after[head:][::-1])
    head_kept = max(0, head - context)
    tail_kept = max(0, tail - context)
    cut_before = before[head_kept : len(before) - tail_kept]
    cut_after = after[head_kept : len(after) - tail_kept]
    matcher = difflib.SequenceMatcher(None, cut_before, cut_after, autojunk=False)
    lines: list[str] = []
    for group in matcher.get_grouped_opcodes(context):
        lines.append(_heading(group, head_kept))
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                lines += [" " + line for line in cut_before[i1:i2]]
                continue
            lines += ["-" + line for line in cut_before[i1:i2]]
            lines += ["+" + line for line in cut_after[j1:j2]]
    return lines


def diff_size(lines: list[str]) -> tuple[int, int]:
    """(lines added, lines removed) of a diff."""
    return sum(line[:1] == "+" for line in lines), sum(line[:1] == "-" for line in lines)


def _common(left: list[str], right: list[str]) -> int:
    n = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        n += 1
    return n


def _heading(group: list[tuple[str, int, int, int, int]], offset: int) -> str:
    first, last = group[0], group[-1]
    old = _range(first[1] + offset, last[2] + offset)
    new = _range(first[3] + offset, last[4] + offset)
    return f"@@ -{old} +{new} @@"


def _range(start: int, stop: int) -> str:
    """A range as unified diffs write it: an empty one names the line before it."""
    length = stop - start
    if length == 1:
        return f"{start + 1}"
    return f"{start + 1 if length else start},{length}"

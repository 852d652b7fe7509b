"""The lineage as a tree in the terminal: `lineage [ID]`.

Lines of descent run straight down instead of creeping to the right, so that a path of two hundred steps is
readable; only what branches off is indented. Must not know where programs are stored.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from evolve.views import numbers
from evolve.views.family import Family
from evolve.views.grid import one_line

if TYPE_CHECKING:
    from rich.console import RenderableType

LONGEST_PATH = 24
"""Steps of the winning path that the forest shows; the middle of a longer one is left out."""


@dataclass(frozen=True)
class TreeLine:
    """One line.

    Attributes:
        value: Estimate, or the outcome that stopped the program.
        change: Difference to the main parent's estimate.
        rails: What is drawn before the name.
        who: Id and name.
        what: Operator and note, or what was left out.
        kind: "path", "branch", "failed", "more", "title" or "side".
    """

    value: str
    change: str
    rails: str
    who: str
    what: str
    kind: str


@dataclass(frozen=True)
class Tree:
    """Lines of a tree with their numbers in columns on the left."""

    lines: tuple[TreeLine, ...]

    def to_text(self) -> str:
        """Fixed-width text; nothing is shortened."""
        width = max((len(line.value) for line in self.lines), default=0)
        change = max((len(line.change) for line in self.lines), default=0)
        rows = (
            f"{line.value:>{width}}  {line.change:>{change}}  {line.rails}{line.who}  {line.what}".rstrip()
            for line in self.lines
        )
        return "\n".join(rows) + "\n"

    def to_rich(self) -> RenderableType:
        """For a terminal: long notes end in an ellipsis."""
        from rich.console import Group
        from rich.text import Text

        width = max((len(line.value) for line in self.lines), default=0)
        change = max((len(line.change) for line in self.lines), default=0)
        styles = {"path": "bold", "failed": "red", "more": "dim", "side": "dim", "title": "dim"}
        found = []
        for line in self.lines:
            style = styles.get(line.kind, "")
            text = Text(no_wrap=True, overflow="ellipsis")
            text.append(f"{line.value:>{width}}  ", style)
            better = "green" if line.change.startswith("-") else ""
            text.append(f"{line.change:>{change}}  ", better or "dim")
            text.append(line.rails, "dim").append(line.who, style)
            found.append(text.append(f"  {line.what}", "" if line.kind == "path" else "dim"))
        return Group(*found)


def program_tree(family: Family, program: int, best: int | None = None, depth: int = 3, most: int = 5) -> Tree:
    """One program: the path to it from its first ancestor, then its descendants.

    Args:
        family: At least its ancestors and descendants.
        program: Its id.
        best: Id of the best program, marked with a star.
        depth: Generations of descendants.
        most: Children shown of each program, the best first.
    """
    lines = [*_path(family, family.path(program), best), *_below(family, program, best, depth, most)]
    return Tree(tuple(lines))


def forest(family: Family, best: int | None, most: int = 5) -> Tree:
    """All programs, compressed: the winning path, then every program without parent with its best children.

    Args:
        family: The programs.
        best: Id of the best program.
        most: Children shown of each program without parent, the best first.
    """
    below = _descendants(family)
    lines: list[TreeLine] = []
    path = family.path(best)
    if path:
        lines.append(TreeLine("", "", "", "winning path", f"{len(path)} programs", "title"))
        lines += _path(family, path, best, LONGEST_PATH)
    roots = [row.id for row in family.programs if family.main_parent(row.id) is None]
    apart = bool(path)
    for root in sorted(roots, key=lambda id: below[id].worth):
        if apart or below[root].size:
            lines.append(TreeLine("", "", "", "", "", "title"))
        apart = below[root].size > 0
        lines.append(_line(family, root, "", "branch", best, below[root].text()))
        lines += _below(family, root, best, 1, most, below)
    return Tree(tuple(lines))


def _path(family: Family, path: Sequence[int], best: int | None, longest: int | None = None) -> Iterator[TreeLine]:
    """A line of descent, straight down; other parents are named where they came in."""
    left_out = range(0)
    if longest is not None and len(path) > longest:
        left_out = range(longest // 2, len(path) - longest // 2)
    for k, id in enumerate(path):
        if k in left_out:
            if k == left_out.start:
                yield TreeLine("", "", "│ ", f"... {len(left_out)} more", "on this path", "more")
            continue
        yield _line(family, id, "●─" if k else "○─", "path", best)
        for other in family.by_id[id].parents[1:]:
            if other in family.by_id:
                who = one_line(f"#{other} {family.by_id[other].name}")
                yield TreeLine(_estimate(family, other), "", "│ └ and of ", who, "", "side")


def _below(
    family: Family,
    program: int,
    best: int | None,
    depth: int,
    most: int,
    below: dict[int, _Below] | None = None,
) -> Iterator[TreeLine]:
    """Descendants by main parent, the best children first; what is left out is counted."""
    stack: list[tuple[int, str, int, bool] | TreeLine] = [(program, "", 0, True)]
    while stack:
        entry = stack.pop()
        if isinstance(entry, TreeLine):
            yield entry
            continue
        at, rails, level, last = entry
        inner = rails
        if level:
            extra = below[at].text() if below else ""
            kind = "failed" if family.failure(at) else "branch"
            yield _line(family, at, rails + ("└─ " if last else "├─ "), kind, best, extra)
            inner = rails + ("   " if last else "│  ")
        children = [each for each in family.children.get(at, ()) if family.main_parent(each) == at]
        children.sort(key=lambda id: below[id].worth if below else _worth(family, id))
        shown = children[:most] if level < depth else []
        hidden = children[len(shown) :]
        if hidden:
            stack.append(_more(family, hidden, inner, bool(shown)))
        for place, child in reversed(list(enumerate(shown))):
            stack.append((child, inner, level + 1, place + 1 == len(shown) and not hidden))


def _more(family: Family, hidden: Sequence[int], rails: str, siblings: bool) -> TreeLine:
    failed = sum(bool(family.failure(each)) for each in hidden)
    values = [value for value in map(family.value, hidden) if value is not None]
    parts = [f"best {min(values):.4f}"] if values else []
    parts += [f"{numbers.count(failed)} failed"] if failed else []
    children = "more" if siblings else "child" if len(hidden) == 1 else "children"
    return TreeLine("", "", f"{rails}└─ ", f"... {numbers.count(len(hidden))} {children}", ", ".join(parts), "more")


def _line(family: Family, id: int, rails: str, kind: str, best: int | None, extra: str = "") -> TreeLine:
    row = family.by_id[id]
    star = " *" if id == best else ""
    what = f"{row.operator}: {one_line(row.note)}" if row.note and not row.name else row.operator
    return TreeLine(
        _estimate(family, id),
        _change(family, id),
        rails,
        one_line(f"#{id} {row.name}") + star,
        ", ".join(each for each in (what, extra) if each),
        kind,
    )


def _estimate(family: Family, id: int) -> str:
    failure = family.failure(id)
    at = family.estimate(id)
    if failure or at is None:
        return failure or numbers.NOTHING
    return numbers.plus_minus(at.mean, at.low, at.high)


def _change(family: Family, id: int) -> str:
    parent = family.main_parent(id)
    value, before = family.value(id), family.value(parent) if parent is not None else None
    return "" if value is None or before is None else numbers.signed(value - before)


def _worth(family: Family, id: int) -> tuple[float, int]:
    value = family.value(id)
    return (float("inf") if value is None else value, id)


@dataclass(frozen=True)
class _Below:
    """What descends from a program by main parents.

    Attributes:
        size: Number of descendants.
        worth: (value, id) of the best among the program and its descendants.
        own: Id of the program itself.
    """

    size: int
    worth: tuple[float, int]
    own: int

    def text(self) -> str:
        if not self.size:
            return ""
        count = f"{numbers.count(self.size)} descendant{'s' if self.size > 1 else ''}"
        value, best = self.worth
        return count if best == self.own or value == float("inf") else f"{count}, best #{best} {value:.4f}"


def _descendants(family: Family) -> dict[int, _Below]:
    """What descends from each program; children have larger ids than their parents, so one pass will do."""
    found = {id: _Below(0, _worth(family, id), id) for id in family.by_id}
    for row in reversed(family.programs):
        parent = family.main_parent(row.id)
        if parent is not None:
            up, own = found[parent], found[row.id]
            found[parent] = _Below(up.size + own.size + 1, min(up.worth, own.worth), parent)
    return found

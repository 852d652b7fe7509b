"""A table as plain data, with two faces: rich for a terminal, fixed-width text for pipes and grep.

Must not know what the columns mean. rich is imported only when a terminal wants it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

COMFORT = 32
"""A flexible column shorter than this is not worth an optional one beside it."""


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: Its heading.
        align: "left" for words, "right" for numbers.
        style: A rich style for its cells.
        flexible: Whether a narrow terminal may shorten its cells (the plain text never does).
        optional: Whether a narrow terminal may leave it out before it shortens anything.
    """

    name: str
    align: Literal["left", "right"] = "left"
    style: str = ""
    flexible: bool = False
    optional: bool = False


@dataclass(frozen=True)
class Grid:
    """A table of strings.

    Attributes:
        columns: The columns, left to right.
        rows: One tuple of cells a row, as many as there are columns.
        title: A line above it, or "".
        styles: A rich style for each row, or empty for none.
        note: A line below it, or "".
        headless: Whether the headings are left out.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    styles: tuple[str, ...] = ()
    note: str = ""
    headless: bool = False

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row has {len(row)} cells, expected {len(self.columns)}: {row!r}")

    def to_text(self) -> str:
        """Fixed-width text, see `plain`."""
        return plain(self)

    def to_rich(self) -> RenderableType:
        """For a terminal of any width."""
        return _FittingTable(self)


def one_line(text: str) -> str:
    """Text that came from a genome, made safe for one line: control characters become spaces."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def plain(grid: Grid) -> str:
    """The table as fixed-width text: two spaces between columns, nothing shortened, ends with a newline."""
    head = [column.name for column in grid.columns]
    body = [[one_line(cell) for cell in row] for row in grid.rows]
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]
    lines = [one_line(grid.title)] if grid.title else []
    lines += [_plain_line(line, widths, grid.columns) for line in ([] if grid.headless else [head]) + body]
    lines += [grid.note] if grid.note else []
    return "\n".join(lines) + "\n"


def _plain_line(cells: Sequence[str], widths: Sequence[int], columns: Sequence[Column]) -> str:
    padded = (
        cell.rjust(width) if column.align == "right" else cell.ljust(width)
        for cell, width, column in zip(cells, widths, columns, strict=True)
    )
    return "  ".join(padded).rstrip()


class _FittingTable:
    """Draws a grid once the width is known: optional columns go first, then flexible ones are shortened."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        grid = self.grid
        if _wanted(grid) > options.max_width:
            kept = [i for i, column in enumerate(grid.columns) if not column.optional]
            rows = tuple(tuple(row[i] for i in kept) for row in grid.rows)
            grid = replace(grid, columns=tuple(grid.columns[i] for i in kept), rows=rows)
        yield _rich_table(grid)


def _wanted(grid: Grid) -> int:
    """Width at which nothing is shortened beyond `COMFORT`."""
    width = 0
    for i, column in enumerate(grid.columns):
        longest = max((len(one_line(row[i])) for row in grid.rows), default=0)
        width += 2 + max(len(column.name), min(longest, COMFORT) if column.flexible else longest)
    return width


def _rich_table(grid: Grid) -> RenderableType:
    """No frame, a quiet heading, flexible columns shortened with an ellipsis."""
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        title=Text(one_line(grid.title), style="bold") if grid.title else None,
        title_justify="left",
        caption=Text(grid.note, style="dim") if grid.note else None,
        caption_justify="left",
        header_style="dim",
        show_header=not grid.headless,
    )
    for column in grid.columns:
        table.add_column(
            column.name,
            justify=column.align,
            style=column.style,
            no_wrap=not column.flexible,  # rich narrows the columns that may wrap; their cells do not wrap
            min_width=8 if column.flexible else len(column.name),
        )
    for i, row in enumerate(grid.rows):
        style = grid.styles[i] if i < len(grid.styles) else ""
        cells = (Text(one_line(cell), no_wrap=True, overflow="ellipsis") for cell in row)
        table.add_row(*cells, style=style)
    return table

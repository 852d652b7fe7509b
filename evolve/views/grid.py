"""A table as plain data, with two faces: rich for a terminal, fixed-width text for pipes and grep.

Must not know what the columns mean. rich is imported only when a terminal wants it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        name: Its heading.
        align: "left" for words, "right" for numbers.
        style: A rich style for its cells.
        flexible: Whether a narrow terminal may shorten its cells (the plain text never does).
    """

    name: str
    align: Literal["left", "right"] = "left"
    style: str = ""
    flexible: bool = False


@dataclass(frozen=True)
class Grid:
    """A table of strings.

    Attributes:
        columns: The columns, left to right.
        rows: One tuple of cells a row, as many as there are columns.
        title: A line above it, or "".
        styles: A rich style for each row, or empty for none.
        note: A line below it, or "".
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    title: str = ""
    styles: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row has {len(row)} cells, expected {len(self.columns)}: {row!r}")

    def to_text(self) -> str:
        """Fixed-width text, see `plain`."""
        return plain(self)

    def to_rich(self) -> RenderableType:
        """For a terminal, see `rich_table`."""
        return rich_table(self)


def one_line(text: str) -> str:
    """Text that came from a genome, made safe for one line: control characters become spaces."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def plain(grid: Grid) -> str:
    """The table as fixed-width text: two spaces between columns, nothing shortened, ends with a newline."""
    head = [column.name for column in grid.columns]
    body = [[one_line(cell) for cell in row] for row in grid.rows]
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]
    lines = [grid.title] if grid.title else []
    lines += [_plain_line(line, widths, grid.columns) for line in [head, *body]]
    lines += [grid.note] if grid.note else []
    return "\n".join(lines) + "\n"


def _plain_line(cells: Sequence[str], widths: Sequence[int], columns: Sequence[Column]) -> str:
    padded = (
        cell.rjust(width) if column.align == "right" else cell.ljust(width)
        for cell, width, column in zip(cells, widths, columns, strict=True)
    )
    return "  ".join(padded).rstrip()


def rich_table(grid: Grid) -> RenderableType:
    """The table for a terminal: no frame, a quiet heading, flexible columns shortened with an ellipsis."""
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        title=Text(grid.title, style="bold") if grid.title else None,
        title_justify="left",
        caption=Text(grid.note, style="dim") if grid.note else None,
        caption_justify="left",
        header_style="dim",
    )
    for column in grid.columns:
        table.add_column(
            column.name,
            justify=column.align,
            style=column.style,
            no_wrap=True,
            overflow="ellipsis",
            min_width=8 if column.flexible else len(column.name),
            ratio=1 if column.flexible else None,
        )
    for i, row in enumerate(grid.rows):
        style = grid.styles[i] if i < len(grid.styles) else ""
        table.add_row(*(Text(one_line(cell)) for cell in row), style=style)
    return table

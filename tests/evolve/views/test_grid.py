from __future__ import annotations

import io

import pytest

from evolve.views.console import show
from evolve.views.grid import Column, Grid, one_line, plain

GRID = Grid(
    (Column("name"), Column("value", "right"), Column("note", flexible=True)),
    (
        ("adam", "3.2786", "short"),
        ("muon", "12.5", "a note that is much longer than a terminal is wide " * 4),
    ),
    title="programs",
    note="that is all",
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_text_is_aligned_and_complete():
    lines = plain(GRID).splitlines()
    assert lines[:4] == [
        "programs",
        "name   value  note",
        "adam  3.2786  short",
        "muon    12.5  " + ("a note that is much longer than a terminal is wide " * 4).strip(),
    ]
    assert lines[4] == "that is all"


def test_a_headless_grid_has_no_headings():
    assert plain(Grid((Column("x"),), (("1",),), headless=True)) == "1\n"


def test_a_row_of_the_wrong_length_is_an_error():
    with pytest.raises(ValueError, match="2 cells, expected 1"):
        Grid((Column("x"),), (("1", "2"),))


def test_control_characters_of_a_genome_reach_no_terminal():
    assert one_line("a\x1b[2J\nb\t\x07c") == "a [2J b c"
    out = Terminal()
    show(Grid((Column("x"),), (("evil\x1b]0;owned\x07",),), title="\x1b[31mtitle"), out=out)
    assert "]0;owned" in out.getvalue()
    assert "\x1b]0" not in out.getvalue()
    assert "\x1b[31mtitle" not in out.getvalue()


def test_markup_in_cells_is_text():
    out = Terminal()
    show(Grid((Column("x"),), (("[bold]not bold[/bold]",),)), out=out)
    assert "[bold]not bold[/bold]" in out.getvalue()


def test_pipes_get_no_escape_sequences_and_parts_are_apart():
    out = io.StringIO()
    show(GRID, "done", out=out)
    assert "\x1b" not in out.getvalue()
    assert out.getvalue().endswith("that is all\n\ndone\n")


def test_a_terminal_gets_every_column():
    out = Terminal()
    show(GRID, out=out)
    for text in ("programs", "adam", "3.2786", "short", "that is all"):
        assert text in out.getvalue()

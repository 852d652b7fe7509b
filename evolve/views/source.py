"""Source texts and diffs with two faces: coloured for a terminal, unchanged for pipes.

Must not know programs. Texts come from genomes: control characters other than tabs and line ends are shown as
spaces, so that no genome can send escape sequences to a terminal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType

DIFF_STYLES = {"@": "cyan", "+": "green", "-": "red"}


@dataclass(frozen=True)
class Source:
    """A genome's text, highlighted on a terminal."""

    text: str

    def to_text(self) -> str:
        """The text without control characters."""
        return printable(self.text).rstrip("\n") + "\n"

    def to_rich(self) -> RenderableType:
        """With line numbers, in the terminal's own colours."""
        from rich.syntax import Syntax

        return Syntax(
            self.to_text(),
            "python",
            theme="ansi_dark",
            line_numbers=True,
            word_wrap=True,
            background_color="default",
        )


@dataclass(frozen=True)
class Diff:
    """Lines of a unified diff, as `evolve.views.changes.diff_lines` gives them.

    Attributes:
        lines: The lines.
        old: What was before.
        new: What is after.
    """

    lines: tuple[str, ...]
    old: str
    new: str

    def to_text(self) -> str:
        """A unified diff."""
        if not self.lines:
            return "the texts are equal\n"
        head = [f"--- {self.old}", f"+++ {self.new}"]
        return "\n".join([*head, *(printable(line) for line in self.lines)]) + "\n"

    def to_rich(self) -> RenderableType:
        """The same with additions green and removals red."""
        from rich.text import Text

        if not self.lines:
            return Text("the texts are equal", style="dim")
        text = Text()
        text.append(f"--- {self.old}\n+++ {self.new}\n", "dim")
        for line in self.lines:
            text.append(printable(line) + "\n", DIFF_STYLES.get(line[:1], ""))
        text.rstrip()
        return text


def printable(text: str) -> str:
    """Text in which only tabs and line ends are left of the control characters."""
    return "".join(c if c.isprintable() or c in "\t\n" else " " for c in text)

"""Where renderings meet the output: rich on a terminal, fixed-width text elsewhere. Knows no run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from rich.console import RenderableType


class Showable(Protocol):
    """Something with two faces."""

    def to_text(self) -> str:
        """For pipes and grep: ends with a newline, holds no escape sequence."""
        ...

    def to_rich(self) -> RenderableType:
        """For a terminal."""
        ...


def show(*parts: Showable | str, out: TextIO | None = None) -> None:
    """Print parts, one blank line between them.

    Args:
        parts: What to print, top to bottom; a string is a paragraph of its own.
        out: Where to; None means stdout.
    """
    stream = out if out is not None else sys.stdout
    if not stream.isatty():
        texts = [f"{part}\n" if isinstance(part, str) else part.to_text() for part in parts]
        stream.write("\n".join(texts))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream)
    for i, part in enumerate(parts):
        if i:
            console.print()
        console.print(Text(part) if isinstance(part, str) else part.to_rich())

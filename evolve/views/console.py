"""Where renderings meet the output: rich on a terminal, fixed-width text elsewhere. Knows no run."""

from __future__ import annotations

import sys
from typing import TextIO

from evolve.views.grid import Grid, plain, rich_table


def show(*parts: Grid | str, out: TextIO | None = None) -> None:
    """Print grids and lines, one blank line between them.

    Args:
        parts: What to print, top to bottom.
        out: Where to; None means stdout.
    """
    stream = out if out is not None else sys.stdout
    if not stream.isatty():
        texts = [plain(part) if isinstance(part, Grid) else f"{part}\n" for part in parts]
        stream.write("\n".join(texts))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream)
    for i, part in enumerate(parts):
        if i:
            console.print()
        console.print(rich_table(part) if isinstance(part, Grid) else Text(part))

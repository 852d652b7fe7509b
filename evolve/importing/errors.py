"""What can go wrong on the way from a script to a genome."""

from __future__ import annotations

import ast
from collections.abc import Iterable


class NotImportableError(Exception):
    """A script cannot become a genome.

    Args:
        message: What was expected and what to do.
        nodes: The code that is to blame; its lines go into the message.
    """

    def __init__(self, message: str, nodes: Iterable[ast.AST] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.nodes = tuple(nodes)

    def text(self, source: str) -> str:
        """The message with the lines that are to blame."""
        lines = source.split("\n")
        numbers = sorted(
            {
                number
                for node in self.nodes
                for first in [getattr(node, "lineno", 0)]
                for number in range(first, min(getattr(node, "end_lineno", None) or first, first + 3) + 1)
            }
        )
        shown = "".join(f"\n  line {n}: {lines[n - 1].strip()}" for n in numbers[:12] if 0 < n <= len(lines))
        more = f"\n  and {len(numbers) - 12} more lines" if len(numbers) > 12 else ""
        return self.message + shown + more

"""LLM ablate: the model argues which part is dead weight, and takes it out."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from evolve.operators.asked import BLOCKS, STATEMENT, described
from evolve.operators.base import Child
from evolve.replies.blocks import apply, blocks_in
from evolve.replies.errors import UnusableReplyError
from evolve.replies.statement import statement_in
from population.genome import parse


class LlmAblate:
    """Has the model remove one component."""

    name = "llm_ablate"
    parents = 1
    request = f"""\
Find the part of the program that contributes least: dead weight, or a complication where a simpler form would do as
well. Remove it, and everything that only it needed. Add nothing.

{STATEMENT}

{BLOCKS}"""

    def child(self, reply: str, sources: Sequence[str]) -> Child:
        """The child; see `evolve.operators.asked.AskingOperator`."""
        source = apply(sources[0], blocks_in(reply))
        before, after = _size(sources[0]), _size(source)
        if after >= before:
            raise UnusableReplyError(
                f"nothing was removed: the program had {before} syntax nodes and has {after} after the change; take a "
                "part out and add nothing"
            )
        return described(source, sources[0], statement_in(reply), "a part removed")


def _size(source: str) -> int:
    return sum(1 for _ in ast.walk(parse(source)))

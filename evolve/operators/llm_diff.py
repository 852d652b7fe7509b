"""LLM diff: the model changes a few lines by SEARCH/REPLACE blocks (Novikov 2025 <https://arxiv.org/abs/2506.13131>)."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.operators.asked import BLOCKS, STATEMENT, described
from evolve.operators.base import Child
from evolve.replies.blocks import apply, blocks_in
from evolve.replies.statement import statement_in


class LlmDiff:
    """Has the model edit the program."""

    name = "llm_diff"
    parents = 1
    request = f"""\
Make one change to the program that should lower the loss. A new part may bring the settings that it needs.

{STATEMENT}

{BLOCKS}"""

    def child(self, reply: str, sources: Sequence[str]) -> Child:
        """The child; see `evolve.operators.asked.AskingOperator`."""
        said = statement_in(reply)
        change = f"{said.component or 'the program'} edited"
        return described(apply(sources[0], blocks_in(reply)), sources[0], said, change)

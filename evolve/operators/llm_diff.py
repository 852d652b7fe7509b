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
    request = f"""Change one thing in the program that should lower the loss.

{STATEMENT}

{BLOCKS}"""

    def child(self, reply: str, sources: Sequence[str]) -> Child:
        """The child; see `evolve.operators.asked.AskingOperator`."""
        blocks = blocks_in(reply)
        change = f"{len(blocks)} edit{'s' if len(blocks) > 1 else ''}"
        return described(apply(sources[0], blocks), sources[0], statement_in(reply), change)

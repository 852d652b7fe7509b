"""LLM repair: the model mends a program that failed on the smoke rung, given the error. One chance."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.operators.asked import BLOCKS, STATEMENT, described
from evolve.operators.base import Child
from evolve.replies.blocks import apply, blocks_in
from evolve.replies.statement import statement_in


class LlmRepair:
    """Has the model mend a program."""

    name = "llm_repair"
    parents = 2
    """The one it came from (its value is the prior) and the broken one (its text is mended)."""
    request = f"""\
The program to mend failed in its first steps; its error stands below it. Mend it, keeping its idea, and change no more
than that takes. Quote the lines of the program to mend.

{STATEMENT}

{BLOCKS}"""

    def child(self, reply: str, sources: Sequence[str]) -> Child:
        """The child; see `evolve.operators.asked.AskingOperator`."""
        return described(apply(sources[1], blocks_in(reply)), sources[0], statement_in(reply), "mended")

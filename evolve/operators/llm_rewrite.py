"""LLM rewrite: the model writes the whole genome anew, with one idea in it."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.operators.asked import PROGRAM, STATEMENT, described
from evolve.operators.base import Child
from evolve.replies.program import changed
from evolve.replies.statement import statement_in


class LlmRewrite:
    """Has the model write a whole new program."""

    name = "llm_rewrite"
    parents = 1
    request = f"""\
Write a better version of the program. One clear idea, carried out fully, beats many small ones; parts that do not earn
their place may go.

{STATEMENT}

{PROGRAM}"""

    def child(self, reply: str, sources: Sequence[str]) -> Child:
        """The child; see `evolve.operators.asked.AskingOperator`."""
        return described(changed(reply, sources[0]), sources[0], statement_in(reply), "rewritten")

"""LLM crossover: the model joins what is good about two programs."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.operators.asked import PROGRAM, STATEMENT, described
from evolve.operators.base import Child
from evolve.replies.program import changed
from evolve.replies.statement import statement_in


class LlmCrossover:
    """Has the model write a program out of two."""

    name = "llm_crossover"
    parents = 2
    request = f"""\
Join the program and the second parent into one that is better than either: ask what each of them is good for, and take
that. Do not merely run both side by side.

{STATEMENT}

{PROGRAM}"""

    def child(self, reply: str, sources: Sequence[str]) -> Child:
        """The child; see `evolve.operators.asked.AskingOperator`."""
        return described(changed(reply, sources[0]), sources[0], statement_in(reply), "joined with the second parent")

"""What the engine has for asking language models: questions go out, replies come in as rows. Must not write."""

from __future__ import annotations

from evolve import asking
from evolve.budget import Budget, Spent
from evolve.decide import Vary
from evolve.operators import get_asking_operator
from evolve.questions import Models
from evolve.situation import Situations
from evolve.state import State
from population.rows import CallRow, ReplyRow


class Asker:
    """Puts questions to language models.

    Args:
        models: Who answers.
        situations: What prompts tell.
    """

    def __init__(self, models: Models, situations: Situations) -> None:
        self._models = models
        self._situations = situations

    def first_call(self, state: State, action: Vary, spent: Spent, budget: Budget) -> CallRow:
        """The question of an attempt, ready to be written."""
        about = self._situations.of(state, action, spent, budget)
        return asking.first_call(state, action, about, get_asking_operator(action.operator).request)

    def send(self, call: CallRow) -> None:
        """Put a question that is written."""
        self._models.submit(asking.question(call))

    def take(self) -> list[ReplyRow]:
        """Replies that have come, ready to be written."""
        return [asking.reply_row(answer) for answer in self._models.take()]

    def fileno(self) -> int:
        """Descriptor that becomes readable when a reply may have come."""
        return self._models.fileno()

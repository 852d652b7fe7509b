"""A run's conversations with language models: writes each call before it is sent, and does what a reply asks for.

What to do next about an attempt is decided in `evolve.conversation`, when to begin one in `evolve.ask`.
"""

from __future__ import annotations

from collections.abc import Callable

from evolve import asking, money
from evolve.asker import Asker
from evolve.birth import attempt_rows
from evolve.budget import Budget, Spent
from evolve.conversation import AskAgain, Correct, GiveUp, Use, next_step
from evolve.decide import Vary
from evolve.ledger import Ledger
from evolve.state import State
from evolve.variation import Variation, Varied
from population.rows import CallRow, ReplyRow
from population.store import Store


class Talks:
    """The attempts that wait for a model.

    Args:
        asker: Puts questions; None where none are put any more.
        store: The run's database.
        state: What its rows say.
        ledger: Writes them.
        budget: What may be used.
        closing: Whether nothing new is begun any more.
    """

    def __init__(
        self,
        asker: Asker | None,
        store: Store,
        state: State,
        ledger: Ledger,
        budget: Budget,
        closing: Callable[[], bool],
    ) -> None:
        self._asker = asker
        self._store = store
        self._state = state
        self._ledger = ledger
        self._budget = budget
        self._closing = closing

    def take_up(self, spent: Spent) -> None:
        """Go on with what an earlier process began."""
        self._ledger.write(asking.lost_replies(self._state))
        for attempt in list(self._state.asked):
            self._go_on(attempt, spent)

    def ask(self, action: Vary, spent: Spent) -> bool:
        """Begin an attempt; whether a question was put."""
        assert self._asker is not None
        call = self._asker.first_call(self._state, action, spent, self._budget)
        if money.has_room(self._state.config, call.model, call.most_tokens - call.max_tokens, spent, self._budget):
            self._send(call)
            return True
        reason = "the budget has no room for a call about these parents"  # which are unusually long
        self._ledger.write(attempt_rows(self._state, action, Varied(None, reason=reason)))
        return False

    def usable(self) -> tuple[Vary, int, Variation] | None:
        """The next reply to make a child of, with its attempt and turn."""
        for asked in self._state.asked.values():
            step = next_step(asked)
            if isinstance(step, Use):
                action = asking.action_of(asked.last)
                sources = tuple(self._store.program(parent).source for parent in action.parents)
                return action, asked.last.turn, asking.variation(action, sources, step)
        return None

    def on_reply(self, reply: ReplyRow, spent: Callable[[], Spent]) -> str:
        """Write a reply and go on; what people may want to read, or ""."""
        attempt = next(number for number, asked in self._state.asked.items() if asked.last.id == reply.call)
        self._ledger.write([reply])
        return self._go_on(attempt, spent())

    def on_unusable(self, attempt: int, varied: Varied, spent: Spent) -> str:
        """No child could be made of a reply: go on; what people may want to read, or ""."""
        return self._go_on(attempt, spent, asking.after(self._state.asked[attempt], varied))

    def _go_on(self, attempt: int, spent: Spent, step: Correct | GiveUp | None = None) -> str:
        """Do what an attempt needs next: by its last reply, or what came of using that."""
        asked = self._state.asked[attempt]
        decided = step or next_step(asked)
        if isinstance(decided, AskAgain | Correct):
            if self._asker is None or self._closing() or not self._budget.allows_trial(spent):
                return ""  # the next process goes on with it
            follows = asking.next_call(self._state, asked, decided, spent, self._budget)
            if isinstance(follows, CallRow):
                self._send(follows)
                return ""
            decided = follows
        if not isinstance(decided, GiveUp):
            return ""
        nothing = Varied(None, reason=decided.reason)
        self._ledger.write(attempt_rows(self._state, asking.action_of(asked.last), nothing))
        return f"{asked.last.operator}: {decided.reason}"

    def _send(self, call: CallRow) -> None:
        assert self._asker is not None
        self._ledger.write([call])
        self._asker.send(call)

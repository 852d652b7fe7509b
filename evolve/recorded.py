"""A recorded run to be repeated without a model: its answers, and the order in which results came.

The engine decides from rows alone, so that it takes the same decisions when results reach it in the same order. Trials
are run again; answers and what they cost are fed from the record. This module must not decide or write.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Hashable, Iterator
from heapq import merge

from evolve.questions import Answer, Question, Reply
from population.rows import CallRow, EventRow, ProgramRow, ReplyRow, TrialRow
from population.store import Store

DEPARTS = (
    "the run departs from the recorded one: trials or answers come out differently. Repeat it with the same torch, "
    "text, device and number of jobs; only a run of one process that nobody interrupted can be repeated"
)


class ReplayError(Exception):
    """The run departs from the recorded one; the message says where."""


def trial_key(program: int, rung: str, rng_seed: int) -> Hashable:
    """Names the result of a trial."""
    return ("trial", program, rung, rng_seed)


def reply_key(call: int) -> Hashable:
    """Names a model's answer."""
    return ("reply", call)


def variation_key(attempt: int, turn: int) -> Hashable:
    """Names what the operators' process made in an attempt, of its first reply or of the corrected one."""
    return ("variation", attempt, turn)


def added_key(program: int) -> Hashable:
    """Names a genome that a user entered."""
    return ("added", program)


class Order:
    """The order in which results reached a recorded run.

    Args:
        store: The recorded run's database.
        rungs: Rungs of the search; other trials were promotions'.
    """

    def __init__(self, store: Store, rungs: frozenset[str]) -> None:
        self._due: deque[tuple[Hashable, float]] = deque(_results(store, rungs))
        self._added = {added_key(row.id): row for row in store.programs() if _entered(row)}
        self._elapsed = 0.0

    @property
    def ended(self) -> bool:
        """Whether everything recorded has come again."""
        return not self._due

    def entering(self) -> ProgramRow | None:
        """The genome that a user entered next of all, if that is what comes next."""
        key = self._due[0][0] if self._due else None
        found = self._added.get(key) if key is not None else None
        if found is not None:
            self.due(key)
        return found

    def due(self, key: Hashable) -> bool:
        """Whether this result is the next one; then the one after it is."""
        if not self._due or self._due[0][0] != key:
            return False
        self._elapsed = self._due.popleft()[1]
        return True

    def clock(self) -> float:
        """Running time when the last result came, seconds."""
        return self._elapsed


class Recorded:
    """Repeats what models answered in a recorded run.

    Args:
        store: The recorded run's database.
    """

    def __init__(self, store: Store) -> None:
        self._calls = {row.id: row for row in store.calls()}
        self._replies = {row.call: row for row in store.replies()}
        self._open: deque[Answer] = deque()
        self._reader, self._writer = os.pipe()  # a byte for every answer that waits

    def submit(self, question: Question) -> None:
        """Begin a call.

        Raises:
            ReplayError: The recorded run asked something else.
        """
        from evolve.conversation import text

        call = self._calls.get(question.id)
        if call is None or call.model != question.model or call.prompt != text(question.messages):
            raise ReplayError(f"at call {question.id} {DEPARTS}")
        reply = self._replies.get(question.id)
        if reply is not None:
            self._open.append(_answer(reply))
            os.write(self._writer, b"x")

    def take(self) -> list[Answer]:
        """The answers to what was asked since the last look."""
        answers = list(self._open)
        if answers:
            os.read(self._reader, len(answers))
        self._open.clear()
        return answers

    def fileno(self) -> int:
        """Descriptor that is readable when `take` has something to give."""
        return self._reader


def _answer(row: ReplyRow) -> Answer:
    return Answer(
        row.call,
        Reply(row.outcome),
        row.text,
        row.prompt_tokens,
        row.completion_tokens,
        row.usd,
        row.seconds,
        row.tries,
        row.reason,
    )


def _entered(row: ProgramRow) -> bool:
    """Whether a program came from outside the search: a user's own, or a pruned one."""
    return row.birth is None and row.operator != "seed"


def _results(store: Store, rungs: frozenset[str]) -> Iterator[tuple[Hashable, float]]:
    """Names and running times of everything that reached the run from outside, in order; lost trials left out."""
    everything: tuple[Iterator[ProgramRow | TrialRow | EventRow | CallRow | ReplyRow], ...] = (
        (row for row in store.programs() if _entered(row)),
        store.trials(),
        store.events("attempt"),
        store.calls(),
        store.replies(),
    )
    rows = merge(*everything, key=lambda row: row.seq)
    calls: dict[int, CallRow] = {}
    last: dict[int, ReplyRow] = {}
    for row in rows:
        match row:
            case ProgramRow():
                yield added_key(row.id), row.elapsed
            case TrialRow() if row.rung in rungs and row.outcome != "lost":
                yield trial_key(row.program, row.rung, row.rng_seed), row.elapsed
            case ReplyRow():
                last[calls[row.call].attempt] = row
                yield reply_key(row.call), row.elapsed
            case CallRow():
                calls[row.id] = row
                before = last.pop(row.attempt, None)
                if before is not None and before.outcome == Reply.ANSWERED:  # its reply was tried, and no use
                    yield variation_key(row.attempt, row.turn - 1), row.elapsed
            case EventRow():
                attempt = int(row.data["attempt"])
                reply = last.pop(attempt, None)
                if reply is None and not row.data.get("model"):
                    yield variation_key(attempt, 0), row.elapsed
                elif reply is not None and reply.outcome == Reply.ANSWERED:
                    yield variation_key(attempt, calls[reply.call].turn), row.elapsed

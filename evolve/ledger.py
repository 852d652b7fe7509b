"""The only writer of a run: rows are appended first, then learnt from. Must not decide anything."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from evolve.report import pair, standing
from evolve.state import Row, State
from population.rows import CallRow, EstimateRow, EventRow, ProgramRow, ReplyRow, TrialRow
from population.store import Store

FLUSH_SECONDS = 1.0
"""Shortest time between two writings of the derived estimates."""


class Ledger:
    """Writes a run's rows and keeps its state in step with them.

    Args:
        store: The run's database, open for writing.
        state: What its rows say.
        elapsed: Running time of the run so far, seconds.
        clock: Seconds from anywhere; only differences count.
    """

    def __init__(
        self,
        store: Store,
        state: State,
        elapsed: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._state = state
        self._elapsed = elapsed
        self._clock = clock
        self._flushed = clock()

    def catch_up(self) -> None:
        """Write the estimates that an earlier process did not come to write; those it wrote stay as they are."""
        written = {(row.rung, row.program): row.n for row in self._store.estimates()}
        missing = [
            (rung, program)
            for rung, estimates in self._state.estimates.items()
            for program in estimates.stale()
            if written.get((rung, program), 0) != self._state.programs[program].finished(rung)
        ]
        self._put(missing)

    def write(self, rows: Iterable[Row]) -> None:
        """Append rows in one transaction; only then learn from them."""
        elapsed = self._elapsed()
        placed = [replace(row, seq=self._state.seq + i, elapsed=elapsed) for i, row in enumerate(rows, 1)]
        with self._store.commit():
            for row in placed:
                self._append(row)
        for row in placed:
            self._state.apply(row)
        self.flush()

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        """Write an event."""
        self.write([EventRow(self._state.events + 1, kind, data)])

    def note_best(self, final: bool = False) -> None:
        """Write it down when another program is the best or the best seed program, and how they stand at the end."""
        now = pair(self._state)
        if now is None or (now == self._state.best and not final):
            return
        best, seed, gain = standing(self._state)
        assert best is not None
        assert seed is not None
        data: dict[str, Any] = {"best": best.id, "best_seed": seed.id, "rung": best.estimate.rung}
        for name, at in (("best", best.estimate), ("best_seed", seed.estimate)):
            data |= {f"{name}_mean": at.mean, f"{name}_sd": at.sd, f"{name}_n": at.n}
        if gain is not None:
            data |= {"gain": gain.mean, "gain_low": gain.low, "gain_high": gain.high}
        with self._store.commit():
            self.event("best", data)
            self._store.put_estimates([best.estimate, seed.estimate])

    def flush(self, final: bool = False) -> None:
        """Write the estimates that have changed: derived rows, so not at every trial.

        A refit of the noise moves all estimates a little; at the end those that people look at are written once more.
        """
        if not final and self._clock() - self._flushed < FLUSH_SECONDS:
            return
        self._flushed = self._clock()
        leaders = self._state.leaders() if final else (self._state.best or ())[:2]
        self._put(
            [
                (rung, program)
                for rung, estimates in self._state.estimates.items()
                for program in dict.fromkeys((*estimates.stale(), *leaders))
                if self._state.programs[program].finished(rung)
            ]
        )

    def _put(self, places: list[tuple[str, int]]) -> None:
        rows = []
        for rung, program in places:
            at = self._state.estimates[rung].estimate(program)
            rows.append(EstimateRow(program, rung, at.mean, at.sd, at.low, at.high, at.n))
        if rows:
            self._store.put_estimates(rows)

    def _append(self, row: Row) -> None:
        match row:
            case ProgramRow():
                self._store.append_program(row)
            case TrialRow():
                self._store.append_trial(row)
            case EventRow():
                self._store.append_event(row)
            case CallRow():
                self._store.append_call(row)
            case ReplyRow():
                self._store.append_reply(row)

"""One run in one SQLite file: rows are appended, never changed, and read back in order.

Invariants:
- Runs, programs, parents, trials, pruning trials, events, calls and replies are append-only; the database refuses
  anything else. Estimates are derived from trials and may be overwritten or rebuilt.
- One process writes (the engine, which gives the ids and holds the run's lock); any number read meanwhile.
- What `commit` has left without an error survives a kill at any moment; what raised inside it left no trace.

The store must not know what an operator, an estimate or an outcome means: it keeps plain rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import astuple
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from population import codec, database
from population.errors import StoreError, UnknownProgramError
from population.queries import Listed, Summary
from population.reader import Reader
from population.rows import CallRow, EstimateRow, EventRow, ProgramRow, PruningTrialRow, ReplyRow, TrialRow

__all__ = ["Listed", "Store", "StoreError", "Summary", "UnknownProgramError"]


def _insert(table: str, columns: str) -> str:
    return f"INSERT INTO {table} ({columns}) VALUES ({', '.join('?' for _ in columns.split(','))})"


_INSERT_PROGRAM = _insert("programs", codec.PROGRAM_COLUMNS)
_INSERT_SOURCE = _insert("sources", "program, text")
_INSERT_PARENT = _insert("parents", "program, position, parent")
_INSERT_TRIAL = _insert("trials", codec.TRIAL_COLUMNS)
_INSERT_CALL = _insert("calls", codec.CALL_COLUMNS)
_INSERT_REPLY = _insert("replies", codec.REPLY_COLUMNS)
_INSERT_EVENT = _insert("events", codec.EVENT_COLUMNS)
_INSERT_PRUNING_TRIAL = _insert("pruning_trials", codec.PRUNING_TRIAL_COLUMNS)
_PUT_ESTIMATE = (
    _insert("estimates", codec.ESTIMATE_COLUMNS)
    + " ON CONFLICT (rung, program) DO UPDATE SET mean = excluded.mean, sd = excluded.sd, "
    "low = excluded.low, high = excluded.high, n = excluded.n"
)


class Store(Reader):
    """An open run. Make one with `create` or `open`; it is its own context manager."""

    @classmethod
    def create(cls, path: Path, run: Mapping[str, Any]) -> Self:
        """Makes a new database; it appears under its name only once it is complete.

        Args:
            path: Where; nothing may be there yet.
            run: The run's configuration, JSON-able.

        Raises:
            StoreError: Something is there already, the folder cannot be written, or the disk is full.
        """
        if path.exists():
            raise StoreError(f"{path} exists already. Resume that run, or start the new one in another folder.")
        config = codec.to_json(dict(run))
        draft = path.with_name(path.name + ".new")
        draft.unlink(missing_ok=True)
        database.clear_leftovers(draft)
        database.clear_leftovers(path)
        connection = database.create(draft)
        try:
            connection.execute("INSERT INTO runs (id, config) VALUES (1, ?)", (config,))
        finally:
            connection.close()
        draft.rename(path)
        return cls.open(path, write=True)

    @classmethod
    def open(cls, path: Path, *, write: bool = False) -> Self:
        """Opens an existing database.

        Args:
            path: The database file.
            write: Open for appending (and bring an older schema up to date); the caller holds the run's lock.

        Raises:
            StoreError: Missing, not a database, corrupt, not a run, of a newer schema, or of an older one
                opened for reading only.
        """
        connection = database.open_writer(path) if write else database.open_reader(path)
        try:
            return cls(connection)
        except BaseException:
            connection.close()
            raise

    @property
    def path(self) -> Path:
        """The database file."""
        return self._connection.path

    def close(self) -> None:
        """Closes the connection; safe to call twice."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def commit(self) -> AbstractContextManager[None]:
        """Makes one transaction of all appends inside it; an exception undoes them all.

        Inside another `commit` it joins the outer one: let what it raises end that one too.

        Raises:
            StoreError: A row breaks a rule, the disk is full, or another process is writing.
        """
        return self._connection.transaction()

    def append_program(self, program: ProgramRow) -> None:
        """Adds a program, its text and its parents.

        Raises:
            StoreError: Its id, digest or birth is taken, or a parent is unknown or not older.
        """
        with self.commit():
            self._connection.execute(_INSERT_PROGRAM, codec.program_columns(program))
            self._connection.execute(_INSERT_SOURCE, (program.id, codec.pack(program.source)))
            for position, parent in enumerate(program.parents):
                self._connection.execute(_INSERT_PARENT, (program.id, position, parent))

    def append_trial(self, trial: TrialRow) -> None:
        """Adds a trial.

        Raises:
            StoreError: Its id is taken, its program unknown, the same trial is there and was not lost, or
                it has a value without having finished, or finished without one.
        """
        self._connection.execute(_INSERT_TRIAL, codec.trial_columns(trial))

    def append_pruning_trial(self, trial: PruningTrialRow) -> None:
        """Adds a trial of a genome that is no program.

        Raises:
            StoreError: The same trial is there, or it has a value without having finished, or finished without one.
        """
        self._connection.execute(_INSERT_PRUNING_TRIAL, astuple(trial))

    def append_call(self, call: CallRow) -> None:
        """Adds a call of a language model.

        Raises:
            StoreError: Its id is taken.
        """
        self._connection.execute(_INSERT_CALL, codec.call_columns(call))

    def append_reply(self, reply: ReplyRow) -> None:
        """Adds what came of a call.

        Raises:
            StoreError: The call is unknown or has a reply.
        """
        self._connection.execute(_INSERT_REPLY, codec.reply_columns(reply))

    def append_event(self, event: EventRow) -> None:
        """Adds an event.

        Raises:
            StoreError: Its id is taken.
        """
        self._connection.execute(_INSERT_EVENT, codec.event_columns(event))

    def put_estimates(self, rows: Iterable[EstimateRow]) -> None:
        """Writes estimates over those of the same program and rung.

        Raises:
            StoreError: A program is unknown or a number is not one.
        """
        with self.commit():
            columns = ((r.program, r.rung, r.mean, r.sd, r.low, r.high, r.n) for r in rows)
            self._connection.execute_each(_PUT_ESTIMATE, columns)

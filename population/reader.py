"""Reading a run: its rows in order, single programs, and reports. Must not write.

A listing is one query, so that it is consistent in itself while the run goes on.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from population import codec, queries
from population.database import Connection
from population.errors import StoreError, UnknownProgramError
from population.queries import (
    ArmTally,
    ChangeTally,
    ClassTally,
    IslandLeader,
    LastRows,
    Listed,
    OperatorTally,
    PaidAttempt,
    Summary,
)
from population.rows import CallRow, EstimateRow, EventRow, ProgramRow, PruningTrialRow, ReplyRow, TrialRow

_SELECT_PROGRAM = (
    "SELECT "
    + ", ".join(f"p.{column}" for column in codec.PROGRAM_COLUMNS.split(", "))
    + f", s.text, {queries.PARENTS} FROM programs p JOIN sources s ON s.program = p.id"
)


def _is_id(text: str) -> bool:
    """Whether the text is a number that SQLite can hold."""
    return text.isascii() and text.isdigit() and len(text) < 19


class Reader:
    """What can be asked of an open run.

    Attributes:
        run: The run's configuration, as given when it was created.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        row = connection.one("SELECT config FROM runs")
        if row is None:
            raise StoreError(
                f"{connection.path} holds no run. It cannot be resumed; start a new one with `evolve start`."
            )
        self.run: dict[str, Any] = json.loads(row[0])

    # Reading rows, in id order, one at a time

    def programs(self) -> Iterator[ProgramRow]:
        """All programs."""
        for *columns, text, parents in self._connection.rows(f"{_SELECT_PROGRAM} ORDER BY p.id"):
            yield codec.program_row(tuple(columns), text, parents)

    def trials(self, program: int | None = None) -> Iterator[TrialRow]:
        """All trials, or those of one program."""
        where = "" if program is None else "WHERE program = :program"
        sql = f"SELECT {codec.TRIAL_COLUMNS} FROM trials {where} ORDER BY id"
        return map(codec.trial_row, self._connection.rows(sql, {"program": program}))

    def events(self, kind: str | None = None) -> Iterator[EventRow]:
        """All events, or those of one kind."""
        where = "" if kind is None else "WHERE kind = :kind"
        sql = f"SELECT {codec.EVENT_COLUMNS} FROM events {where} ORDER BY id"
        return map(codec.event_row, self._connection.rows(sql, {"kind": kind}))

    def calls(self) -> Iterator[CallRow]:
        """All calls of language models."""
        return map(codec.call_row, self._connection.rows(f"SELECT {codec.CALL_COLUMNS} FROM calls ORDER BY id"))

    def replies(self) -> Iterator[ReplyRow]:
        """All replies, in the order in which they came."""
        return map(codec.reply_row, self._connection.rows(f"SELECT {codec.REPLY_COLUMNS} FROM replies ORDER BY seq"))

    def pruning_trials(self, rung: str, fingerprint: str) -> Iterator[PruningTrialRow]:
        """The trials of genomes that are no programs, on a rung under the same conditions."""
        sql = (
            f"SELECT {codec.PRUNING_TRIAL_COLUMNS} FROM pruning_trials "
            "WHERE rung = :rung AND fingerprint = :fingerprint ORDER BY id"
        )
        rows = self._connection.rows(sql, {"rung": rung, "fingerprint": fingerprint})
        return (PruningTrialRow(*row) for row in rows)

    def estimates(self, rung: str | None = None, program: int | None = None) -> Iterator[EstimateRow]:
        """Estimates by rung and program, all or those of one rung, of one program, or of both."""
        wanted = {"rung": rung, "program": program}
        where = " AND ".join(f"{name} = :{name}" for name, value in wanted.items() if value is not None)
        where = f"WHERE {where}" if where else ""
        sql = f"SELECT {codec.ESTIMATE_COLUMNS} FROM estimates {where} ORDER BY rung, program"
        return (EstimateRow(*row) for row in self._connection.rows(sql, wanted))

    # Finding programs

    def program(self, id: int) -> ProgramRow:
        """The program of that id.

        Raises:
            UnknownProgramError: There is none; the nearest ids are named.
        """
        row = self._connection.one(f"{_SELECT_PROGRAM} WHERE p.id = ?", (id,))
        if row is None:
            raise self._unknown(str(id))
        *columns, text, parents = row
        return codec.program_row(tuple(columns), text, parents)

    def by_digest(self, digest: str) -> ProgramRow | None:
        """The program of that genome, if it is in the run."""
        row = self._connection.one("SELECT id FROM programs WHERE digest = ?", (digest,))
        return None if row is None else self.program(row[0])

    def resolve(self, text: str) -> int:
        """The id a user means by an id, the beginning of a digest, or the name of a seed or added program.

        Raises:
            UnknownProgramError: Nothing, or more than one program, goes by it; near matches are named.
        """
        text = text.strip()
        if _is_id(text) and self._connection.one("SELECT 1 FROM programs WHERE id = ?", (int(text),)):
            return int(text)
        named = self._ids("SELECT id FROM programs WHERE name = ? AND name <> '' ORDER BY id LIMIT 9", text)
        found = named or (self._by_prefix(text) if text else [])
        if len(found) == 1:
            return found[0]
        if found:
            near = [str(id) for id in found[:8]]
            raise UnknownProgramError(
                f"{text!r} fits more than one program: {', '.join(near)}{' ...' if len(found) > 8 else ''}. "
                "Give the id or more of the digest.",
                text,
                near,
            )
        raise self._unknown(text)

    def ancestors(self, id: int) -> list[int]:
        """Ids of all programs this one descends from, oldest first."""
        return sorted(self._ids(queries.ANCESTORS, id))

    def children(self, id: int) -> list[int]:
        """Ids of the programs that have this one as a parent, oldest first."""
        return self._ids("SELECT DISTINCT program FROM parents WHERE parent = ? ORDER BY program", id)

    def descendants(self, id: int) -> list[int]:
        """Ids of all programs that descend from this one, oldest first."""
        return sorted(self._ids(queries.DESCENDANTS, id))

    # Reports

    def summary(self) -> Summary:
        """Counts of the run, from indexes alone."""
        born, tried = (list(self._connection.rows(sql)) for sql in queries.COUNTS)
        islands: dict[int, int] = {}
        operators: dict[str, int] = {}
        for island, operator, count, _ in born:
            islands[island] = islands.get(island, 0) + count
            operators[operator] = operators.get(operator, 0) + count
        outcomes: dict[str, int] = {}
        rungs: dict[str, dict[str, int]] = {}
        for rung, outcome, count in tried:
            outcomes[outcome] = outcomes.get(outcome, 0) + count
            rungs.setdefault(rung, {})[outcome] = count
        return Summary(
            programs=sum(islands.values()),
            births=sum(row[3] for row in born),
            trials=sum(outcomes.values()),
            outcomes=outcomes,
            rungs=rungs,
            islands=islands,
            operators=operators,
            elapsed=self.last_elapsed(),
        )

    def best(self, rung: str, k: int = 1, *, seeds_only: bool = False) -> list[EstimateRow]:
        """The programs with the lowest posterior means on a rung, best first.

        A program with a failed trial on the rung is left out: it must not gain by dying on the bad rng_seeds.

        Args:
            rung: Name of the rung.
            k: How many at most.
            seeds_only: Only seed programs.
        """
        return [
            EstimateRow(*row)
            for row in self._connection.rows(queries.BEST, {"rung": rung, "k": k, "seeds_only": seeds_only})
        ]

    def changes(self, rung: str = "proxy") -> list[ChangeTally]:
        """What each operator's changes of each class have come to, judged by the estimates on a rung."""
        return [ChangeTally._make(row) for row in self._connection.rows(queries.CHANGES, {"rung": rung})]

    def tallies(self, rung: str = "proxy") -> list[OperatorTally]:
        """What each operator has done, judged by the estimates on a rung; operators by name."""
        return queries.by_operator(self.changes(rung))

    def classes(self, rung: str = "proxy") -> list[ClassTally]:
        """What changes of each class have come to, judged by the estimates on a rung."""
        return queries.by_class(self.changes(rung))

    def arms(self, rung: str = "proxy") -> list[ArmTally]:
        """What asking each model by each operator has come to, judged by the estimates on a rung."""
        return [ArmTally._make(row) for row in self._connection.rows(queries.ARMS, {"rung": rung})]

    def paid_attempts(self, k: int, rung: str = "proxy") -> list[PaidAttempt]:
        """What came of the last `k` attempts that models were asked for, oldest first."""
        return [PaidAttempt._make(row) for row in self._connection.rows(queries.PAID, {"rung": rung, "k": k})]

    def leaders(self, islands: int, rung: str = "proxy") -> list[IslandLeader]:
        """The best program of each island, by the estimates on a rung; islands in order.

        Args:
            islands: How many islands there are: seed programs and added ones live on all of them.
            rung: Name of the rung.
        """
        rows = self._connection.rows(queries.LEADERS, {"rung": rung, "islands": json.dumps(list(range(islands)))})
        return [IslandLeader(island, members, EstimateRow(*best)) for island, members, *best in rows]

    def listing(
        self,
        *,
        rung: str = "proxy",
        order: str = "estimate",
        island: int | None = None,
        operator: str | None = None,
        outcome: str | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> Iterator[Listed]:
        """Programs with their estimates on a rung and what became of their trials.

        Args:
            rung: Whose estimates to show and sort by.
            order: A key of `population.queries.ORDERS`.
            island: Only programs born there.
            operator: Only programs made by it.
            outcome: Only programs with this `Listed.outcome`.
            limit: At most so many; None for all.
            offset: How many to leave out first.

        Raises:
            ValueError: The order is unknown.
        """
        filters = {"island": island, "operator": operator, "outcome": outcome}
        for row in self._listed(rung, order, filters, limit, offset, as_json=False):
            yield Listed._make((*row[2:7], codec.parent_ids(row[7]), *row[8:]))

    def listing_json(
        self,
        *,
        rung: str = "proxy",
        order: str = "estimate",
        island: int | None = None,
        operator: str | None = None,
        outcome: str | None = None,
        limit: int | None = None,
        offset: int = 0,
    ) -> Iterator[str]:
        """As `listing`, each program as the text of a JSON object: half the time where there are 100,000.

        SQLite writes numbers with 15 digits, so the last one or two of a float may be lost.
        """
        filters = {"island": island, "operator": operator, "outcome": outcome}
        return (row[2] for row in self._listed(rung, order, filters, limit, offset, as_json=True))

    def last_elapsed(self) -> float:
        """Running time of the run when its last row was written, in seconds; 0 for an empty run."""
        row = self._connection.one(queries.LAST_ELAPSED)
        return float(row[0]) if row else 0.0

    def last_rows(self) -> LastRows:
        """Where the rows end: what the next writer goes on from."""
        row = self._connection.one(queries.LAST_ROWS)
        return LastRows._make(row or (0, 0, 0))

    def _listed(
        self,
        rung: str,
        order: str,
        filters: Mapping[str, object],
        limit: int | None,
        offset: int,
        *,
        as_json: bool,
    ) -> Iterator[tuple[Any, ...]]:
        if order not in queries.ORDERS:
            raise ValueError(f"expected an order among {', '.join(queries.ORDERS)}; got {order!r}")
        paged = limit is not None or offset > 0
        sql, wanted = queries.listing_sql(order, filters, paged=paged, as_json=as_json)
        page = {"rung": rung, "limit": -1 if limit is None else limit, "offset": offset}
        rows = self._connection.rows(sql, {**wanted, **page})
        if paged or order == "id":
            return rows
        # A full listing is wide: sorting it here is quicker than SQLite's sort, which goes through files.
        full = list(rows)
        if order == "newest":
            full.reverse()
        else:
            full.sort(key=lambda row: (row[0] is None, row[0], row[1]))
        return iter(full)

    def _ids(self, sql: str, parameter: object) -> list[int]:
        return [row[0] for row in self._connection.rows(sql, (parameter,))]

    def _by_prefix(self, prefix: str) -> list[int]:
        rows = self._connection.rows(
            "SELECT id FROM programs WHERE digest >= ? AND digest < ? ORDER BY digest LIMIT 9",
            (prefix.lower(), prefix.lower() + "\U0010ffff"),
        )
        return [row[0] for row in rows]

    def _unknown(self, text: str) -> UnknownProgramError:
        """What to say when nothing goes by `text`."""
        names = [row[0] for row in self._connection.rows("SELECT DISTINCT name FROM programs WHERE name <> ''")]
        near = difflib.get_close_matches(text, names, n=4, cutoff=0.4)
        last = self._connection.one("SELECT max(id) FROM programs")
        highest = (last and last[0]) or 0
        if _is_id(text):
            near += [str(id) for id in self._ids("SELECT id FROM programs ORDER BY abs(id - ?) LIMIT 3", int(text))]
        elif len(text) > 3:
            near += [f"{id}" for id in self._by_prefix(text[:3])[:3]]
        hint = f" Near matches: {', '.join(near)}." if near else ""
        return UnknownProgramError(
            f"No program goes by {text!r}: expected an id from 1 to {highest}, the beginning of a digest, or "
            f"the name of a seed program.{hint}",
            text,
            near,
        )

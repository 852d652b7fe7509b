"""What reading commands ask of a run, as SQL, and the records of the answers. Must not open a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Summary:
    """Counts of a run.

    Attributes:
        programs: All programs, seed and added ones included.
        births: Programs that an operator made.
        trials: All trials, lost ones included.
        outcomes: Number of trials by outcome, over all rungs.
        rungs: Rung name to number of trials by outcome.
        islands: Island to number of programs born there.
        operators: Operator ("seed" and "add" included) to number of programs.
        elapsed: Running time of the run so far, in seconds.
    """

    programs: int
    births: int
    trials: int
    outcomes: Mapping[str, int]
    rungs: Mapping[str, Mapping[str, int]]
    islands: Mapping[int, int]
    operators: Mapping[str, int]
    elapsed: float


class Listed(NamedTuple):
    """One program as a listing shows it (a tuple, because a full listing has 100,000 of them).

    Attributes:
        id: Id of the program.
        name: File stem for seed and added programs, else "".
        operator: Who made it.
        island: Where it was born.
        birth: Running number among births; None for seed and added programs.
        parents: Ids, the main parent first.
        component: What was touched.
        note: What was done to it.
        digest: Identity of the genome.
        elapsed: Running time of the run at its birth, in seconds.
        outcome: "finished" when all its trials so far did (lost ones aside), else how the first that failed
            ended; "" while it has none.
        trials: Trials that ended, lost ones aside, on all rungs.
        finished: How many of them finished.
        mean: Posterior mean on the listing's rung, None without an estimate; likewise the four below.
        sd: Posterior standard deviation.
        low: Lower end of the 95 % interval.
        high: Upper end of it.
        n: Finished trials on the rung.
    """

    id: int
    name: str
    operator: str
    island: int
    birth: int | None
    parents: tuple[int, ...]
    component: str
    note: str
    digest: str
    elapsed: float
    outcome: str
    trials: int
    finished: int
    mean: float | None
    sd: float | None
    low: float | None
    high: float | None
    n: int | None


FAILED = "outcome NOT IN ('finished', 'lost')"
"""The condition of the index `trials_failed`, word for word."""

PARENTS = (
    "(SELECT group_concat(parent) FROM (SELECT parent FROM parents WHERE program = p.id ORDER BY position))"
)
"""Parents of the program `p`, main parent first, joined by commas."""

_OUTCOME = f"""coalesce(
    (SELECT outcome FROM trials WHERE id = (SELECT min(id) FROM trials WHERE program = p.id AND {FAILED})),
    CASE WHEN t.finished > 0 THEN 'finished' ELSE '' END)"""

ORDERS = {
    "estimate": "e.mean IS NULL, e.mean, p.id",
    "id": "p.id",
    "newest": "p.id DESC",
}
"""What a listing may be sorted by; "estimate" puts the best first and programs without one last."""


def listing_sql(
    order: str, island: int | None, operator: str | None, outcome: str | None
) -> tuple[str, dict[str, object]]:
    """The query of a listing; it wants the further parameters `rung`, `limit` and `offset`.

    Returns:
        SQL text and the parameters of its filters.
    """
    filters = {
        "p.island = :island": island,
        "p.operator = :operator": operator,
        f"{_OUTCOME} = :outcome": outcome,
    }
    where = " AND ".join(text for text, value in filters.items() if value is not None)
    sql = f"""
        SELECT p.id, p.name, p.operator, p.island, p.birth, {PARENTS}, p.component, p.note, p.digest,
            p.elapsed, {_OUTCOME}, coalesce(t.ended, 0), coalesce(t.finished, 0),
            e.mean, e.sd, e.low, e.high, e.n
        FROM programs p
        LEFT JOIN estimates e ON e.rung = :rung AND e.program = p.id
        LEFT JOIN (SELECT program, sum(outcome <> 'lost') AS ended, sum(outcome = 'finished') AS finished
                   FROM trials GROUP BY program) t ON t.program = p.id
        {"WHERE " + where if where else ""}
        ORDER BY {ORDERS[order]} LIMIT :limit OFFSET :offset"""
    return sql, {"island": island, "operator": operator, "outcome": outcome}


BEST = f"""
    SELECT e.program, e.rung, e.mean, e.sd, e.low, e.high, e.n FROM estimates e
    WHERE e.rung = :rung AND e.n > 0
        AND NOT EXISTS (SELECT 1 FROM trials WHERE program = e.program AND rung = e.rung AND {FAILED})
        AND (NOT :seeds_only OR (SELECT operator FROM programs WHERE id = e.program) = 'seed')
    ORDER BY e.mean, e.program LIMIT :k"""

ANCESTORS = """
    WITH RECURSIVE found(id) AS (
        SELECT parent FROM parents WHERE program = ?
        UNION SELECT parents.parent FROM parents JOIN found ON parents.program = found.id)
    SELECT id FROM found ORDER BY id"""

DESCENDANTS = """
    WITH RECURSIVE found(id) AS (
        SELECT program FROM parents WHERE parent = ?
        UNION SELECT parents.program FROM parents JOIN found ON parents.parent = found.id)
    SELECT id FROM found ORDER BY id"""

LAST_ELAPSED = """
    SELECT max(coalesce((SELECT elapsed FROM programs ORDER BY id DESC LIMIT 1), 0.0),
               coalesce((SELECT elapsed FROM trials ORDER BY id DESC LIMIT 1), 0.0),
               coalesce((SELECT elapsed FROM events ORDER BY id DESC LIMIT 1), 0.0))"""

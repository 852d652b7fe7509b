"""What reading commands ask of a run, as SQL, and the records of the answers. Must not open a database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from population.rows import EstimateRow


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


class OperatorTally(NamedTuple):
    """What an operator has done in a run.

    Attributes:
        operator: Its name.
        births: Programs it made.
        failed: How many of them failed a trial.
        improved: How many of the others have a lower mean than their main parent.
    """

    operator: str
    births: int
    failed: int
    improved: int


class IslandLeader(NamedTuple):
    """The best program of an island.

    Attributes:
        island: Index of the island.
        members: Programs that were born there or came there, with finished trials and no failed one.
        leader: Estimate of the best of them.
    """

    island: int
    members: int
    leader: EstimateRow


class ChangeTally(NamedTuple):
    """What one operator's changes of one class have come to.

    Attributes:
        operator: Name of the operator.
        depth: Class of change, see `ProgramRow.depth`.
        provenance: Where the ideas are from.
        births: Programs.
        failed: Those that failed a trial.
        improved: Those that did not, estimated better than their main parent.
        gain: Sum of all improvements, nats/token.
    """

    operator: str
    depth: str
    provenance: str
    births: int
    failed: int
    improved: int
    gain: float


class ClassTally(NamedTuple):
    """What changes of one class have come to.

    Attributes:
        depth: Class of change, see `ProgramRow.depth`.
        provenance: Where the ideas are from.
        births: Programs of this class.
        improved: Those estimated better than their main parent.
        gain: Sum of their improvements, nats/token.
    """

    depth: str
    provenance: str
    births: int
    improved: int
    gain: float


class ArmTally(NamedTuple):
    """What asking one model by one operator has come to.

    Attributes:
        operator: Name of the operator.
        model: Name of the model.
        attempts: Attempts at a birth.
        calls: Calls, corrections and repeats included.
        waiting: Calls without a reply.
        tokens: Tokens that providers counted.
        usd: What is known to have been paid.
        births: Programs that came of it.
        improved: Those estimated better than their main parent.
        gain: Sum of their improvements, nats/token.
    """

    operator: str
    model: str
    attempts: int
    calls: int
    waiting: int
    tokens: int
    usd: float
    births: int
    improved: int
    gain: float


class PaidAttempt(NamedTuple):
    """One attempt that a model was asked for and what came of it; what is still being tried is left out.

    Attributes:
        operator: Name of the operator.
        model: Name of the model.
        island: Where the child lives.
        gain: Its main parent's estimate minus its own, nats/token; 0 if that is less, and for none or a failure.
        usd: What has been paid, at most where nobody knows.
        steps: Training steps paid on the smoke rung and for its first trial on the rung asked for.
    """

    operator: str
    model: str
    island: int
    gain: float
    usd: float
    steps: int


class LastRows(NamedTuple):
    """Where a run's rows end; 0 where there are none.

    Attributes:
        seq: Place of the last row of all.
        trial: Id of the last trial.
        event: Id of the last event.
    """

    seq: int
    trial: int
    event: int


FAILED = "outcome NOT IN ('finished', 'lost')"
"""The condition of the index `trials_failed`, word for word."""

PARENTS = "(SELECT group_concat(parent) FROM parents WHERE program = p.id)"
"""Parents of the program `p`, joined by commas: in order of position, for the primary key finds them."""

_OUTCOME = f"""coalesce(
    (SELECT outcome FROM trials WHERE id =
        (SELECT min(id) FROM trials INDEXED BY trials_failed WHERE program = p.id AND {FAILED})),
    CASE WHEN EXISTS (SELECT 1 FROM trials WHERE program = p.id AND outcome = 'finished')
        THEN 'finished' ELSE '' END)"""

_LISTED = {
    **{name: f"p.{name}" for name in ("id", "name", "operator", "island", "birth")},
    "parents": PARENTS,
    **{name: f"p.{name}" for name in ("component", "note", "digest", "elapsed")},
    "outcome": _OUTCOME,
    "trials": "(SELECT count(*) FROM trials WHERE program = p.id AND outcome <> 'lost')",
    "finished": "(SELECT count(*) FROM trials WHERE program = p.id AND outcome = 'finished')",
    **{name: f"e.{name}" for name in ("mean", "sd", "low", "high", "n")},
}
"""How each field of `Listed` is found, in order."""

ORDERS = {"estimate": "e.mean IS NULL, e.mean, p.id", "id": "p.id", "newest": "p.id DESC"}
"""What a listing may be sorted by; "estimate" puts the best first and programs without one last."""


def listing_sql(
    order: str, filters: Mapping[str, object], *, paged: bool, as_json: bool
) -> tuple[str, dict[str, object]]:
    """The query of a listing; wants the parameters it returns, `rung` and, if paged, `limit` and `offset`.

    Args:
        order: A key of `ORDERS`.
        filters: Wanted `island`, `operator` and `outcome`; None for any.
        paged: Find the ids of the page first and look up the rest for those alone; else all, in order of ids.
        as_json: A third column, a JSON object, instead of the fields of `Listed`.

    Returns:
        SQL text, whose first two columns are mean and id, and the parameters of its filters.
    """
    wanted = {name: value for name, value in filters.items() if value is not None}
    where = " AND ".join(f"{_LISTED[name]} = :{name}" for name in wanted) or "1"
    if as_json:
        lists = {**_LISTED, "parents": PARENTS.replace("group_concat", "json_group_array")}
        fields = f"json_object({', '.join(f'{name!r}, {sql}' for name, sql in lists.items())})"
    else:
        fields = ", ".join(_LISTED.values())
    joined = "programs p LEFT JOIN estimates e ON e.rung = :rung AND e.program = p.id"
    if not paged:
        return f"SELECT e.mean, p.id, {fields} FROM {joined} WHERE {where} ORDER BY p.id", wanted
    page = f"SELECT p.id AS id FROM {joined} WHERE {where} ORDER BY {ORDERS[order]} LIMIT :limit OFFSET :offset"
    return (
        f"WITH page AS ({page}) SELECT e.mean, p.id, {fields} FROM page CROSS JOIN {joined} "
        f"WHERE p.id = page.id ORDER BY {ORDERS[order]}",
        wanted,
    )


COUNTS = (
    "SELECT island, operator, count(*), count(birth) FROM programs GROUP BY island, operator",
    "SELECT rung, outcome, count(*) FROM trials GROUP BY rung, outcome",
)
"""What a summary counts, each from an index alone."""

BEST = f"""
    SELECT e.program, e.rung, e.mean, e.sd, e.low, e.high, e.n FROM estimates e
    WHERE e.rung = :rung AND e.n > 0
        AND NOT EXISTS (SELECT 1 FROM trials WHERE program = e.program AND rung = e.rung AND {FAILED})
        AND (NOT :seeds_only OR (SELECT operator FROM programs WHERE id = e.program) = 'seed')
    ORDER BY e.mean, e.program LIMIT :k"""

_JUDGED = """
    LEFT JOIN estimates e ON e.rung = :rung AND e.program = p.id AND e.n > 0
    LEFT JOIN parents a ON a.program = p.id AND a.position = 0
    LEFT JOIN estimates m ON m.rung = :rung AND m.program = a.parent AND m.n > 0"""
"""Programs `p` with their estimate `e` and their main parent's, `m`."""
_GAINS = f"programs p {_JUDGED}"

CHANGES = f"""
    SELECT p.operator, p.depth, p.provenance, count(*), count(f.program),
        coalesce(sum(f.program IS NULL AND e.mean < m.mean), 0), coalesce(sum(max(m.mean - e.mean, 0.0)), 0.0)
    FROM {_GAINS}
    LEFT JOIN (SELECT DISTINCT program FROM trials INDEXED BY trials_failed WHERE {FAILED}) f
        ON f.program = p.id
    WHERE p.birth IS NOT NULL GROUP BY p.operator, p.depth, p.provenance"""

ARMS = f"""
    WITH paid AS (
        SELECT c.attempt, min(c.operator) operator, min(c.model) model, count(*) calls,
            sum(r.call IS NULL) waiting, sum(coalesce(r.prompt_tokens + r.completion_tokens, 0)) tokens,
            sum(coalesce(r.usd, 0.0)) usd
        FROM calls c LEFT JOIN replies r ON r.call = c.id GROUP BY c.attempt),
    born AS (
        SELECT p.attempt, count(*) births, coalesce(sum(e.mean < m.mean), 0) improved,
            coalesce(sum(max(m.mean - e.mean, 0.0)), 0.0) gain
        FROM {_GAINS} WHERE p.attempt IN (SELECT attempt FROM calls) GROUP BY p.attempt)
    SELECT paid.operator, paid.model, count(*), sum(paid.calls), sum(paid.waiting), sum(paid.tokens), sum(paid.usd),
        coalesce(sum(born.births), 0), coalesce(sum(born.improved), 0), coalesce(sum(born.gain), 0.0)
    FROM paid LEFT JOIN born USING (attempt) GROUP BY paid.operator, paid.model"""

PAID = f"""
    WITH last AS (
        SELECT attempt, min(operator) operator, min(model) model, min(island) island
        FROM calls GROUP BY attempt ORDER BY attempt DESC LIMIT :k)
    SELECT last.operator, last.model, last.island, max(coalesce(m.mean - e.mean, 0.0), 0.0),
        (SELECT coalesce(sum(iif(r.outcome = 'failed', 0.0, coalesce(r.usd, c.most_usd, 0.0))), 0.0)
            FROM calls c JOIN replies r ON r.call = c.id WHERE c.attempt = last.attempt),
        (SELECT coalesce(sum(json_extract(t.curve, '$[#-1][0]')), 0) FROM trials t WHERE t.id IN (
            SELECT min(id) FROM trials WHERE program = p.id AND value IS NOT NULL AND rung IN ('smoke', :rung)
            GROUP BY rung))
    FROM last LEFT JOIN programs p ON p.attempt = last.attempt {_JUDGED}
    WHERE NOT EXISTS (SELECT 1 FROM calls c LEFT JOIN replies r ON r.call = c.id
            WHERE c.attempt = last.attempt AND r.call IS NULL)
        AND (p.id IS NULL OR e.program IS NOT NULL
            OR EXISTS (SELECT 1 FROM trials WHERE program = p.id AND {FAILED})
            OR EXISTS (SELECT 1 FROM events s WHERE s.kind = 'same' AND json_extract(s.data, '$.program') = p.id))
    ORDER BY last.attempt"""

LEADERS = f"""
    WITH residents(island, program) AS (
        SELECT island, id FROM programs WHERE birth IS NOT NULL
        UNION ALL SELECT i.value, p.id FROM programs p, json_each(:islands) i WHERE p.birth IS NULL
        UNION ALL SELECT json_extract(m.value, '$[2]'), json_extract(m.value, '$[0]')
            FROM events, json_each(events.data, '$.moves') m WHERE events.kind = 'migration')
    SELECT r.island, count(DISTINCT r.program), e.program, e.rung, min(e.mean), e.sd, e.low, e.high, e.n
    FROM residents r CROSS JOIN estimates e ON e.rung = :rung AND e.program = r.program AND e.n > 0
    WHERE NOT EXISTS (SELECT 1 FROM trials INDEXED BY trials_failed WHERE program = r.program AND {FAILED})
    GROUP BY r.island"""
"""Programs without a birth live on every island. SQLite takes the columns beside a `min` from the row that has it."""

ANCESTORS = """
    WITH RECURSIVE found(id) AS (
        SELECT parent FROM parents WHERE program = ?
        UNION SELECT parents.parent FROM parents JOIN found ON parents.program = found.id ORDER BY 1 DESC)
    SELECT id FROM found"""

DESCENDANTS = """
    WITH RECURSIVE found(id) AS (
        SELECT program FROM parents WHERE parent = ?
        UNION SELECT parents.program FROM parents JOIN found ON parents.parent = found.id ORDER BY 1)
    SELECT id FROM found"""

LAST_ELAPSED = """
    SELECT max(coalesce((SELECT elapsed FROM programs ORDER BY id DESC LIMIT 1), 0.0),
               coalesce((SELECT elapsed FROM trials ORDER BY id DESC LIMIT 1), 0.0),
               coalesce((SELECT elapsed FROM events ORDER BY id DESC LIMIT 1), 0.0),
               coalesce((SELECT elapsed FROM calls ORDER BY id DESC LIMIT 1), 0.0),
               coalesce((SELECT max(elapsed) FROM replies), 0.0))"""

LAST_ROWS = """
    SELECT max(coalesce((SELECT seq FROM programs ORDER BY id DESC LIMIT 1), 0),
               coalesce((SELECT seq FROM trials ORDER BY id DESC LIMIT 1), 0),
               coalesce((SELECT seq FROM events ORDER BY id DESC LIMIT 1), 0),
               coalesce((SELECT seq FROM calls ORDER BY id DESC LIMIT 1), 0),
               coalesce((SELECT max(seq) FROM replies), 0)),
           coalesce((SELECT max(id) FROM trials), 0), coalesce((SELECT max(id) FROM events), 0)"""


def by_operator(changes: Iterable[ChangeTally]) -> list[OperatorTally]:
    """What each operator has done; operators by name."""
    found: dict[str, OperatorTally] = {}
    for each in changes:
        was = found.get(each.operator, OperatorTally(each.operator, 0, 0, 0))
        sums = (was.births + each.births, was.failed + each.failed, was.improved + each.improved)
        found[each.operator] = OperatorTally(each.operator, *sums)
    return [found[name] for name in sorted(found)]


def by_class(changes: Iterable[ChangeTally]) -> list[ClassTally]:
    """What changes of each class have come to; programs without a class left out."""
    found: dict[tuple[str, str], ClassTally] = {}
    for each in changes:
        if each.depth:
            was = found.get(each[1:3], ClassTally(each.depth, each.provenance, 0, 0, 0.0))
            sums = (was.births + each.births, was.improved + each.improved, was.gain + each.gain)
            found[each[1:3]] = ClassTally(each.depth, each.provenance, *sums)
    return [found[name] for name in sorted(found)]

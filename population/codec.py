"""Rows to columns and back. Must not know SQL: names and order of the columns are the store's affair.

Genomes are kept compressed (`benchmarks/results/scale.md` shows what that saves); lists and mappings
as JSON, in which Python writes a loss that is not finite as NaN or Infinity.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from typing import Any

from population.rows import CallRow, EventRow, Move, ProgramRow, ReplyRow, TrialRow

Columns = tuple[Any, ...]

PROGRAM_COLUMNS = (
    "id, seq, elapsed, digest, name, operator, island, birth, component, note, moves, hypothesis, depth, "
    "provenance, attempt, form"
)
TRIAL_COLUMNS = (
    "id, seq, elapsed, program, rung, rng_seed, fingerprint, outcome, value, reason, stderr, cpu_seconds, "
    "wall_seconds, curve, measures, training"
)
CALL_COLUMNS = (
    "id, seq, elapsed, attempt, turn, island, operator, parents, model, prompt, digest, seen, cut, max_tokens, "
    "most_tokens, most_usd"
)
REPLY_COLUMNS = "call, seq, elapsed, outcome, text, prompt_tokens, completion_tokens, usd, seconds, tries, reason"
EVENT_COLUMNS = "id, seq, elapsed, kind, data"
PRUNING_TRIAL_COLUMNS = "digest, rung, rng_seed, fingerprint, outcome, value, reason, cpu_seconds, wall_seconds"
ESTIMATE_COLUMNS = "program, rung, mean, sd, low, high, n"


def to_json(data: Mapping[str, Any] | list[Any]) -> str:
    """Compact JSON of a mapping or list.

    Raises:
        TypeError: Something in it has no JSON form.
    """
    return json.dumps(data, separators=(",", ":"))


def pack(text: str) -> bytes:
    """The text as UTF-8, deflated; a lone surrogate survives."""
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 6)


def unpack(blob: bytes) -> str:
    """What `pack` packed."""
    return zlib.decompress(blob).decode("utf-8", "surrogatepass")


def program_columns(row: ProgramRow) -> Columns:
    """`PROGRAM_COLUMNS` of a program; text and parents have tables of their own."""
    moves = to_json([[move.component, move.old, move.new] for move in row.moves])
    fixed = (row.id, row.seq, row.elapsed, row.digest, row.name, row.operator, row.island, row.birth)
    return (*fixed, row.component, row.note, moves, row.hypothesis, row.depth, row.provenance, row.attempt, row.form)


def program_row(columns: Columns, text: bytes, parents: str | None) -> ProgramRow:
    """A program from `PROGRAM_COLUMNS`, its packed text, and its parents' ids joined by commas."""
    id_, seq, elapsed, digest, name, operator, island, birth, component, note, moves, *words = columns
    hypothesis, depth, provenance, attempt, form = words
    return ProgramRow(
        id=id_,
        digest=digest,
        source=unpack(text),
        operator=operator,
        island=island,
        birth=birth,
        parents=parent_ids(parents),
        component=component,
        note=note,
        moves=tuple(Move(*move) for move in json.loads(moves)),
        name=name,
        elapsed=elapsed,
        seq=seq,
        hypothesis=hypothesis,
        depth=depth,
        provenance=provenance,
        attempt=attempt,
        form=form,
    )


def parent_ids(joined: str | None) -> tuple[int, ...]:
    """Ids out of SQL's `group_concat`."""
    return tuple(map(int, joined.split(","))) if joined else ()


def trial_columns(row: TrialRow) -> Columns:
    """`TRIAL_COLUMNS` of a trial."""
    who = (row.id, row.seq, row.elapsed, row.program, row.rung, row.rng_seed, row.fingerprint)
    what = (row.outcome, row.value, _encodable(row.reason), _encodable(row.stderr))
    cost = (row.cpu_seconds, row.wall_seconds)
    curves = (to_json(list(row.curve)), to_json(dict(row.measures)), to_json(rounded(row.training)))
    return (*who, *what, *cost, *curves)


def rounded(curve: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    """A curve as it is kept: five digits tell relatives apart."""
    return [(step, round(loss, 5)) for step, loss in curve]


def _encodable(text: str) -> str:
    """The text without lone surrogates, which SQLite refuses: a candidate may print anything."""
    return text.encode("utf-8", "replace").decode("utf-8")


def trial_row(columns: Columns) -> TrialRow:
    """A trial from `TRIAL_COLUMNS`."""
    id_, seq, elapsed, program, rung, rng_seed, fingerprint, outcome, value, reason, stderr = columns[:11]
    cpu_seconds, wall_seconds, curve, measures, training = columns[11:]
    return TrialRow(
        id=id_,
        program=program,
        rung=rung,
        rng_seed=rng_seed,
        fingerprint=fingerprint,
        outcome=outcome,
        value=value,
        reason=reason,
        stderr=stderr,
        cpu_seconds=cpu_seconds,
        wall_seconds=wall_seconds,
        curve=tuple((step, loss) for step, loss in json.loads(curve)),
        measures=json.loads(measures),
        training=tuple((step, loss) for step, loss in json.loads(training)),
        elapsed=elapsed,
        seq=seq,
    )


def call_columns(row: CallRow) -> Columns:
    """`CALL_COLUMNS` of a call."""
    who = (row.id, row.seq, row.elapsed, row.attempt, row.turn, row.island, row.operator, to_json(list(row.parents)))
    asked = (row.model, pack(row.prompt), row.digest, row.seen, row.cut)
    return (*who, *asked, row.max_tokens, row.most_tokens, row.most_usd)


def call_row(columns: Columns) -> CallRow:
    """A call from `CALL_COLUMNS`."""
    id_, seq, elapsed, attempt, turn, island, operator, parents, model, prompt, digest = columns[:11]
    seen, cut, max_tokens, most_tokens, most_usd = columns[11:]
    return CallRow(
        id=id_,
        attempt=attempt,
        turn=turn,
        island=island,
        operator=operator,
        parents=tuple(json.loads(parents)),
        model=model,
        prompt=unpack(prompt),
        digest=digest,
        seen=seen,
        cut=cut,
        max_tokens=max_tokens,
        most_tokens=most_tokens,
        most_usd=most_usd,
        elapsed=elapsed,
        seq=seq,
    )


def reply_columns(row: ReplyRow) -> Columns:
    """`REPLY_COLUMNS` of a reply."""
    cost = (row.prompt_tokens, row.completion_tokens, row.usd, row.seconds, row.tries)
    return (row.call, row.seq, row.elapsed, row.outcome, pack(row.text), *cost, _encodable(row.reason))


def reply_row(columns: Columns) -> ReplyRow:
    """A reply from `REPLY_COLUMNS`."""
    call, seq, elapsed, outcome, text, prompt_tokens, completion_tokens, usd, seconds, tries, reason = columns
    return ReplyRow(
        call=call,
        outcome=outcome,
        text=unpack(text),
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        usd=usd,
        seconds=seconds,
        tries=tries,
        reason=reason,
        elapsed=elapsed,
        seq=seq,
    )


def event_columns(row: EventRow) -> Columns:
    """`EVENT_COLUMNS` of an event."""
    return (row.id, row.seq, row.elapsed, row.kind, to_json(dict(row.data)))


def event_row(columns: Columns) -> EventRow:
    """An event from `EVENT_COLUMNS`."""
    id_, seq, elapsed, kind, data = columns
    return EventRow(id=id_, kind=kind, data=json.loads(data), elapsed=elapsed, seq=seq)

"""The rows that the store keeps, as frozen records.

Plain values only: this module knows nothing of how a trial is run or a child is made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Move:
    """One hyperparameter changed by a variation.

    Attributes:
        component: Name of the hyperparameter, as `population.components` lists it.
        old: Value in the parent.
        new: Value in the child.
    """

    component: str
    old: float
    new: float


@dataclass(frozen=True)
class ProgramRow:
    """A genome with a birth. Never edited, carries no score.

    Attributes:
        id: 1, 2, 3, ... in order of arrival.
        digest: Identity of the genome; unique in a run.
        source: The genome's text.
        operator: Name of the operator that made it; "seed" for a seed program, "add" for one a user entered.
        island: Index of the island it was born on.
        birth: Running number among births, from 1; None for seed and added programs.
        parents: Ids, the main parent first (its value is the child's prior); empty for seed and added programs.
        component: What was touched.
        note: One line: what was done to which component.
        moves: Hyperparameters changed, for operators that adapt to what has worked.
        hypothesis: Why its author expects it to help, or "".
        depth: Class of change: shallow, moderate, deep, breakthrough; "" for seed and added programs.
        provenance: Where the idea is from: invented, adapted, imported; "" likewise.
        attempt: Running number of the attempt that made it; None for seed and added programs.
        name: File stem for seed and added programs, else "".
        form: Digest of the genome but for its names (`population.form`), or "".
        elapsed: Running time of the run when it was written, in seconds.
        seq: Place in the one order of all rows of the run, from 1.
    """

    id: int
    digest: str
    source: str
    operator: str
    island: int
    birth: int | None
    parents: tuple[int, ...] = ()
    component: str = ""
    note: str = ""
    moves: tuple[Move, ...] = ()
    name: str = ""
    elapsed: float = 0.0
    seq: int = 0
    hypothesis: str = ""
    depth: str = ""
    provenance: str = ""
    attempt: int | None = None
    form: str = ""


@dataclass(frozen=True)
class CallRow:
    """A question to a language model, written before it is sent: what it may cost counts as spent from then on.

    Attributes:
        id: 1, 2, 3, ...
        attempt: Running number of the attempt at a birth that it is for.
        turn: 1 for the question, 2 for the correction of a reply that could not be used.
        island: Index of the island the child is for.
        operator: Name of the operator that asks.
        parents: Ids, the main parent first.
        model: Name of the model.
        prompt: The conversation: JSON, a list of [role, content].
        digest: Digest of the prompt.
        seen: `seq` of the last row that the prompt was made from.
        cut: What was left out of the prompt to keep its bound.
        max_tokens: Most tokens of the answer.
        most_tokens: Most tokens that the call can cost.
        most_usd: Most US dollars that it can cost; None where the model's price is unknown.
        elapsed: Running time of the run when it was written, in seconds.
        seq: Place in the one order of all rows of the run, from 1.
    """

    id: int
    attempt: int
    turn: int
    island: int
    operator: str
    parents: tuple[int, ...]
    model: str
    prompt: str
    digest: str
    seen: int
    cut: str
    max_tokens: int
    most_tokens: int
    most_usd: float | None = None
    elapsed: float = 0.0
    seq: int = 0


@dataclass(frozen=True)
class ReplyRow:
    """What came of a call.

    Attributes:
        call: Id of the call.
        outcome: How it ended (`evolve.questions.Reply`).
        text: The model's words.
        prompt_tokens: As the provider counted.
        completion_tokens: The same.
        usd: What it cost, as far as anybody knows.
        seconds: Latency.
        tries: Requests sent.
        reason: One sentence if it was not answered.
        elapsed: Running time of the run when it was written, in seconds.
        seq: Place in the one order of all rows of the run, from 1.
    """

    call: int
    outcome: str
    text: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float | None = None
    seconds: float = 0.0
    tries: int = 1
    reason: str = ""
    elapsed: float = 0.0
    seq: int = 0


@dataclass(frozen=True)
class TrialRow:
    """One trial of one program, written once it has ended.

    Attributes:
        id: 1, 2, 3, ... in the order in which results were written.
        program: Id of the program.
        rung: Name of the rung.
        rng_seed: Seed of the initialization noise.
        fingerprint: Everything else that determines the value.
        outcome: Text of the outcome; "finished" is the only one with a value.
        value: Held-out loss, lower is better; None unless finished.
        reason: One sentence when it did not finish.
        stderr: The candidate's last lines.
        cpu_seconds: CPU time paid.
        wall_seconds: Wall-clock time taken.
        curve: (step, loss) pairs.
        training: (step, mean training loss since the point before) pairs.
        measures: Behaviour measures (smoke rung).
        elapsed: Running time of the run when it was written, in seconds.
        seq: Place in the one order of all rows of the run, from 1.
    """

    id: int
    program: int
    rung: str
    rng_seed: int
    fingerprint: str
    outcome: str
    value: float | None = None
    reason: str = ""
    stderr: str = ""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    curve: tuple[tuple[int, float], ...] = ()
    measures: Mapping[str, float | str] = field(default_factory=dict)
    training: tuple[tuple[int, float], ...] = ()
    elapsed: float = 0.0
    seq: int = 0


@dataclass(frozen=True)
class PruningTrialRow:
    """One trial of a genome that `evolve prune` tries and that is no program.

    Attributes:
        digest: Identity of the genome.
        rung: Name of the rung.
        rng_seed: Seed of the initialization noise.
        fingerprint: Everything else that determines the value.
        outcome: Text of the outcome; "finished" is the only one with a value, and a lost trial has no row.
        value: Held-out loss, lower is better; None unless finished.
        reason: One sentence when it did not finish.
        cpu_seconds: CPU time paid.
        wall_seconds: Wall-clock time taken.
    """

    digest: str
    rung: str
    rng_seed: int
    fingerprint: str
    outcome: str
    value: float | None = None
    reason: str = ""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0


@dataclass(frozen=True)
class EventRow:
    """Something the engine decided or did that is neither a program nor a trial.

    Attributes:
        id: 1, 2, 3, ...
        kind: A short word: "attempt", "planned", "migration", "promotion", "pruning", "session", ...
        data: JSON-able details.
        elapsed: Running time of the run when it was written, in seconds.
        seq: Place in the one order of all rows of the run, from 1.
    """

    id: int
    kind: str
    data: Mapping[str, Any]
    elapsed: float = 0.0
    seq: int = 0


@dataclass(frozen=True)
class EstimateRow:
    """Posterior of a program's value on a rung, as last computed by the engine (derived: can be rebuilt from trials).

    Attributes:
        program: Id of the program.
        rung: Name of the rung.
        mean: Posterior mean, lower is better.
        sd: Posterior standard deviation.
        low: Lower end of the 95 % interval.
        high: Upper end of the 95 % interval.
        n: Finished trials on this rung.
    """

    program: int
    rung: str
    mean: float
    sd: float
    low: float
    high: float
    n: int

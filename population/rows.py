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
        name: File stem for seed and added programs, else "".
        elapsed: Running time of the run when it was written, in seconds.
        seq: Place in the one order of all rows of the run (programs, trials and events together), from 1.
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
        measures: Behaviour measures (smoke rung).
        elapsed: Running time of the run when it was written, in seconds.
        seq: Place in the one order of all rows of the run (programs, trials and events together), from 1.
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
    elapsed: float = 0.0
    seq: int = 0


@dataclass(frozen=True)
class EventRow:
    """Something the engine decided or did that is neither a program nor a trial.

    Attributes:
        id: 1, 2, 3, ...
        kind: A short word: "attempt", "planned", "migration", "promotion", "session", ...
        data: JSON-able details.
        elapsed: Running time of the run when it was written, in seconds.
        seq: Place in the one order of all rows of the run (programs, trials and events together), from 1.
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

"""The records of a pruning: what a trial came to, what becomes of a part, what a confirmation showed. Data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from evolve.pruning.parts import Part
    from evolve.pruning.plan import Confirmation
    from population.noninferiority import Worth

REMOVED, NEEDED, FAILS, UNSHOWN = "removed", "worth it", "needed", "not shown"
NOT_TOGETHER, UNDECIDED, UNTRIED = "not with the others", "not decided", "not tried"
UNCONFIRMED = "not confirmed"
"""What becomes of a part; `FATES` says it in words."""
FATES = {
    REMOVED: "taken out",
    NEEDED: "kept: worth more than the margin",
    FAILS: "kept: without it training fails",
    UNSHOWN: "kept: not shown to be worth less than the margin",
    NOT_TOGETHER: "kept: worth little alone, more once the others are gone",
    UNDECIDED: "kept: the budget ended before it was decided",
    UNTRIED: "kept: the half of the budget for single parts ended before it was tried",
    UNCONFIRMED: "kept: the removal did not pass on fresh rng_seeds",
}
Slot: TypeAlias = tuple[str, int]
"""A trial: (digest of the genome, rng_seed)."""
Batch: TypeAlias = dict[Slot, str]
"""Trials to be run, with the genomes' texts."""


@dataclass(frozen=True)
class Result:
    """What came of one trial.

    Attributes:
        value: Held-out loss, None unless it finished.
        outcome: How it ended.
        seconds: Wall-clock time.
    """

    value: float | None
    outcome: str
    seconds: float


@dataclass(frozen=True)
class Tested:
    """One part and what is known of it.

    Attributes:
        part: The part.
        fate: One of `FATES`.
        worth: Measured worth; None before the first trial, or where training fails without it.
        reason: How training failed.
    """

    part: Part
    fate: str = UNTRIED
    worth: Worth | None = None
    reason: str = ""


@dataclass(frozen=True)
class Passed:
    """A confirmation and what came of it.

    Attributes:
        terms: What was fixed before.
        mean: Mean paired difference on the fresh rng_seeds (positive: the pruned program is worse), nats.
        low: Lower end of its 95 % t interval.
        high: Upper end.
        p: One-sided p-value of "worse by the margin or more"; 1.0 when a trial failed.
        passed: Whether p is below the level.
    """

    terms: Confirmation
    mean: float | None
    low: float | None
    high: float | None
    p: float
    passed: bool


class BaseFailsError(Exception):
    """The program that is to be pruned does not finish a trial itself."""

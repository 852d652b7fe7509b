"""Loss curves and values of a program beside its main parent's, paired by rng_seed. Numbers only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evolve.views.family import FINISHED, Family, mean_curve, rung_order
from population.rows import TrialRow

MOST_POINTS = 120
"""Points kept of one curve: more than a chart of this size can show."""


@dataclass(frozen=True)
class PairedCurve:
    """A program's mean loss curve and its main parent's.

    Attributes:
        rung: The rung both ran.
        steps: Optimizer steps.
        own: Mean loss of the program at those steps (nats per token).
        parent: Mean loss of the parent at the same steps; empty if there is none to show.
        shared: Rng_seeds that both means were taken over; 0 if they share none.
    """

    rung: str
    steps: tuple[int, ...]
    own: tuple[float, ...]
    parent: tuple[float, ...]
    shared: int


def paired_curve(family: Family, program: int) -> PairedCurve | None:
    """The curve of the dearest rung that a program finished, with its parent's over the same rng_seeds.

    Where the two share no rng_seed both means are over their own, and `shared` says so.
    """
    own_trials = _finished(family.trials.get(program, ()))
    if not own_trials:
        return None
    parent = family.main_parent(program)
    parent_trials = _finished(family.trials.get(parent, ())) if parent is not None else []
    both = {trial.rung for trial in own_trials} & {trial.rung for trial in parent_trials}
    rung = max(both or {trial.rung for trial in own_trials}, key=rung_order)
    common = _seeds(own_trials, rung) & _seeds(parent_trials, rung)
    if common:
        own_trials = [trial for trial in own_trials if trial.rng_seed in common]
        parent_trials = [trial for trial in parent_trials if trial.rng_seed in common]
    own, theirs = dict(mean_curve(own_trials, rung)), dict(mean_curve(parent_trials, rung))
    steps = sorted(set(own) & set(theirs)) or sorted(own)
    stride = -(-len(steps) // MOST_POINTS) if steps else 1
    kept = [*steps[:-1][::stride], *steps[-1:]]
    return PairedCurve(
        rung,
        tuple(kept),
        tuple(own[step] for step in kept),
        tuple(theirs[step] for step in kept if step in theirs),
        len(common),
    )


def value_against(trial: TrialRow, parent_trials: Sequence[TrialRow]) -> float | None:
    """A trial's value minus its parent's on the same rung and rng_seed; negative is better."""
    if trial.value is None:
        return None
    for other in parent_trials:
        if (other.rung, other.rng_seed) == (trial.rung, trial.rng_seed) and other.value is not None:
            return trial.value - other.value
    return None


def _finished(trials: Sequence[TrialRow]) -> list[TrialRow]:
    return [trial for trial in trials if trial.outcome == FINISHED and trial.curve]


def _seeds(trials: Sequence[TrialRow], rung: str) -> set[int]:
    return {trial.rng_seed for trial in trials if trial.rung == rung}

"""Where the next trial goes: another rng_seed for a promising program, or a new birth.

A few fixed rules come first: whoever leads is checked, since it was selected for looking good, and so, a little less,
are the next best, since births start from them. Beyond that both are priced in one currency, the expected gain of the
best posterior mean per trial: the knowledge gradient (Frazier, Powell and Dayanik 2009
<https://doi.org/10.1287/ijoc.1080.0314>) of a replicate, and the same quantity for a child whose effect is still to be
drawn. Pure functions of numbers; this module must not know programs' lineages, islands or the budget.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from population.mixture import Mixture, normal_gain

MAX_REPLICATES = 0.4
"""Largest share of trials that may go to replicates: the gradient looks one trial ahead, births pay later too."""

CHECKED = 4
"""An incumbent with fewer rng_seeds than this is checked first."""

LEADERS = 8
"""How many of the best programs are checked next."""

LEADERS_CHECKED = 2
"""The rng_seeds that each of them gets."""


@dataclass(frozen=True)
class Candidate:
    """A program that might be given another rng_seed.

    Attributes:
        program: Its id.
        mean: Posterior mean of its value; lower is better.
        reduction: Sd of the change of that mean which one more rng_seed would bring
            (`Estimates.replicate_reduction`).
        n: rng_seeds it has.
    """

    program: int
    mean: float
    reduction: float
    n: int


def choose(candidates: Sequence[Candidate], birth_gain: float, replicated: float) -> int | None:
    """Decide on the next trial.

    Args:
        candidates: Programs that may be replicated, say the best 50 by mean; those already running or out of
            rng_seeds are left out by the caller, the incumbent too if so.
        birth_gain: Value of a birth per trial, from `birth_gain`.
        replicated: Share of the trials so far (or of a recent window) that were replicates, in [0, 1].

    Returns:
        The program to replicate, or None for a new birth.
    """
    if not candidates or replicated >= MAX_REPLICATES:
        return None
    leaders = sorted(candidates, key=lambda candidate: (candidate.mean, candidate.program))[:LEADERS]
    if leaders[0].n < CHECKED:
        return leaders[0].program
    for leader in leaders:
        if leader.n < LEADERS_CHECKED:
            return leader.program
    gains = replicate_gains(candidates)
    best = max(range(len(candidates)), key=lambda i: (gains[i], -candidates[i].program))
    return candidates[best].program if gains[best] > birth_gain else None


def replicate_gains(candidates: Sequence[Candidate]) -> tuple[float, ...]:
    """Knowledge gradient of one more rng_seed for each candidate, in the value's unit."""
    order = sorted(range(len(candidates)), key=lambda i: candidates[i].mean)
    gains = []
    for i, candidate in enumerate(candidates):
        rival = order[1] if i == order[0] and len(order) > 1 else order[0]
        gap = abs(candidate.mean - candidates[rival].mean)
        gains.append(normal_gain(-gap, candidate.reduction) if rival != i else 0.0)
    return tuple(gains)


def birth_gain(incumbent: float, parent: float, effect: Mixture, noise_sd: float, trials: int = 1) -> float:
    """Expected gain of the best posterior mean from one birth, per trial that it costs.

    Args:
        incumbent: Posterior mean of the best program.
        parent: Posterior mean of the parent-to-be.
        effect: Distribution of its operator's effect (`Estimates.effect`).
        noise_sd: Sd of the paired difference of a child's and a parent's trial on one rng_seed
            (`Noise.paired_sd`).
        trials: rng_seeds that a child is given.

    Raises:
        ValueError: `trials` is below 1.
    """
    if trials < 1:
        raise ValueError(f"{trials} trials per birth; a child needs at least 1")
    gain = 0.0
    noise = noise_sd**2 / trials
    parts = zip(effect.weights.tolist(), effect.means.tolist(), effect.variances.tolist(), strict=True)
    for weight, mean, variance in parts:
        knowable = variance / math.sqrt(variance + noise) if variance > 0 else 0.0
        gain += weight * normal_gain(incumbent - parent - mean, knowable)
    return gain / trials

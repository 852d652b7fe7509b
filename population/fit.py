"""Noise and effects from a window of a run: one expectation-maximisation step over programs' posteriors.

Each program's innovation (its trials minus what its parent's posterior predicted) is new information, so programs that
share rng_seeds and ancestors are not counted twice. This module must not know when it is called.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from population.effects import PRIOR, fit
from population.kinship import Posterior
from population.mixture import Floats
from population.noise import SCALES, Noise, guess

PROGRAMS = 12.0
"""Weight of the first guess at the shares of classes, in programs. The sd itself is not held back by any guess."""

TRIALS = 50.0
"""Weight of the first guess at the share of outliers, in trials."""

_WEAK = guess(1.0)


@dataclass(frozen=True, eq=False)
class Evidence:
    """One program with trials, under the parameters to be improved.

    Attributes:
        operator: Name of the operator that made it.
        founder: It has no parent, so it says nothing of effects and pairing.
        posterior: Its posterior.
    """

    operator: str
    founder: bool
    posterior: Posterior


def refit(noise: Noise, seen: Sequence[Evidence]) -> tuple[Noise, dict[str, Floats]]:
    """Better parameters, and effect weights by operator with the pooled ones under "".

    Args:
        noise: The parameters under which `seen` was computed.
        seen: Programs with at least one trial each.
    """
    better = _outliers(noise, seen)
    telling = [program for program in seen if program.posterior.n > 1]
    if telling:
        better = _classes(better, telling)
        scores = np.sum([program.posterior.variance_scores() for program in telling], axis=0)
        better = replace(better, own=_own(noise.own, scores), freedom=float(scores[0, 1]))
    edges = [program for program in seen if not program.founder]
    if not edges:
        return better, {"": PRIOR}
    likelihoods = np.array([program.posterior.effect_likelihood for program in edges])
    return better, fit(likelihoods, [program.operator for program in edges])


def started(noise: Noise, values: Sequence[Floats]) -> Noise:
    """A first guess from the median sd within programs, for a start near enough for `refit` to go on from.

    Args:
        noise: The guess so far.
        values: Each program's values, one per rng_seed.
    """
    within = [float(np.std(each, ddof=1)) for each in values if len(each) > 1]
    middle = float(np.median(within)) if within else 0.0
    return replace(noise, sd=middle) if middle > 0.0 else noise


def _outliers(noise: Noise, seen: Sequence[Evidence]) -> Noise:
    expected = sum(program.posterior.outliers() for program in seen) + TRIALS * _WEAK.outliers
    return replace(noise, outliers=expected / (sum(program.posterior.n for program in seen) + TRIALS))


def _own(share: float, scores: Floats) -> float:
    """Share of a trial's variance that no relative shares: a scoring step on its log odds, with a normal prior."""
    odds, usual = (math.log(each / (1.0 - each)) for each in (share, _WEAK.own))
    steps = (scores[:, 0] + [0.0, usual - odds]) / (scores[:, 1] + 1.0)
    odds += min(max(float(steps[1] - steps[0]), -1.0), 1.0)
    return 1.0 / (1.0 + math.exp(-odds))


def _classes(noise: Noise, telling: Sequence[Evidence], rounds: int = 40) -> Noise:
    """Shares of noise scales and of what edges keep, to convergence given the programs' class likelihoods.

    The typical sd is then moved to where the programs' own scales are centred.
    """
    likelihood = np.array([program.posterior.class_likelihood for program in telling])
    parent = np.array([program.posterior.parent_scale for program in telling])
    founder = np.array([program.founder for program in telling])
    edges = int((~founder).sum())
    scales, inherited, kept = noise.scales, noise.inherited, noise.kept
    for _ in range(rounds):
        old = np.where(founder[:, None], 0.0, inherited * parent)
        new = np.where(founder[:, None], scales, (1.0 - inherited) * scales)
        joint = likelihood * (old + new)[:, :, None] * kept
        joint /= joint.sum(axis=(1, 2), keepdims=True)
        fresh = joint.sum(axis=2) * new / (old + new)
        scales = (fresh.sum(axis=0) + PROGRAMS * _WEAK.scales) / (fresh.sum() + PROGRAMS)
        as_before = edges - float(fresh[~founder].sum())
        inherited = (as_before + PROGRAMS * _WEAK.inherited) / (edges + PROGRAMS)
        kept = (joint[~founder].sum(axis=(0, 1)) + PROGRAMS * _WEAK.kept) / (edges + PROGRAMS)
    return replace(
        noise,
        sd=noise.sd * math.exp(float(fresh.sum(axis=0) @ np.log(SCALES)) / float(fresh.sum())),
        scales=scales,
        inherited=inherited,
        kept=kept,
    )

"""Noise and effects from a window of a run: one expectation-maximisation step over programs' posteriors.

Each program's innovation (its trials minus what its parent's posterior predicted) is new information, so programs that
share rng_seeds and ancestors are not counted twice. This module must not know when it is called.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from population.effects import FOUNDER_PRIOR, FOUNDER_WIDE, PRIOR, by_operator, effect, founder, maximise
from population.kinship import Posterior
from population.mixture import Floats, Mixture
from population.noise import SCALES, Noise, guess

PROGRAMS = 12.0
"""Weight of the first guess at the shares of classes, in programs. The sd itself is not held back by any guess."""

TRIALS = 50.0
"""Weight of the first guess at the share of outliers, in trials."""

FOUNDERS = 2.0
"""Weight of the first guess at how parentless programs differ, in programs."""

ENOUGH_FOUNDERS = 4
"""Fewer parentless programs than this say nothing of how such programs differ."""

_WEAK = guess(1.0)


@dataclass(frozen=True, eq=False)
class Fit:
    """All parameters of one rung.

    Attributes:
        noise: Of trials.
        effects: Weights of an operator's effects by its name, the pooled ones under "".
        founders: Weights of the distribution of parentless programs about `origin`.
        origin: Their middle.
        origin_sd: What it is uncertain by.
    """

    noise: Noise
    effects: Mapping[str, Floats]
    founders: Floats
    origin: float
    origin_sd: float

    def effect(self, operator: str) -> Mixture:
        """Distribution of a child's value minus its parent's; pooled if the operator is unknown."""
        return effect(self.effects.get(operator, self.effects[""]), self.noise.sd)

    def founder(self) -> Mixture:
        """Distribution of a parentless program's value minus `origin`."""
        return founder(self.founders, self.noise.sd)


@dataclass(frozen=True, eq=False)
class Evidence:
    """One program with trials, under the parameters to be improved.

    Attributes:
        operator: Name of the operator that made it.
        founder: It has no parent, so it says nothing of effects and pairing.
        values: Shape (n,): its values, one per rng_seed.
        posterior: Its posterior.
    """

    operator: str
    founder: bool
    values: Floats
    posterior: Posterior


def first_guess(value: float) -> Fit:
    """What to go by until there is something to fit.

    Args:
        value: The first finished trial's.
    """
    return Fit(guess(value), {"": PRIOR}, FOUNDER_WIDE, value, 0.0)


def with_sd_within(fit: Fit, values: Sequence[Floats]) -> Fit:
    """The noise sd set to the median sd within programs, near enough for `refit` to go on from.

    Args:
        fit: The parameters so far.
        values: Each program's values, one per rng_seed.
    """
    within = [float(np.std(each, ddof=1)) for each in values if len(each) > 1]
    middle = float(np.median(within)) if within else 0.0
    return replace(fit, noise=replace(fit.noise, sd=middle)) if middle > 0.0 else fit


def refit(fit: Fit, seen: Sequence[Evidence]) -> Fit:
    """Better parameters.

    Args:
        fit: The parameters under which `seen` was computed.
        seen: Programs with at least one trial each.
    """
    better = replace(fit, noise=_noise(fit.noise, seen))
    founders = [program for program in seen if program.founder]
    if len(founders) >= ENOUGH_FOUNDERS:
        likelihoods = np.array([program.posterior.effect_likelihood for program in founders])
        weights = maximise(likelihoods, FOUNDER_PRIOR, FOUNDERS)
        middle, error = _middle([float(program.values.mean()) for program in founders])
        better = replace(better, founders=weights, origin=middle, origin_sd=error)
    edges = [program for program in seen if not program.founder]
    if edges:
        likelihoods = np.array([program.posterior.effect_likelihood for program in edges])
        better = replace(better, effects=by_operator(likelihoods, [program.operator for program in edges]))
    return better


def _middle(values: Sequence[float]) -> tuple[float, float]:
    """Median and its standard error, from the median distance to it as of normal values."""
    middle = float(np.median(values))
    sd = 1.4826 * float(np.median(np.abs(np.array(values) - middle)))
    return middle, sd * math.sqrt(0.5 * math.pi / len(values))


def _noise(noise: Noise, seen: Sequence[Evidence]) -> Noise:
    better = _outliers(noise, seen)
    telling = [program for program in seen if program.posterior.n > 1]
    if telling:
        scores = np.sum([program.posterior.variance_scores() for program in telling], axis=0)
        better = _classes(better, seen)
        better = replace(better, own=_own(noise.own, scores), freedom=float(scores[0, 1]))
    return better


def _outliers(noise: Noise, seen: Sequence[Evidence]) -> Noise:
    expected = sum(program.posterior.outliers() for program in seen) + TRIALS * _WEAK.outliers
    return replace(noise, outliers=expected / (sum(program.posterior.n for program in seen) + TRIALS))


def _own(share: float, scores: Floats) -> float:
    """Share of a trial's variance that no relative shares: a scoring step on its log odds, with a normal prior."""
    odds, usual = (math.log(each / (1.0 - each)) for each in (share, _WEAK.own))
    steps = (scores[:, 0] + [0.0, usual - odds]) / (scores[:, 1] + 1.0)
    odds += min(max(float(steps[1] - steps[0]), -1.0), 1.0)
    return 1.0 / (1.0 + math.exp(-odds))


def _classes(noise: Noise, seen: Sequence[Evidence], rounds: int = 40) -> Noise:
    """Shares of noise scales and of what edges keep, to convergence given the programs' class likelihoods.

    A single trial says something of what its edge keeps (a child close to its parent keeps much) but nothing of how
    loud the program is. The typical sd is then moved to where the programs' own scales are centred.
    """
    likelihood = np.array([program.posterior.class_likelihood for program in seen])
    parent = np.array([program.posterior.parent_scale for program in seen])
    founder = np.array([program.founder for program in seen])
    telling = np.array([program.posterior.n > 1 for program in seen])
    edges = int((~founder).sum())
    scales, inherited, kept = noise.scales, noise.inherited, noise.kept
    for _ in range(rounds):
        old = np.where(founder[:, None], 0.0, inherited * parent)
        new = np.where(founder[:, None], scales, (1.0 - inherited) * scales)
        joint = likelihood * (old + new)[:, :, None] * kept
        joint /= joint.sum(axis=(1, 2), keepdims=True)
        fresh = (joint.sum(axis=2) * new / (old + new))[telling]
        scales = (fresh.sum(axis=0) + PROGRAMS * _WEAK.scales) / (fresh.sum() + PROGRAMS)
        drawn, children = float(fresh[~founder[telling]].sum()), int((telling & ~founder).sum())
        inherited = (children - drawn + PROGRAMS * _WEAK.inherited) / (children + PROGRAMS)
        kept = (joint[~founder].sum(axis=(0, 1)) + PROGRAMS * _WEAK.kept) / (edges + PROGRAMS)
    return replace(
        noise,
        sd=noise.sd * math.exp(float(fresh.sum(axis=0) @ np.log(SCALES)) / float(fresh.sum())),
        scales=scales,
        inherited=inherited,
        kept=kept,
    )

"""Noise and effects from a window of a run: one expectation-maximisation step over programs' posteriors.

Each program's innovation (its trials minus what its parent's posterior predicted) is new information, so programs
that share rng_seeds and ancestors are not counted twice. This module must not know when it is called.
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

_PRIOR_CONTRASTS = 2.0
_PRIOR_PROGRAMS = 12.0
_PRIOR_TRIALS = 50.0


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
    weak = guess(1.0)
    shared = own = float(_PRIOR_CONTRASTS)
    counted = 0
    outliers, trials = _PRIOR_TRIALS * weak.outliers, _PRIOR_TRIALS
    for program in seen:
        shares = program.posterior.shares()
        outliers += shares.outliers
        trials += shares.n
        if shares.n > 1:
            counted += shares.n
            shared += shares.shared
            own += shares.own
    telling = [program for program in seen if len(program.posterior._index)>1]
    if telling:
        scales, inherited, kept = _classes(noise, telling)
    else: scales, inherited, kept = noise.scales, noise.inherited, noise.kept
    shared_var = (1.0 - noise.own) * shared / (counted + _PRIOR_CONTRASTS)
    own_var = noise.own * own / (counted + _PRIOR_CONTRASTS)
    better = replace(
        noise,
        sd=noise.sd * math.exp(float(scales @ np.log(SCALES))),
        own=min(max(own_var / (shared_var + own_var), 1e-3), 0.999),
        scales=scales,
        inherited=inherited,
        kept=kept,
        outliers=outliers / trials,
        contrasts=counted,
    )
    edges = [program for program in seen if not program.founder]
    if not edges:
        return better, {"": PRIOR}
    likelihoods = np.array([program.posterior.effect_likelihood for program in edges])
    return better, fit(likelihoods, [program.operator for program in edges])


def _classes(noise, seen, rounds=40):
    weak = guess(1.0)
    scales, inherited, kept = noise.scales, noise.inherited, noise.kept
    likelihood = np.array([program.posterior.class_likelihood for program in seen])
    parent = np.array([program.posterior.parent_scale for program in seen])
    founder = np.array([program.founder for program in seen])
    for _ in range(rounds):
        old = np.where(founder[:, None], 0.0, inherited * parent)
        new = np.where(founder[:, None], scales, (1 - inherited) * scales)
        joint = likelihood * (old + new)[:, :, None] * kept
        joint /= joint.sum(axis=(1, 2), keepdims=True)
        by_scale = joint.sum(axis=2)
        by_kept = joint[~founder].sum(axis=(0, 1))
        fresh = by_scale * new / (old + new)
        a = fresh.sum(axis=0) + _PRIOR_PROGRAMS * weak.scales
        scales = a / a.sum()
        edges = (~founder).sum()
        inherited = (edges - fresh[~founder].sum() + _PRIOR_PROGRAMS * weak.inherited) / (edges + _PRIOR_PROGRAMS)
        b = by_kept + _PRIOR_PROGRAMS * weak.kept
        kept = b / b.sum()
    return scales, float(inherited), kept

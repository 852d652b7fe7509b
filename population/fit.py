"""Noise and effects from a window of a run: one expectation-maximisation step over programs' posteriors.

Each program's innovation (its trials minus what its parent's posterior predicted) is new information, so programs
that share rng_seeds and ancestors are not counted twice. This module must not know when it is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from population.effects import PRIOR, fit
from population.kinship import Posterior
from population.mixture import Floats
from population.noise import Noise, guess

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
    squares, contrasts = 0.0, 0
    scales = _PRIOR_PROGRAMS * weak.scales
    kept = _PRIOR_PROGRAMS * weak.kept
    outliers, trials = _PRIOR_TRIALS * weak.outliers, _PRIOR_TRIALS
    for program in seen:
        shares = program.posterior.shares()
        outliers += shares.outliers
        trials += shares.n
        if shares.n > 1:
            squares += shares.squares
            contrasts += shares.n - 1
            scales = scales + shares.scales
            if not program.founder:
                kept = kept + shares.kept
    ratio = (squares + _PRIOR_CONTRASTS) / (contrasts + _PRIOR_CONTRASTS)
    better = replace(
        noise,
        sd=noise.sd * float(np.sqrt(ratio)),
        scales=scales / scales.sum(),
        kept=kept / kept.sum(),
        outliers=outliers / trials,
        contrasts=contrasts,
    )
    edges = [program for program in seen if not program.founder]
    if not edges:
        return better, {"": PRIOR}
    likelihoods = np.array([program.posterior.effect_likelihood for program in edges])
    return better, fit(likelihoods, [program.operator for program in edges])

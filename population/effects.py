"""What operators do to a program's value: heavy-tailed, skewed to worse, measured in the run itself.

An effect is a child's value minus its parent's. Its distribution is a mixture of normals on a fixed grid, in units of
the noise sd, with weights fitted per operator and shrunk to the pooled ones: the empirical Bayes deconvolution of
Stephens 2017 <https://doi.org/10.1093/biostatistics/kxw041>, made one-sided so that it can be skewed.

This module must not know programs, lineages or trials.
"""

from __future__ import annotations

import numpy as np

from population.mixture import Floats, Mixture

_STEPS = 1.2 * 2.5 ** np.arange(9)
_BETTER = 5
CENTRES: Floats = np.concatenate([[0.0, 0.0], _STEPS, -_STEPS[:_BETTER]])
"""Component means in units of the noise sd; positive is worse."""

SPREADS: Floats = np.concatenate([[0.1, 0.5], 0.5 * _STEPS, 0.5 * _STEPS[:_BETTER]])
"""Component sds in units of the noise sd."""

PRIOR: Floats = np.concatenate(
    [
        [0.20, 0.25],
        0.45 * 0.6 ** np.arange(9) * 0.4 / (1 - 0.6**9),
        0.10 * np.array([0.6, 0.25, 0.1, 0.04, 0.01]),
    ]
)
"""Weights before anything was measured."""


def effect(weights: Floats, unit: float) -> Mixture:
    """The distribution of an effect in the value's own unit.

    Args:
        weights: Shape (k,), as `fit` returns them.
        unit: The noise sd.
    """
    return Mixture(weights, CENTRES * unit, (SPREADS * unit) ** 2)


def fit(likelihoods: Floats, groups: list[str], pooled: float = 8.0, own: float = 25.0) -> dict[str, Floats]:
    """Weights per operator by expectation maximisation, with Dirichlet priors.

    Args:
        likelihoods: Shape (edges, k): density of each edge's data given each component, up to a factor per edge.
        groups: Operator of each edge.
        pooled: Pseudo-edges with which `PRIOR` enters the pooled weights.
        own: Pseudo-edges with which the pooled weights enter an operator's.

    Returns:
        Weights by operator, and the pooled ones under "".
    """
    everyone = _maximise(likelihoods, PRIOR, pooled)
    names = np.array(groups)
    found = {"": everyone}
    for name in sorted(set(groups)):
        found[name] = _maximise(likelihoods[names == name], everyone, own)
    return found


def _maximise(likelihoods: Floats, prior: Floats, strength: float, rounds: int = 40) -> Floats:
    weights = prior
    for _ in range(rounds):
        joint = likelihoods * weights
        counts = (joint / joint.sum(axis=1, keepdims=True)).sum(axis=0) + strength * prior
        weights = counts / counts.sum()
    return weights

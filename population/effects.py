"""What operators do to a program's value: heavy-tailed, skewed to worse, measured in the run itself.

An effect is a child's value minus its parent's. Its distribution is a mixture of normals on a fixed grid, in units of
the noise sd, with weights fitted per operator and shrunk to the pooled ones: the empirical Bayes deconvolution of
Stephens 2017 <https://doi.org/10.1093/biostatistics/kxw041>, made one-sided so that it can be skewed.

This module must not know programs, lineages or trials.
"""

from __future__ import annotations

import numpy as np

from population.mixture import Floats, Mixture

_STEPS = 0.08 * 2.5 ** np.arange(12)
_BETTER = 8
CENTRES: Floats = np.concatenate([[0.0], _STEPS, -_STEPS[:_BETTER]])
"""Component means in units of the noise sd; positive is worse."""

SPREADS: Floats = np.concatenate([[0.04], 0.5 * _STEPS, 0.5 * _STEPS[:_BETTER]])
"""Component sds in units of the noise sd."""

_WORSE_SHARES = 0.85 ** np.arange(12)
_BETTER_SHARES = 0.5 ** np.arange(_BETTER)
PRIOR: Floats = np.concatenate(
    [[0.15], 0.6 * _WORSE_SHARES / _WORSE_SHARES.sum(), 0.25 * _BETTER_SHARES / _BETTER_SHARES.sum()]
)
"""Weights before anything was measured."""


FOUNDER_SPREADS: Floats = 0.25 * np.power(3.0, np.arange(9, dtype=np.float64))
"""Sds, in units of the noise sd, of the components by which programs without parents differ from their middle.

The widest is as far as float64 carries: beyond, an untested parent's variance swallows its children's noise.
"""

FOUNDER_PRIOR: Floats = np.full(9, 1 / 9)
"""Weights to begin a fit with."""

FOUNDER_WIDE: Floats = np.eye(9)[-1]
"""Weights while there are too few programs to fit: anything goes."""


def founder(weights: Floats, unit: float) -> Mixture:
    """The distribution of a parentless program's value about the middle of all such, in the value's own unit.

    Args:
        weights: Shape (9,).
        unit: The noise sd.
    """
    return Mixture(weights, np.zeros(len(FOUNDER_SPREADS)), (FOUNDER_SPREADS * unit) ** 2)


def effect(weights: Floats, unit: float) -> Mixture:
    """The distribution of an effect in the value's own unit.

    Args:
        weights: Shape (k,), as `by_operator` returns them.
        unit: The noise sd.
    """
    return Mixture(weights, CENTRES * unit, (SPREADS * unit) ** 2)


def by_operator(likelihoods: Floats, groups: list[str], pooled: float = 8.0, own: float = 25.0) -> dict[str, Floats]:
    """Weights per operator by expectation maximisation, with Dirichlet priors.

    Args:
        likelihoods: Shape (edges, k): density of each edge's data given each component, up to a factor per edge.
        groups: Operator of each edge.
        pooled: Pseudo-edges with which `PRIOR` enters the pooled weights.
        own: Pseudo-edges with which the pooled weights enter an operator's.

    Returns:
        Weights by operator, and the pooled ones under "".
    """
    everyone = maximise(likelihoods, PRIOR, pooled)
    names = np.array(groups)
    found = {"": everyone}
    for name in sorted(set(groups)):
        found[name] = maximise(likelihoods[names == name], everyone, own)
    return found


def maximise(likelihoods: Floats, prior: Floats, strength: float, rounds: int = 40) -> Floats:
    """Mixture weights by expectation maximisation, shape (k,).

    Args:
        likelihoods: Shape (draws, k): density of each draw's data given each component, up to a factor per draw.
        prior: Shape (k,): weights expected beforehand.
        strength: How many draws the prior counts for.
        rounds: Steps.
    """
    weights = prior
    for _ in range(rounds):
        joint = likelihoods * weights
        counts = (joint / joint.sum(axis=1, keepdims=True)).sum(axis=0) + strength * prior
        weights = counts / counts.sum()
    return weights

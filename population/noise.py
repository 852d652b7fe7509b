"""What is believed about the noise of one rung: the parameters of the model of trials.

A trial's value is `mu_i + e[i, s] + r`: the program's own value, an rng_seed effect that relatives share and that
fades along the lineage, and noise of this program and rng_seed alone. Three things differ between programs and are
drawn from small fixed grids whose weights are fitted: how loud a program is (`SCALES`), how much of its parent's
rng_seed effects it keeps (`KEPT`), and whether one of its trials is an outlier. Fixed grids with fitted weights keep
the fit convex and free of shapes, as in Stephens 2017 <https://doi.org/10.1093/biostatistics/kxw041>.

This module must not know how trials are stored or when a fit is made.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from population.mixture import Floats
from population.verdict import t_quantile

SCALES: Floats = np.array([0.4, 0.65, 1.0, 1.55, 2.4])
"""A program's noise sd over the typical one."""

KEPT: Floats = np.array([0.99, 0.93, 0.75, 0.0])
"""Correlation of a child's shared rng_seed effects with its parent's."""

OUTLIER_SD = 6.0
"""Extra sd of an outlying trial, in units of the program's noise sd."""


@dataclass(frozen=True, eq=False)
class Noise:
    """Noise parameters of one rung, as fitted so far.

    Attributes:
        sd: Typical sd of a trial's value about its program's, in the unit of the value.
        own: Share of that variance that no relative shares (rerun noise and chaos), in [0, 1].
        scales: Share of programs at each of `SCALES`, shape (5,).
        inherited: Probability that a child is as loud as its parent, rather than a fresh draw from `scales`.
        kept: Share of parent-child edges at each of `KEPT`, shape (4,).
        outliers: Probability that a trial is an outlier.
        freedom: Effective degrees of freedom behind `sd`: contrasts between trials of one program, relatives that
            repeat each other not counted again; 0 means that it is only a guess.
    """

    sd: float
    own: float
    scales: Floats
    inherited: float
    kept: Floats
    outliers: float
    freedom: float

    @property
    def pairing(self) -> float:
        """Expected correlation of parent's and child's values over the same rng_seeds."""
        return float((1.0 - self.own) * (self.kept @ KEPT))

    @property
    def stretch(self) -> float:
        """What to widen 95 % intervals by because `sd` is itself estimated: Student's t over the normal quantile."""
        return t_quantile(0.975, self.freedom + 3.0) / t_quantile(0.975, math.inf)

    @property
    def paired_sd(self) -> float:
        """Typical sd of a child's trial minus its parent's on the same rng_seed, about the programs' difference."""
        return self.sd * float(np.sqrt(2.0 * (1.0 - self.pairing)))


def guess(typical_value: float) -> Noise:
    """A weak prior from the size of the values alone: an sd of 0.3 % of a typical value.

    Args:
        typical_value: Any finished trial's value.
    """
    return Noise(
        sd=0.003 * abs(typical_value) or 1e-3,
        own=0.1,
        scales=np.array([0.08, 0.22, 0.40, 0.22, 0.08]),
        inherited=0.5,
        kept=np.array([0.25, 0.3, 0.25, 0.2]),
        outliers=0.01,
        freedom=0.0,
    )

"""Mixtures of normal distributions on the line: moments, intervals, expected gain.

Pure numbers: this module knows nothing of programs or trials.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_ROOT2 = math.sqrt(2.0)
_ROOT2PI = math.sqrt(2.0 * math.pi)


def normal_cdf(z: float) -> float:
    """Probability that a standard normal variable is below `z`."""
    return 0.5 * math.erfc(-z / _ROOT2)


def normal_gain(mean: float, sd: float) -> float:
    """E[max(0, X)] for X ~ N(mean, sd**2), in the unit of X; `sd` may be 0.

    The building block of expected improvement and of the knowledge gradient (Frazier, Powell and Dayanik 2009
    <https://doi.org/10.1287/ijoc.1080.0314>).
    """
    if sd <= 0.0:
        return max(mean, 0.0)
    z = mean / sd
    density = math.exp(-0.5 * z * z) / _ROOT2PI
    return max(sd * (density + z * normal_cdf(z)), 0.0)


@dataclass(frozen=True, eq=False)
class Mixture:
    """A finite mixture of normals.

    Attributes:
        weights: Shape (k,), positive, summing to one.
        means: Shape (k,).
        variances: Shape (k,), not negative.
    """

    weights: Floats
    means: Floats
    variances: Floats

    def mean(self) -> float:
        """The mean."""
        return float(self.weights @ self.means)

    def variance(self) -> float:
        """The variance: within components plus between them."""
        mean = self.mean()
        return float(self.weights @ (self.variances + (self.means - mean) ** 2))

    def gain(self, level: float) -> float:
        """E[max(0, level - X)]: how far below `level` a draw is expected to fall."""
        parts = zip(self.weights.tolist(), self.means.tolist(), self.variances.tolist(), strict=True)
        return math.fsum(weight * normal_gain(level - mean, math.sqrt(var)) for weight, mean, var in parts)

    def pruned(self, mass: float = 0.998) -> Mixture:
        """The fewest components that hold `mass` of the probability, their weights scaled to one."""
        order = np.argsort(-self.weights, kind="stable")
        count = int(np.searchsorted(np.cumsum(self.weights[order]), mass)) + 1
        keep = order[:count]
        weights = self.weights[keep]
        return Mixture(weights / weights.sum(), self.means[keep], self.variances[keep])

    def interval(self, mass: float = 0.95) -> tuple[float, float]:
        """The central interval holding `mass` of the probability, by safeguarded Newton steps on the CDF."""
        small = self.pruned()
        mean, sd = small.mean(), math.sqrt(small.variance())
        if sd == 0.0:
            return mean, mean
        tail = 0.5 * (1.0 - mass)
        target = np.array([[tail], [1.0 - tail]])
        spreads = np.maximum(np.sqrt(small.variances), 1e-9 * sd)
        # Cantelli's inequality bounds every quantile of a distribution by its mean and sd.
        reach = sd * math.sqrt((1.0 - tail) / tail)
        low, high = np.full((2, 1), mean - reach), np.full((2, 1), mean + reach)
        x = mean + np.array([[-1.96], [1.96]]) * sd
        for _ in range(60):
            z = (x - small.means) / spreads
            density = np.exp(-0.5 * z * z) / _ROOT2PI
            error = (_cdf(z, density) @ small.weights)[:, None] - target
            high = np.where(error > 0, x, high)
            low = np.where(error > 0, low, x)
            slope = ((density / spreads) @ small.weights)[:, None]
            proposal = x - error / np.maximum(slope, 1e-300)
            outside = (proposal <= low) | (proposal >= high)
            proposal = np.where(outside, 0.5 * (low + high), proposal)
            done = np.abs(proposal - x).max() < 1e-5 * sd
            x = proposal
            if done:
                break
        return float(x[0, 0]), float(x[1, 0])


def _cdf(z: Floats, density: Floats) -> Floats:
    """Standard normal CDF to 1e-7 (Abramowitz and Stegun 1964, 26.2.17), given its density at `z`."""
    t = 1.0 / (1.0 + 0.2316419 * np.abs(z))
    series = 1.330274429
    for coefficient in (-1.821255978, 1.781477937, -0.356563782, 0.319381530):
        series = series * t + coefficient
    tail = density * series * t
    return np.where(z > 0, 1.0 - tail, tail)

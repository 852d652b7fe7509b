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
    if sd <= 1e-9 * abs(mean):
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

    def reduced(self, count: int = 48) -> Mixture:
        """The `count` heaviest components, and one with the mean and variance of all others together."""
        if len(self.weights) <= count + 1:
            return self
        split = np.argpartition(-self.weights, count)
        heavy, light = split[:count], split[count:]
        weight = self.weights[light].sum()
        if weight == 0.0:
            return Mixture(self.weights[heavy], self.means[heavy], self.variances[heavy])
        rest = Mixture(self.weights[light] / weight, self.means[light], self.variances[light])
        reduced = np.empty((3, count + 1))
        reduced[:, :count] = self.weights[heavy], self.means[heavy], self.variances[heavy]
        reduced[:, count] = weight, rest.mean(), rest.variance()
        return Mixture(*reduced)

    def interval(self, mass: float = 0.95) -> tuple[float, float]:
        """The central interval holding `mass` of the probability, to about 2e-3 sd."""
        small = self.reduced()
        mean, sd = small.mean(), math.sqrt(small.variance())
        if sd == 0.0:
            return mean, mean
        tail = 0.5 * (1.0 - mass)
        targets = (tail, 1.0 - tail)
        # Cantelli's inequality bounds every quantile of a distribution by its mean and sd.
        reach = sd * math.sqrt((1.0 - tail) / tail)
        x = np.linspace(mean - reach, mean + reach, 33)
        below = small._cdf(x)
        low, high = (_crossing(x, below, target) for target in targets)
        for _ in range(2):
            x = np.linspace([low[0], high[0]], [low[1], high[1]], 13)
            below = small._cdf(x.ravel()).reshape(x.shape)
            low, high = (_crossing(x[:, i], below[:, i], targets[i]) for i in range(2))
        return 0.5 * (low[0] + low[1]), 0.5 * (high[0] + high[1])

    def _cdf(self, x: Floats) -> Floats:
        """Probability of being below each of `x`, to 1e-7 (Abramowitz and Stegun 1964, 26.2.17)."""
        spreads = np.sqrt(self.variances) + 1e-150
        z = (x[:, None] - self.means) / spreads
        size = np.minimum(np.abs(z), 37.0)
        t = 1.0 / (1.0 + 0.2316419 * size)
        series = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
        tails = series * np.exp(-0.5 * size * size) / _ROOT2PI
        return np.where(z > 0.0, 1.0 - tails, tails) @ self.weights


def _crossing(x: Floats, below: Floats, target: float) -> tuple[float, float]:
    """The two neighbours among ascending `x` between which `below` first reaches `target`."""
    at = min(max(int(np.searchsorted(below, target)), 1), len(x) - 1)
    return float(x[at - 1]), float(x[at])

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

    def pruned(self, share: float = 1e-4) -> Mixture:
        """Without the components that together cannot move a 2.5 % quantile visibly: weight below `share` each."""
        keep = self.weights > share
        weights = self.weights[keep]
        return Mixture(weights / weights.sum(), self.means[keep], self.variances[keep])

    def interval(self, mass: float = 0.95) -> tuple[float, float]:
        """The central interval holding `mass` of the probability, by safeguarded Newton steps on the CDF."""
        small = self.pruned()
        mean, sd = small.mean(), math.sqrt(small.variance())
        if sd == 0.0:
            return mean, mean
        tail = 0.5 * (1.0 - mass)
        return small._quantile(tail, mean, sd), small._quantile(1.0 - tail, mean, sd)

    def _quantile(self, probability: float, mean: float, sd: float) -> float:
        weights = self.weights.tolist()
        means = self.means.tolist()
        sds = np.sqrt(np.maximum(self.variances, (1e-9 * sd) ** 2)).tolist()
        parts = list(zip(weights, means, sds, strict=True))
        # Cantelli's inequality bounds every quantile of a distribution by its mean and sd.
        reach = sd * math.sqrt(max(probability, 1 - probability) / min(probability, 1 - probability))
        low, high = mean - reach, mean + reach
        x = mean + (1.96 if probability > 0.5 else -1.96) * sd
        for _ in range(60):
            cdf = density = 0.0
            for weight, centre, spread in parts:
                z = (x - centre) / spread
                cdf += weight * 0.5 * math.erfc(-z / _ROOT2)
                density += weight * math.exp(-0.5 * z * z) / spread
            error = cdf - probability
            if error > 0:
                high = x
            else:
                low = x
            density /= _ROOT2PI
            step = error / density if density > 0 else math.inf
            proposal = x - step
            if not low < proposal < high:
                proposal = 0.5 * (low + high)
            if abs(proposal - x) < 1e-6 * sd:
                return proposal
            x = proposal
        return x

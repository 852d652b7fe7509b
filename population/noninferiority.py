"""Is a program without a part worse by less than a margin? Paired differences of few rng_seeds, many parts at once.

Variances estimated from two or four differences are worthless one by one, but there are dozens of parts: each is
moderated by the distribution of all of them (Smyth 2004 <https://doi.org/10.2202/1544-6115.1027>), so that a part's
own few differences and everybody's typical scatter count by what they are worth. Parts are looked at after
a planned handful of sample sizes; the level is divided among those looks, so that looking often costs
power but no error (Bonferroni; group-sequential designs spend the same level a little more cleverly, Pocock 1977
<https://doi.org/10.1093/biomet/64.2.191>). Pure functions; this module must not know where the values come from.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from population.verdict import t_cdf, t_quantile

_QUADRATURE = 400
"""Points at which power is integrated over the standard deviation that a test will see."""


@dataclass(frozen=True)
class Scatter:
    """What is known of variances before a part's own differences: a scaled inverse chi-square distribution.

    Attributes:
        variance: Typical variance of a paired difference, nats squared.
        weight: Degrees of freedom that this knowledge is worth; 0 for none.
    """

    variance: float = 0.0
    weight: float = 0.0


@dataclass(frozen=True)
class Worth:
    """What a part was measured to be worth: value without it minus value with it; positive if it helps.

    Attributes:
        n: Paired differences.
        mean: Their mean, nats.
        low: A bound below which the worth is with probability `level` at most; None with fewer than two differences.
        high: A bound above which it is with that probability at most.
        sd: Moderated standard deviation of one difference, None likewise.
    """

    n: int
    mean: float
    low: float | None
    high: float | None
    sd: float | None


def scatter(differences: Iterable[Sequence[float]]) -> Scatter:
    """The distribution of the variances of many parts, from their differences by the method of moments.

    Parts with fewer than two differences, or whose differences are all the same, say nothing of it. Of fewer than three
    others there is a typical variance and no more: with a weight it would count a part's own differences twice.
    """
    logs, spreads, differences, degrees = [], [], list(differences), 0
    for each in differences:
        variance = _variance(each) if len(each) > 1 else 0.0
        if variance > 0:
            degrees += len(each) - 1
            half = 0.5 * (len(each) - 1)
            logs.append(math.log(variance) - _digamma(half) + math.log(half))
            spreads.append(_trigamma(half))
    if len(logs) < 3:
        pooled = [variance for each in differences if len(each) > 1 and (variance := _variance(each)) > 0]
        return Scatter(math.fsum(pooled) / len(pooled)) if pooled else Scatter()
    centre = math.fsum(logs) / len(logs)
    excess = math.fsum((log - centre) ** 2 for log in logs) / (len(logs) - 1) - math.fsum(spreads) / len(spreads)
    # Nobody's word weighs more than all the differences it is made of.
    half = min(_trigamma_inverse(excess), 0.5 * degrees) if excess > 0 else 0.5 * degrees
    return Scatter(math.exp(centre + _digamma(half) - math.log(half)), 2.0 * half)


def worth(differences: Sequence[float], known: Scatter, level: float) -> Worth:
    """The worth of a part with bounds that each hold with probability 1 - level.

    Differences that are all exactly zero are taken at their word, from two on: the part made no difference to a bit.

    Args:
        differences: Value without the part minus value with it, one for each rng_seed.
        known: The scatter of all parts.
        level: One-sided probability of each bound to be wrong.
    """
    n = len(differences)
    mean = math.fsum(differences) / n if n else 0.0
    if n < 2:
        return Worth(n, mean, None, None, None)
    if not any(differences):
        return Worth(n, 0.0, 0.0, 0.0, 0.0)
    degrees = known.weight + n - 1
    variance = (known.weight * known.variance + (n - 1) * _variance(differences)) / degrees
    reach = _quantile(1.0 - level, degrees) * math.sqrt(variance / n)
    return Worth(n, mean, mean - reach, mean + reach, math.sqrt(variance))


def power(n: int, distance: float, sd: float, level: float) -> float:
    """Probability that a one-sided t test of n differences succeeds when the truth lies `distance` below the margin.

    Integrated over the distribution of the standard deviation that the test will see.

    Args:
        n: Paired differences.
        distance: Margin minus true difference, nats.
        sd: True standard deviation of one difference.
        level: Of the test.
    """
    if n < 2:
        return 0.0
    if sd <= 0:
        return 1.0 if distance > 0 else 0.0
    degrees = n - 1
    critical, shift = _quantile(1.0 - level, degrees), distance * math.sqrt(n) / sd
    # s / sd runs over the chi distribution divided by sqrt(degrees): midpoints of [0, top], weighed by its density.
    top = 1.0 + 8.0 / math.sqrt(2.0 * degrees)
    total, mass = 0.0, 0.0
    for index in range(_QUADRATURE):
        ratio = (index + 0.5) * top / _QUADRATURE
        density = math.exp((degrees - 1) * math.log(ratio) - 0.5 * degrees * (ratio * ratio - 1.0))
        total += density * 0.5 * math.erfc(-(shift - critical * ratio) / math.sqrt(2.0))
        mass += density
    return total / mass


def needed(distance: float, sd: float, level: float, wanted: float, least: int, most: int) -> int:
    """The smallest number of differences with the wanted power, between `least` and `most`."""
    n = least
    while n < most and power(n, distance, sd, level) < wanted:
        n += 1
    return n


def p_value(differences: Sequence[float], margin: float) -> float:
    """One-sided p-value of "the mean difference is the margin or more" by the t test (Student 1908).

    Raises:
        ValueError: Fewer than two differences.
    """
    n = len(differences)
    if n < 2:
        raise ValueError(f"{n} differences; a test needs at least 2")
    mean = math.fsum(differences) / n
    error = math.sqrt(_variance(differences) / n)
    if error == 0.0:
        return 0.0 if mean < margin else 1.0
    return t_cdf((mean - margin) / error, n - 1)


@lru_cache(maxsize=1024)
def _quantile(probability: float, degrees: float) -> float:
    """The same few are asked for dozens of parts."""
    return t_quantile(probability, degrees)


def _variance(numbers: Sequence[float]) -> float:
    mean = math.fsum(numbers) / len(numbers)
    return math.fsum((number - mean) ** 2 for number in numbers) / (len(numbers) - 1)


def _digamma(x: float) -> float:
    """Logarithmic derivative of the gamma function (recurrence, then NIST DLMF 5.11.2)."""
    shift = 0.0
    while x < 8.0:
        shift -= 1.0 / x
        x += 1.0
    square = 1.0 / (x * x)
    return shift + math.log(x) - 0.5 / x - square * (1 / 12 - square * (1 / 120 - square / 252))


def _trigamma(x: float) -> float:
    """Its derivative."""
    shift = 0.0
    while x < 8.0:
        shift += 1.0 / (x * x)
        x += 1.0
    square = 1.0 / (x * x)
    return shift + 1.0 / x + 0.5 * square + square / x * (1 / 6 - square * (1 / 30 - square / 42))


def _trigamma_inverse(value: float) -> float:
    """Where the trigamma function, which falls from infinity to zero, has a value; by bisection on a log scale."""
    low, high = math.log(1e-4), math.log(1e7)
    for _ in range(100):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if _trigamma(math.exp(middle)) > value else (low, middle)
    return math.exp(0.5 * (low + high))

"""Is a candidate better than the best seed program? Paired tests on numbers fixed beforehand.

The test is the one-sided paired t test (Student 1908 <https://doi.org/10.1093/biomet/6.1.1>) and not the exact
sign-flip permutation test: with n rng_seeds the latter cannot go below 2 ** -n, so that with few of them (8, and Holm's
correction for three promotions) nothing reaches 0.01 however large the gain. Pure functions; this module must not know
where the values come from.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

NOT_SHOWN = "not shown"
SHOWN = "shown"


@dataclass(frozen=True)
class Comparison:
    """A paired comparison of a candidate with a reference; negative differences favour the candidate.

    Attributes:
        n: Pairs planned.
        finished: Pairs in which both runs finished.
        mean: Mean of candidate minus reference over finished pairs, None without any.
        low: Lower end of the 95 % t interval of the mean, None with fewer than two pairs.
        high: Upper end.
        p: One-sided p-value of "the candidate is not better"; 1.0 when a planned run is missing or failed.
    """

    n: int
    finished: int
    mean: float | None
    low: float | None
    high: float | None
    p: float


def compare(candidate: Sequence[float | None], reference: Sequence[float | None]) -> Comparison:
    """Compare values on the same planned rng_seeds, in the same order; None for a run that failed.

    One failed run on either side makes p 1.0: leaving it out would reward a program for dying on bad rng_seeds.

    Raises:
        ValueError: The two have different lengths, or fewer than two rng_seeds were planned.
    """
    if len(candidate) != len(reference):
        raise ValueError(
            f"{len(candidate)} candidate runs against {len(reference)} reference runs; runs pair by rng_seed"
        )
    if len(candidate) < 2:
        raise ValueError(f"{len(candidate)} rng_seeds planned; a paired test needs at least 2")
    pairs = zip(candidate, reference, strict=True)
    differences = [a - b for a, b in pairs if a is not None and b is not None]
    n, finished = len(candidate), len(differences)
    if finished < 2:
        return Comparison(n, finished, differences[0] if differences else None, None, None, 1.0)
    mean = math.fsum(differences) / finished
    variance = math.fsum((d - mean) ** 2 for d in differences) / (finished - 1)
    error = math.sqrt(variance / finished)
    reach = t_quantile(0.975, finished - 1) * error
    if finished < n:
        p = 1.0
    elif error == 0.0:
        p = 0.0 if mean < 0 else 1.0
    else:
        p = t_cdf(mean / error, n - 1)
    return Comparison(n, finished, mean, mean - reach, mean + reach, p)


def verdict(comparison: Comparison, adjusted: float, level: float = 0.01) -> str:
    """`SHOWN` if every planned run finished and the Holm-adjusted p-value is below `level`, else `NOT_SHOWN`."""
    return SHOWN if comparison.finished == comparison.n and adjusted < level else NOT_SHOWN


def holm(pvalues: Sequence[float]) -> tuple[float, ...]:
    """Holm-adjusted p-values, in the order given (Holm 1979 <https://www.jstor.org/stable/4615733>).

    Raises:
        ValueError: A p-value is outside [0, 1].
    """
    for p in pvalues:
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"p-value {p} is outside [0, 1]")
    adjusted = [0.0] * len(pvalues)
    highest = 0.0
    for rank, at in enumerate(sorted(range(len(pvalues)), key=lambda i: pvalues[i])):
        highest = max(highest, min(1.0, (len(pvalues) - rank) * pvalues[at]))
        adjusted[at] = highest
    return tuple(adjusted)


def t_cdf(t: float, df: float) -> float:
    """Probability that Student's t with `df` degrees of freedom is below `t`.

    Raises:
        ValueError: `df` is not positive.
    """
    if df <= 0:
        raise ValueError(f"degrees of freedom {df} must be positive")
    if math.isinf(df):
        return 0.5 * math.erfc(-t / math.sqrt(2.0))
    if math.isinf(t):
        return 0.0 if t < 0 else 1.0
    tail = 0.5 * _incomplete_beta(0.5 * df, 0.5, df / (df + t * t))
    return tail if t < 0 else 1.0 - tail


def t_quantile(probability: float, df: float) -> float:
    """Inverse of `t_cdf`, by bisection.

    Raises:
        ValueError: `probability` is not strictly between 0 and 1.
    """
    if not 0.0 < probability < 1.0:
        raise ValueError(f"probability {probability} must be strictly between 0 and 1")
    if probability < 0.5:
        return -t_quantile(1.0 - probability, df)
    low, high = 0.0, 1.0
    while t_cdf(high, df) < probability:
        low, high = high, 2.0 * high
    while high - low > 1e-13 * high:
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        low, high = (middle, high) if t_cdf(middle, df) < probability else (low, middle)
    return 0.5 * (low + high)


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """Regularized incomplete beta function I_x(a, b).

    By Lentz's method on its continued fraction (NIST DLMF 8.17.22 <https://dlmf.nist.gov/8.17.E22>).
    """
    if x <= 0.0 or x >= 1.0:
        return min(max(x, 0.0), 1.0)
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _incomplete_beta(b, a, 1.0 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    tiny = 1e-300
    c, d, fraction = 1.0, 0.0, 1.0
    for i in range(500):
        m = i // 2
        if i == 0:
            numerator = 1.0
        elif i % 2 == 0:
            numerator = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            numerator = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1.0 + numerator * d
        d = 1.0 / (d if abs(d) > tiny else tiny)
        c = 1.0 + numerator / c
        c = c if abs(c) > tiny else tiny
        fraction *= c * d
        if abs(1.0 - c * d) < 1e-15:
            break
    return math.exp(log_front) * (fraction - 1.0) / a

"""How much of the level may be used up at each look. Pure functions of the share of runs that are in."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from statistics import NormalDist

Spending = Callable[[float, float], float]
"""(share of the runs, level) to the level that may be spent by then; 0 at share 0, the level at share 1."""


def obrien_fleming(share: float, level: float) -> float:
    """Little early, nearly all at the end: the first function of Lan 1983 <https://doi.org/10.1093/biomet/70.3.659>."""
    if share <= 0:
        return 0.0
    normal = NormalDist()
    return 2.0 * normal.cdf(normal.inv_cdf(level / 2.0) / math.sqrt(share))


def pocock(share: float, level: float) -> float:
    """Much the same critical value at every look: the second of Lan 1983 <https://doi.org/10.1093/biomet/70.3.659>."""
    return level * math.log1p((math.e - 1.0) * share)


def quadratic(share: float, level: float) -> float:
    """Between the two: level * share ** 2 (Kim 1987 <https://doi.org/10.1093/biomet/74.1.149>)."""
    return level * share * share


SPENDING: Mapping[str, Spending] = {"obrien_fleming": obrien_fleming, "pocock": pocock, "quadratic": quadratic}
"""Every spending function by name, as plans write it down."""

"""Critical values for several looks at growing data, from the exact joint distribution under "the mean is the target".

Both statistics are Markov chains in one number, so the probability of a first crossing follows by carrying a
distribution over a fine grid from look to look, as Armitage 1969 <https://doi.org/10.2307/2343787> did for the normal
case. Deterministic; must not know what is tested.

- Fixed sd: the state is the sum S of n standardized losses; further losses add a normal number.
- Estimated sd: the state is r = S / sqrt(Q), Q the sum of squares. It depends on the direction of the vector of losses
  alone, which for normal losses is uniform on the sphere and independent of its length; so one more loss is a turn by
  an angle a with density cos(a) ** (n - 1), r' = r cos(a) + sin(a), whatever came before. This is exact for every true
  sd (exact sequential t tests: Jennison 1991 <https://doi.org/10.1093/biomet/78.1.133>).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Protocol

import numpy as np
import numpy.typing as npt

from population.verdict import t_cdf

Array = npt.NDArray[np.float64]

CELLS = 1000
"""Cells of the grid; twice as many move critical values from 3 to 8 by at most one in two thousand."""
LOWEST = 7.0
"""How many sds below the target the grid begins: what falls below never comes back to cross."""
POINTS = 40_001
"""Points at which distribution functions are tabulated."""


class Chain(Protocol):
    """A statistic as a Markov chain over the number of runs."""

    def widest(self, n: int) -> float:
        """Largest state that counts after n runs, in absolute value."""
        ...

    def stops(self, before: int, after: int) -> Sequence[int]:
        """Numbers of runs through which the chain is carried from one look to the next, the last one included."""
        ...

    def first(self, n: int, edges: Array) -> Array:
        """Probability that the state after the first n runs is below each edge."""
        ...

    def following(self, before: int, after: int, states: Array, edges: Array) -> Array:
        """Probability, for each state after `before` runs, that the state after `after` is below each edge."""
        ...

    def critical(self, n: int, state: float) -> float:
        """The test statistic (z or t) that belongs to a state."""
        ...


class FixedSd:
    """The z statistic: the state is the sum of standardized losses."""

    def widest(self, n: int) -> float:
        return LOWEST * math.sqrt(n)

    def stops(self, before: int, after: int) -> Sequence[int]:
        return (after,)

    def first(self, n: int, edges: Array) -> Array:
        return _normal_cdf(edges / math.sqrt(n))

    def following(self, before: int, after: int, states: Array, edges: Array) -> Array:
        return _normal_cdf((edges[None, :] - states[:, None]) / math.sqrt(after - before))

    def critical(self, n: int, state: float) -> float:
        return state / math.sqrt(n)


class EstimatedSd:
    """The t statistic: the state is the sum of losses over the root of their sum of squares."""

    def widest(self, n: int) -> float:
        return math.sqrt(n)

    def stops(self, before: int, after: int) -> Sequence[int]:
        return range(before + 1, after + 1)

    def first(self, n: int, edges: Array) -> Array:
        return np.array([t_cdf(self.critical(n, float(edge)), n - 1) for edge in edges])

    def following(self, before: int, after: int, states: Array, edges: Array) -> Array:
        assert after == before + 1, "one run at a time"
        turn = np.arctan(states)[:, None]
        lower = np.arcsin(np.clip(edges[None, :] / np.sqrt(1.0 + states[:, None] ** 2), -1.0, 1.0))
        # r' = sqrt(1 + r * r) * sin(a + arctan r): below the edge up to one angle, and again beyond its mirror image
        return _angle_cdf(before, lower - turn) + 1.0 - _angle_cdf(before, np.pi - lower - turn)

    def critical(self, n: int, state: float) -> float:
        rest = n - state * state
        if rest <= 0.0:
            return math.copysign(math.inf, state)
        return state * math.sqrt((n - 1) / rest)


def critical_values(chain: Chain, looks: Sequence[int], spent: Sequence[float]) -> tuple[float, ...]:
    """The values that the statistic must reach at each look.

    Args:
        chain: Which statistic.
        looks: Numbers of runs at the looks, increasing, at least 2.
        spent: Level spent by each look, not decreasing: the probability of having crossed by then.

    Raises:
        ValueError: The looks or the levels are not as described.
    """
    if not looks or looks[0] < 2 or any(b <= a for a, b in pairwise(looks)):
        raise ValueError(f"looks {tuple(looks)} must increase and begin at 2 runs or more")
    if len(spent) != len(looks) or spent[0] < 0 or any(b < a for a, b in pairwise(spent)):
        raise ValueError(f"levels {tuple(spent)} must not decrease, one for each of {len(looks)} looks")
    found: list[float] = []
    mass, states, n = np.array([1.0]), np.array([0.0]), 0
    for look, level in zip(looks, np.diff([0.0, *spent]), strict=True):
        stops = chain.stops(n, look) if n else (look,)
        for stop in stops[:-1]:
            mass, states = _carried(chain, mass, states, n, stop, chain.widest(stop))
            n = stop
        top = _crossing(chain, mass, states, n, look, float(level))
        mass, states = _carried(chain, mass, states, n, look, top)
        n = look
        found.append(chain.critical(look, top))
    return tuple(found)


def _below(chain: Chain, mass: Array, states: Array, n: int, after: int, edges: Array) -> Array:
    """Mass that is below each edge after the next stop."""
    if n == 0:
        return chain.first(after, edges)
    return mass @ chain.following(n, after, states, edges)


def _crossing(chain: Chain, mass: Array, states: Array, n: int, look: int, level: float) -> float:
    """The state above which just `level` of the mass lies at a look."""
    total = float(mass.sum())
    low, high = 0.0, chain.widest(look)
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = total - float(_below(chain, mass, states, n, look, np.array([middle]))[0])
        low, high = (middle, high) if above > level else (low, middle)
    return high


def _carried(chain: Chain, mass: Array, states: Array, n: int, after: int, top: float) -> tuple[Array, Array]:
    """The distribution over a fresh grid at the next stop, without what lies above `top`."""
    edges = np.linspace(-chain.widest(after), top, CELLS + 1)
    return np.diff(_below(chain, mass, states, n, after, edges)), 0.5 * (edges[1:] + edges[:-1])


def _normal_cdf(x: Array) -> Array:
    """Normal distribution function, right to 1e-9."""
    return np.interp(x, *_normal_table())


@lru_cache(maxsize=1)
def _normal_table() -> tuple[Array, Array]:
    grid = np.linspace(-9.0, 9.0, POINTS)
    return grid, np.array([0.5 * math.erfc(-value / math.sqrt(2.0)) for value in grid])


def _angle_cdf(n: int, angles: Array) -> Array:
    """Distribution function of the angle by which the next loss turns a vector of n losses; 0 and 1 outside +-pi/2."""
    return np.interp(angles, *_angle_table(n))


@lru_cache(maxsize=64)
def _angle_table(n: int) -> tuple[Array, Array]:
    grid = np.linspace(-0.5 * np.pi, 0.5 * np.pi, POINTS)
    density = np.cos(grid) ** (n - 1)
    summed = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]))])
    return grid, summed / summed[-1]

"""Islands: populations that differ in what they prefer to do, and how one of them picks parents.

Decisions are pure functions of numbers and a random stream. This module must not know values, trials or
sources.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from population.archive import Archive

PRUNE_EVERY = 8
"""Accepted changes between two pruning rounds of an island.

Parts pile up, and public records came from removing parts as often as from adding them."""


@dataclass(frozen=True)
class Profile:
    """What an island prefers to do.

    Attributes:
        name: For tables.
        bias: Operator name to a factor on how often it is used; operators not named have factor 1.
    """

    name: str
    bias: Mapping[str, float]

    def weight(self, operator: str, base: float = 1.0) -> float:
        """How often to use an operator, relative to others, given how often it is used elsewhere."""
        return base * self.bias.get(operator, 1.0)


PROFILES = (
    Profile("explore", {"crossover": 1.5, "ablate": 1.5, "perturb": 0.75, "llm_rewrite": 2.0, "llm_tune": 0.5}),
    Profile("tune", {"perturb": 3.0, "crossover": 0.5, "ablate": 0.5, "llm_tune": 3.0, "llm_rewrite": 0.5}),
    Profile("recombine", {"crossover": 3.0, "perturb": 0.75, "llm_crossover": 3.0}),
    Profile("prune", {"ablate": 3.0, "prune": 2.0, "crossover": 0.5, "llm_ablate": 3.0}),
)
"""Profiles of the first islands, in order; further islands begin again. No profile forbids an operator."""


@dataclass
class Island:
    """One population.

    Attributes:
        index: From 0.
        archive: Who lives here.
        profile: What it prefers to do.
        accepted_since: Accepted changes since the last pruning round.
    """

    index: int
    archive: Archive = field(default_factory=Archive)
    profile: Profile = PROFILES[0]
    accepted_since: int = 0


def make_islands(count: int, depth: int = 4) -> tuple[Island, ...]:
    """Islands with empty archives of a depth, their profiles in turn.

    Raises:
        ValueError: Fewer than one island was asked for.
    """
    if count < 1:
        raise ValueError(f"expected at least 1 island; got {count}")
    return tuple(Island(index, Archive(depth), PROFILES[index % len(PROFILES)]) for index in range(count))


def pruning_due(accepted_since: int, every: int = PRUNE_EVERY) -> bool:
    """Whether an island should now prune its best program."""
    return accepted_since >= every


def draw_operator(profile: Profile, weights: Mapping[str, float], rng: random.Random) -> str:
    """Draws an operator.

    Args:
        profile: The island's.
        weights: Operator name to how often it should be used, whatever the island.
        rng: The only source of chance.

    Raises:
        ValueError: There is no operator with a positive weight.
    """
    names = sorted(weights)
    biased = [profile.weight(name, weights[name]) for name in names]
    if not names or min(biased) < 0.0 or sum(biased) <= 0.0:
        raise ValueError(f"expected operators with weights from 0, one of them positive; got {dict(weights)}")
    return rng.choices(names, biased)[0]


def draw_rank(count: int, pressure: float, rng: random.Random) -> int:
    """Draws a rank in [0, count), rank r with probability proportional to (r + 1) ** -pressure.

    A power law keeps every rank possible at any size of the population, and does not change when values are
    rescaled (Boettcher 2001 <https://arxiv.org/abs/cond-mat/0010337>; for parents: Lange 2025
    <https://arxiv.org/abs/2509.19349>).

    Args:
        count: How many ranks there are, at least 1.
        pressure: 0 draws uniformly; the larger, the oftener the best.
        rng: The only source of chance.
    """
    weights = list(accumulate((rank + 1) ** -pressure for rank in range(count)))
    return rng.choices(range(count), cum_weights=weights)[0]


def draw_parents(
    ranked: Sequence[int],
    wanted: int,
    pressure: float,
    rng: random.Random,
    strangers: Sequence[int] = (),
    suits: Callable[[int, int], bool] = lambda main, other: True,
) -> tuple[int, ...]:
    """Draws distinct parents, the main parent first.

    The main parent comes from the island. Each further one is drawn from the strangers half of the time, so
    that what other islands found can be combined with what this one has. Elites live in different cells,
    hence so do parents drawn from elites.

    Args:
        ranked: The island's candidates, best first.
        wanted: How many parents the operator wants.
        pressure: See `draw_rank`.
        rng: The only source of chance.
        strangers: Candidates of other islands, best first.
        suits: Whether a further parent goes with the main one; not heeded where none does.

    Returns:
        Ids; fewer than wanted when there are no more, none when the island is empty.
    """
    if not ranked or wanted < 1:
        return ()
    parents = [ranked[draw_rank(len(ranked), pressure, rng)]]
    while len(parents) < wanted:
        others = [id for id in dict.fromkeys([*ranked, *strangers]) if id not in parents]
        others = [id for id in others if suits(parents[0], id)] or others
        home = [id for id in ranked if id in others]
        away = [id for id in others if id not in home]
        pool = away if away and (not home or rng.random() < 0.5) else home
        if not pool:
            break
        parents.append(pool[draw_rank(len(pool), pressure, rng)])
    return tuple(parents)

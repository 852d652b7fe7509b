"""Which operator asks which model: a bandit over pairs, paid by improvement per unit of cost.

Thompson sampling by the Bayesian bootstrap (Rubin 1981 <https://doi.org/10.1214/aos/1176345338>; for bandits: Eckles
and Kaptein 2014 <https://arxiv.org/abs/1410.4009>): gains are skewed, most are zero, and no family of distributions has
to be assumed. An arm begins with what all arms together have earned; an island counts its own pulls fully and the
others' in part. Pure functions of numbers; this module must not know what an operator does.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FLOOR = 0.15
"""Share of draws that go by the arms' weights alone, so that none is ever forgotten."""
PRIOR_PULLS = 2.0
"""Pulls that what all arms have earned together counts for, in each of them."""
ELSEWHERE = 0.3
"""What a pull on another island counts for."""
MEMORY = 200
"""Pulls that a run remembers: what pays changes as it goes on."""

Arm = tuple[str, str]
"""An operator and a model."""


@dataclass(frozen=True)
class Pull:
    """One attempt and what came of it.

    Attributes:
        arm: Operator and model.
        island: Where.
        gain: Estimated improvement on the parent, nats/token; 0 for none or a failure.
        usd: Money paid.
        steps: Training steps paid.
    """

    arm: Arm
    island: int
    gain: float
    usd: float
    steps: int


def choose(weights: Mapping[Arm, float], pulls: Sequence[Pull], island: int, rng: random.Random) -> Arm:
    """The next arm.

    Args:
        weights: Every arm and how often it is drawn while nothing has gained, and at the floor.
        pulls: What was tried in this run, oldest first.
        island: Where the child will live.
        rng: The only source of chance.

    Raises:
        ValueError: There is no arm with a positive weight.
    """
    arms = sorted(weights)
    if not arms or min(weights.values()) < 0.0 or sum(weights.values()) <= 0.0:
        raise ValueError(f"expected arms with weights from 0, one of them positive; got {dict(weights)}")
    alive = [arm for arm in arms if weights[arm] > 0.0]
    if not any(pull.gain > 0.0 for pull in pulls) or rng.random() < FLOOR:
        return rng.choices(alive, [weights[arm] for arm in alive])[0]
    return _best(weights, pulls, costs_of(pulls), island, rng)


def shares(
    weights: Mapping[Arm, float], pulls: Sequence[Pull], island: int, rng: random.Random, draws: int = 50
) -> dict[Arm, float]:
    """How often each arm would be drawn next, estimated by drawing.

    Args:
        weights: Every arm, as for `choose`.
        pulls: What was tried, oldest first.
        island: Where the child will live.
        rng: The only source of chance.
        draws: Draws that the bandit is asked for; those by weight alone are counted exactly.
    """
    total = sum(weights.values())
    by_weight = {arm: weight / total for arm, weight in weights.items()}
    if not any(pull.gain > 0.0 for pull in pulls):
        return by_weight
    costs = costs_of(pulls)
    won = Counter(_best(weights, pulls, costs, island, rng) for _ in range(draws))
    return {arm: FLOOR * by_weight[arm] + (1 - FLOOR) * won[arm] / draws for arm in weights}


def costs_of(pulls: Sequence[Pull]) -> list[float]:
    """Cost of each pull: its money and its steps as shares of their means, averaged; steps alone if all is free."""
    usd = sum(pull.usd for pull in pulls) / max(1, len(pulls))
    steps = sum(pull.steps for pull in pulls) / max(1, len(pulls))
    parts = [(pull.usd / usd if usd else None, pull.steps / steps if steps else None) for pull in pulls]
    return [_mean([part for part in pair if part is not None]) for pair in parts]


def _best(
    weights: Mapping[Arm, float], pulls: Sequence[Pull], costs: Sequence[float], island: int, rng: random.Random
) -> Arm:
    """The arm that pays best in one draw of what they may pay."""
    alive = [arm for arm in sorted(weights) if weights[arm] > 0.0]
    drawn = {arm: _draw(arm, pulls, costs, island, rng) for arm in alive}
    return max(alive, key=lambda arm: (drawn[arm], arm))


def _draw(arm: Arm, pulls: Sequence[Pull], costs: Sequence[float], island: int, rng: random.Random) -> float:
    """Gain per cost under random weights of the pulls."""
    gain = cost = 0.0
    total = len(pulls)
    for pull, paid in zip(pulls, costs, strict=True):
        share = PRIOR_PULLS / total  # what all arms earned, as pulls of this one
        if pull.arm == arm:
            share += 1.0 if pull.island == island else ELSEWHERE
        weight = rng.gammavariate(share, 1.0)
        gain += weight * pull.gain
        cost += weight * paid
    return gain / cost if cost > 0.0 else 0.0


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers) if numbers else 1.0

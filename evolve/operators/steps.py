"""How far and in which direction to move a hyperparameter, learnt from the moves of the run so far.

Pure functions of numbers; must not know source text or what a program is. Step sizes follow the one-fifth
success rule of Rechenberg 1973, in the form of Kern 2004
<https://doi.org/10.1023/B:NACO.0000023416.59689.4e>: longer after a success, a quarter as much shorter
after a failure, so that one move in five succeeds. Under noise it has a second virtue: moves too small to
matter succeed half of the time, which lengthens them until they do matter.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from evolve.operators.base import Tried
from population.scales import Scale, from_axis, guess_scale, to_axis

FIRST_STEP: dict[Scale, float] = {
    Scale.LEARNING_RATE: 0.3,
    Scale.WEIGHT_DECAY: 0.6,
    Scale.BETA: 0.4,
    Scale.EPS: 2.0,
    Scale.COUNT: 0.3,
    Scale.FRACTION: 0.5,
    Scale.FACTOR: 0.3,
    Scale.FLAG: 1.0,
}
"""Typical length of a move on each scale's axis before anything is known; e.g. learning rates times 1.35."""

_GROWTH = 0.3
_SHORTEST, _LONGEST = 0.15, 4.0
"""Bounds of a step in units of the first one: shorter ones drown in noise, longer ones leave all sense."""
_EVIDENCE = 3
"""Moves of one name before it has a step of its own."""
_FADE = 0.9
"""Weight of a move relative to the next newer one of the same name."""
_MOST_TELLING = 3.0
"""Gain or loss, in typical ones, beyond which more says nothing more; a failure counts as such a loss."""
_DRAWS = 12


@dataclass(frozen=True)
class Memory:
    """What the run's moves say.

    Attributes:
        by_scale: Step length on each scale's axis.
        by_name: The moves of each hyperparameter, oldest first.
        typical: Typical size of a gain or loss, in nats.
    """

    by_scale: dict[Scale, float]
    by_name: dict[str, tuple[Tried, ...]]
    typical: float

    def step(self, name: str, scale: Scale) -> float:
        """Step length for one hyperparameter: its scale's, adapted by its own moves if there are enough."""
        own = self.by_name.get(name, ())
        return _adapted(self.by_scale[scale], scale, own) if len(own) >= _EVIDENCE else self.by_scale[scale]

    def promise(self, name: str) -> float:
        """How much more often than an untried one this hyperparameter should be chosen, in [1/3, 3]."""
        own = self.by_name.get(name, ())
        gained = sum(succeeded(tried) for tried in own)
        return min(max((1 + gained) / (1 + len(own) / 5), 1 / 3), 3.0)


def remember(tried: Sequence[Tried]) -> Memory:
    """Fold the moves of the run, oldest first, into step lengths."""
    by_name: dict[str, list[Tried]] = {}
    by_kind: dict[Scale, list[Tried]] = {scale: [] for scale in Scale}
    for item in tried:
        by_name.setdefault(item.move.component, []).append(item)
        by_kind[_scale_of(item)].append(item)
    return Memory(
        by_scale={scale: _adapted(FIRST_STEP[scale], scale, by_kind[scale]) for scale in Scale},
        by_name={name: tuple(items) for name, items in by_name.items()},
        typical=median([abs(item.gain) for item in tried if item.gain] or [1.0]),
    )


def succeeded(tried: Tried) -> bool:
    """Whether the child was measured to be better than its parent."""
    return tried.gain is not None and tried.gain > 0


def chance_of_up(scale: Scale, own: Sequence[Tried], typical: float) -> float:
    """Probability that the next move of a hyperparameter goes up.

    That of a positive slope in the regression of its moves' gains on their lengths, newer moves counting more: a single
    gain or loss is mostly noise, so their sizes and their number decide, not who came last.

    Args:
        scale: Of the hyperparameter.
        own: Its moves, oldest first.
        typical: Typical size of a gain or loss.

    Returns:
        Between 0.1 and 0.9: no direction is ever given up.
    """
    pull, weight, fade = 0.0, 0.0, 1.0
    for item in reversed(own):
        delta = to_axis(scale, item.move.new) - to_axis(scale, item.move.old)
        gain = -math.inf if item.gain is None else item.gain / typical
        pull += fade * delta * min(max(gain, -_MOST_TELLING), _MOST_TELLING)
        weight += (fade * delta) ** 2
        fade *= _FADE
    slope = pull / math.sqrt(weight) if weight else 0.0
    return 0.5 + 0.4 * math.erf(slope / math.sqrt(2.0))


def propose(name: str, scale: Scale, value: float, memory: Memory, rng: random.Random) -> float | None:
    """Another value for a hyperparameter, or None if all that were drawn had been tried before.

    A value counts as tried if a move from about here led within a quarter of a step of it and gained nothing. That
    wanes with every draw: under noise and beside other changes a second look at a crowded place is no waste.
    """
    own, step = memory.by_name.get(name, ()), memory.step(name, scale)
    here = to_axis(scale, value)
    known = [
        to_axis(scale, item.move.new)
        for item in own
        if not succeeded(item) and abs(to_axis(scale, item.move.old) - here) <= step / 4
    ]
    if scale is Scale.FLAG:
        return None if any(place == 1 - here for place in known) else not value
    up = chance_of_up(scale, own, memory.typical)
    for draw in range(_DRAWS):
        # Lengths around the step, never near zero; later draws reach further, past what is known.
        length = min(step * rng.uniform(0.5, 1.5) * (1 + draw / 6), _LONGEST * FIRST_STEP[scale])
        place = here + (length if rng.random() < up else -length)
        new = from_axis(scale, place, sign=value)
        if scale is Scale.COUNT and new == value:
            new = from_axis(scale, math.log(max(value + math.copysign(1, place - here), 0.5)))
        place = to_axis(scale, new)
        near = 1e-9 if scale is Scale.COUNT else step / 4 * (1 - draw / (_DRAWS - 1))
        if new != value and abs(place - here) > 1e-9 and all(abs(place - other) > near for other in known):
            return new
    return None


def _adapted(step: float, scale: Scale, moves: Sequence[Tried]) -> float:
    for item in moves:
        step *= math.exp(_GROWTH if succeeded(item) else -_GROWTH / 4)
        step = min(max(step, _SHORTEST * FIRST_STEP[scale]), _LONGEST * FIRST_STEP[scale])
    return step


def _scale_of(tried: Tried) -> Scale:
    key = tried.move.component.rsplit(".", 1)[-1].split("#")[0]
    return guess_scale(key, tried.move.old)

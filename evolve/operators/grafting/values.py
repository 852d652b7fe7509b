"""Graft values: hyperparameters of the first parent take the values that the donor has under the same names.

This module must not know how a number is found or written.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from evolve.operators.base import NoVariationError
from evolve.operators.grafting.base import Grafted
from evolve.operators.grafting.recipe import Recipe
from population.components import with_values
from population.rows import Move
from population.scales import Scale
from population.usage import effective

_CLASS_BOUND = frozenset({Scale.LEARNING_RATE, Scale.WEIGHT_DECAY, Scale.EPS})
"""Kinds whose values mean something to one optimizer class only."""


@dataclass(frozen=True)
class ValuesGraft:
    """Some of the values in which the parents differ.

    Attributes:
        rng: Chooses which.
    """

    rng: random.Random
    weight: float = 1.0

    def apply(self, host: Recipe, donor: Recipe) -> Grafted:
        """Move about half of them.

        Raises:
            NoVariationError: There is none.
        """
        differing = _differing(host, donor)
        if not differing:
            raise NoVariationError("no value of the same name differs")
        moves = [move for move in differing if self.rng.random() < 0.5] or [self.rng.choice(differing)]
        source = with_values(host.reading.text.source, {move.component: move.new for move in moves})
        names = ", ".join(move.component for move in moves)
        done = f"the value{'s' if len(moves) > 1 else ''} of {names}"
        return Grafted(source, names, done, tuple(moves))


def _differing(host: Recipe, donor: Recipe) -> list[Move]:
    theirs = {part.name: part for part in effective(donor.reading.text.source)}
    alike = {slot.class_name for slot in host.slots} == {slot.class_name for slot in donor.slots}
    moves = []
    for part in effective(host.reading.text.source):
        other = theirs.get(part.name)
        if other is None or other.scale is not part.scale or other.value == part.value:
            continue
        if alike or part.scale not in _CLASS_BOUND:
            moves.append(Move(part.name, part.value, other.value))
    return moves

"""Graft values: hyperparameters of the first parent take the values that the donor has under the same names.

This module must not know how a number is found or written.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

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
        moves: What changes, under the host's names.
    """

    moves: tuple[Move, ...]
    weight: float = 1.5

    def apply(self, host: Recipe, donor: Recipe) -> tuple[str, str, str]:
        """The child's text, the component and what was done."""
        source = with_values(host.reading.text.source, {move.component: move.new for move in self.moves})
        names = ", ".join(move.component for move in self.moves)
        return source, names, f"the value{'s' if len(self.moves) > 1 else ''} of {names}"


def values_grafts(host: Recipe, donor: Recipe, rng: random.Random) -> Iterator[ValuesGraft]:
    """One graft of a random part of the values in which both differ."""
    theirs = {part.name: part for part in effective(donor.reading.text.source)}
    alike = {slot.class_name for slot in host.slots} == {slot.class_name for slot in donor.slots}
    moves = []
    for part in effective(host.reading.text.source):
        other = theirs.get(part.name)
        if other is None or other.scale is not part.scale or other.value == part.value:
            continue
        if alike or part.scale not in _CLASS_BOUND:
            moves.append(Move(part.name, part.value, other.value))
    if moves:
        chosen = [move for move in moves if rng.random() < 0.5] or [rng.choice(moves)]
        yield ValuesGraft(tuple(chosen))

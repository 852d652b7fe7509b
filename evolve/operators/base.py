"""What every operator is: sources in, a child out. Pure; must not know the store, the engine or torch."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from population.rows import Move


class NoVariationError(Exception):
    """The operator found nothing it could do to these parents; the message says why."""


@dataclass(frozen=True)
class Tried:
    """A move made earlier in this run and what came of it.

    Attributes:
        move: What was changed.
        gain: Parent's value minus child's on the same rng_seeds (nats; positive is better); None if it failed.
    """

    move: Move
    gain: float | None


@dataclass(frozen=True)
class Child:
    """What an operator made.

    Attributes:
        source: The child's text.
        component: Name of the component that was touched.
        note: One line: what was done to which component.
        moves: Hyperparameters changed.
        hypothesis: Why a language model expects it to help, or "".
        depth: Class of change that the model gave it, or "" (`evolve.classes` then decides by rule).
        provenance: The same for where the idea is from.
    """

    source: str
    component: str
    note: str
    moves: tuple[Move, ...] = ()
    hypothesis: str = ""
    depth: str = ""
    provenance: str = ""


class Operator(Protocol):
    """Makes a child from one or two parents.

    Attributes:
        name: Its name in tables and on the command line.
        parents: How many parents it wants.
    """

    name: str
    parents: int

    def vary(self, sources: Sequence[str], rng: random.Random, tried: Sequence[Tried]) -> Child:
        """Make a child.

        Args:
            sources: The parents' texts, the main parent first.
            rng: The only source of chance.
            tried: Recent moves of the run, oldest first.

        Raises:
            NoVariationError: Nothing could be done.
        """
        ...

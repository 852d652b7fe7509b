"""What every graft is: one component that can be moved from a donor into a host. Must not know how code is moved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from evolve.operators.grafting.recipe import Recipe
from population.rows import Move


@dataclass(frozen=True)
class Grafted:
    """A host with a component of the donor.

    Attributes:
        source: The text.
        component: Name of the component.
        done: What was moved, in a few words.
        moves: Hyperparameters that changed, where nothing else did.
    """

    source: str
    component: str
    done: str
    moves: tuple[Move, ...] = ()


class Graft(Protocol):
    """One component that can be moved from a donor into a host."""

    @property
    def weight(self) -> float:
        """How often it should be tried, relative to others of its kind."""
        ...

    def apply(self, host: Recipe, donor: Recipe) -> Grafted:
        """Move it.

        Raises:
            NoVariationError: It cannot be moved.
        """
        ...

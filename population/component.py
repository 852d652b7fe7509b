"""The record of a component: a named part of a genome that can be swapped, tuned or ablated.

This module must not know how components are found or what is done to them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from population.scales import Scale


class Kind(StrEnum):
    """What a component is."""

    FUNCTION = "function"
    CLASS = "class"
    PARAMETER_GROUP = "parameter group"
    HOOK = "hook"
    SCHEDULE = "schedule"
    INIT_RULE = "init rule"
    HYPERPARAMETER = "hyperparameter"


@dataclass(frozen=True)
class Component:
    """A named part of a genome.

    Attributes:
        kind: What it is.
        name: Unique within the genome.
        first_line: Its first line (decorators included), counted from 1.
        last_line: Its last line, inclusive.
    """

    kind: Kind
    name: str
    first_line: int
    last_line: int


@dataclass(frozen=True)
class Hyperparameter(Component):
    """A number or flag written in a genome.

    Attributes:
        value: The number; a bool for a flag.
        scale: What kind of number it is.
        integer: Whether only whole numbers make sense.
        span: First byte of its literal and the byte after its last, in the UTF-8 source.
    """

    value: float
    scale: Scale
    integer: bool
    span: tuple[int, int]


class Names:
    """Hands out names, numbering repeats: `lr`, `lr#2`, `lr#3`."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def __call__(self, name: str) -> str:
        """The name itself the first time, a numbered one after that."""
        count = self._seen[name] = self._seen.get(name, 0) + 1
        return name if count == 1 else f"{name}#{count}"

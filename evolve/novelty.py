"""Whether a newborn behaves as a program that is known, seen on the smoke rung, before a trial is paid.

A refactoring is recognised as what it was made from. Pure; must not know the store or torch.
"""

from __future__ import annotations

import base64
import math
import struct
from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SAME = "same"
"""Kind of the event that says so."""
DIRECTIONS = 5e-5
"""Largest distance between the directions of two models' weights that roundings explain (`benchmarks/novelty.py`)."""
LENGTHS = 5e-6
"""The same for the logarithms of their lengths."""
STATE = 0.1
"""Largest difference of optimizer state, bytes per parameter."""
PROJECTIONS = 8
"""Numbers of a sketch that tell of directions, then as many that tell of lengths, and so on."""


@dataclass(frozen=True)
class Behaviour:
    """How a program behaved on the smoke rung.

    Attributes:
        trace: What its schedule will be (`evaluator.behaviour.trace`).
        sketch: Where training went, and the evaluation weights if they differ (`evaluator.behaviour.sketch`).
        state: Bytes of optimizer state per parameter: who needs less of it is something new.
    """

    trace: str
    sketch: tuple[float, ...]
    state: float


def behaviour(measures: Mapping[str, float | str]) -> Behaviour | None:
    """The behaviour that a smoke trial measured; None where its first steps say nothing of the later ones."""
    if "sketch" not in measures:
        return None
    packed = base64.b85decode(str(measures["sketch"]))
    numbers = struct.unpack(f"<{len(packed) // 8}d", packed)
    if not all(map(math.isfinite, numbers)):
        return None
    return Behaviour(str(measures["trace"]), numbers, float(measures["state_bytes_per_parameter"]))


def alike(one: Behaviour, other: Behaviour) -> bool:
    """Whether two programs have one schedule and one need of memory, and trained alike up to the order of roundings."""
    if one.trace != other.trace or len(one.sketch) != len(other.sketch) or abs(one.state - other.state) > STATE:
        return False
    bounds = (DIRECTIONS, LENGTHS)
    starts = range(0, len(one.sketch), PROJECTIONS)
    return all(
        _distance(one.sketch[start : start + PROJECTIONS], other.sketch[start : start + PROJECTIONS])
        <= bounds[index % len(bounds)]
        for index, start in enumerate(starts)
    )


def _distance(one: Sequence[float], other: Sequence[float]) -> float:
    """Root mean square of the differences: an estimate of the distance between what was projected."""
    return math.dist(one, other) / math.sqrt(len(one))


class Behaviours:
    """Known behaviours, for looking up what is alike."""

    def __init__(self) -> None:
        self._by_trace: dict[str, list[tuple[float, int, Behaviour]]] = {}
        self._gone: set[int] = set()

    def add(self, program: int, measures: Mapping[str, float | str]) -> None:
        """Remember what a program's smoke trial measured."""
        seen = behaviour(measures)
        if seen is not None:
            entry = (seen.sketch[0], program, seen)
            insort(self._by_trace.setdefault(seen.trace, []), entry, key=lambda known: known[:2])

    def discard(self, program: int) -> None:
        """Forget a program: one that failed later, or that is nothing new itself, is no measure for others."""
        self._gone.add(program)

    def like(self, measures: Mapping[str, float | str]) -> int | None:
        """The first program that behaved alike on its smoke trial, or None."""
        seen = behaviour(measures)
        if seen is None:
            return None
        known = self._by_trace.get(seen.trace, [])
        reach = DIRECTIONS * math.sqrt(PROJECTIONS)  # no single projection of what is alike lies farther off
        start = bisect_left(known, seen.sketch[0] - reach, key=lambda known: known[0])
        end = bisect_right(known, seen.sketch[0] + reach, key=lambda known: known[0])
        found = [program for _, program, other in known[start:end] if program not in self._gone and alike(seen, other)]
        return min(found, default=None)

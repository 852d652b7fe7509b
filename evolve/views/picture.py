"""Where every program stands in the drawing of a lineage: pure geometry, shared by the page and the SVG.

x is the order of arrival. Each island has a lane; inside it a program stands the higher the better its value
ranks in the whole run, so that a lane shows its island's progress. Ranks rather than values, because
the last improvements are a thousand times smaller than the first. What has no value (failed, or not estimated
yet) stands in a gutter under its lane: a failure is never placed on the scale of values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evolve.views.family import Family

LANE = 1000
"""Height of a lane in units of y."""

TOP, BOTTOM, GUTTER = 90, 800, 910
"""Inside a lane: y of the best rank, of the worst rank, and of programs without a value."""

GUTTER_ROWS = 3
"""Neighbours without a value are spread over this many rows so that they stay apart."""


@dataclass(frozen=True)
class Spot:
    """One program in the drawing.

    Attributes:
        id: Id of the program.
        x: Order of arrival, from 0.
        y: Height from the top of the drawing, in units of which a lane has `LANE`.
        lane: Index of its lane.
        parents: Indices of its parents' spots, the main parent first.
        failure: The outcome that stopped it, or "".
        value: Posterior mean on the drawn rung, or None.
    """

    id: int
    x: int
    y: int
    lane: int
    parents: tuple[int, ...]
    failure: str
    value: float | None


@dataclass(frozen=True)
class Picture:
    """A lineage laid out.

    Attributes:
        spots: The programs in order of arrival.
        lanes: Islands in order; a spot's `lane` is an index into them.
        path: Indices of the spots on the winning path, first ancestor first.
        records: Indices of the spots that were the best of all that arrived until then.
    """

    spots: tuple[Spot, ...]
    lanes: tuple[int, ...]
    path: tuple[int, ...]
    records: tuple[int, ...]


def picture(family: Family, best: int | None) -> Picture:
    """Lay out a family.

    Args:
        family: The programs.
        best: Id of the best program; its main line of descent is the winning path.
    """
    lanes = tuple(sorted({row.island for row in family.programs}))
    lane_of = {island: i for i, island in enumerate(lanes)}
    index = {row.id: i for i, row in enumerate(family.programs)}
    failures = [family.failure(row.id) for row in family.programs]
    values = [family.value(row.id) for row in family.programs]
    heights = _heights(values)
    spots = []
    for i, row in enumerate(family.programs):
        lane = lane_of[row.island]
        inside = heights[i]
        if inside is None:
            inside = GUTTER + (i % GUTTER_ROWS - 1) * 34
        parents = tuple(index[parent] for parent in dict.fromkeys(row.parents) if parent in index)
        spots.append(Spot(row.id, i, lane * LANE + inside, lane, parents, failures[i], values[i]))
    path = tuple(index[id] for id in family.path(best))
    return Picture(tuple(spots), lanes, path, _records(values))


def log_shares(values: Sequence[float]) -> list[float]:
    """Places of values that only fall, from 1 (the first) to 0 (the last), by the log of their distance.

    The distance is taken to a floor a fiftieth of the whole fall below the best, so that the last
    improvements are as visible as the first. Values that do not fall stand in the middle.
    """
    fall = values[0] - values[-1]
    if fall <= 0:
        return [0.5] * len(values)
    floor = values[-1] - fall * 0.02
    low, high = math.log(values[-1] - floor), math.log(values[0] - floor)
    return [(math.log(value - floor) - low) / (high - low) for value in values]


def _heights(values: list[float | None]) -> list[int | None]:
    """Height inside a lane by rank of value; equal values stand at one height."""
    levels = sorted({each for each in values if each is not None})
    span = max(1, len(levels) - 1)
    at = {level: TOP + round((BOTTOM - TOP) * i / span) for i, level in enumerate(levels)}
    return [None if each is None else at[each] for each in values]


def _records(values: list[float | None]) -> tuple[int, ...]:
    best = float("inf")
    found = []
    for i, each in enumerate(values):
        if each is not None and each < best:
            best = each
            found.append(i)
    return tuple(found)

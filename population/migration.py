"""Ring migration: now and then each island's best are offered to its neighbour.

Membership only: a program that migrates is the same program, nothing is copied or evaluated again. This
module must not know archives or values.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Migrant:
    """A program offered to another island.

    Attributes:
        program: Its id.
        source: Index of the island it comes from.
        target: Index of the island it is offered to.
    """

    program: int
    source: int
    target: int


def migrants(elites: Sequence[Sequence[int]], residents: Sequence[Collection[int]], count: int = 1) -> list[Migrant]:
    """Who goes where: from each island the best that the next island on the ring does not have yet.

    All moves are decided on the islands as they were before, so no program goes round the ring at once.

    Args:
        elites: Each island's elites, best first, islands in order.
        residents: Ids of all programs living on each island; a program already there is refused.
        count: At most so many from each island.

    Returns:
        The moves in the order of the islands; none where there is only one island.

    Raises:
        ValueError: `elites` and `residents` differ in length.
    """
    if len(elites) != len(residents):
        raise ValueError(f"expected as many residents as islands; got {len(residents)} for {len(elites)} islands")
    if len(elites) < 2:
        return []
    moves: list[Migrant] = []
    for source, best in enumerate(elites):
        target = (source + 1) % len(elites)
        strangers = [program for program in best if program not in residents[target]]
        moves.extend(Migrant(program, source, target) for program in strangers[:count])
    return moves

"""The archive of an island: the few best programs of every behaviour. Must not know islands or trials.

MAP-Elites (Mouret 2015 <https://arxiv.org/abs/1504.04909>) over two behaviours that mean something to an
optimizer researcher and do not depend on the machine's load. Under noise one lucky trial could squat a cell
for ever, so a cell keeps several programs (as the deep grids of Flageat 2020
<https://arxiv.org/abs/2006.14253>) and its elite is looked up by today's posterior means, which fall back
once a lucky program is tried again (compare the adaptive sampling of Justesen 2019
<https://doi.org/10.1145/3319619.3321904>).
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from enum import Enum

Cell = tuple[int, int]
"""Bin of the optimizer's state, bin of its updates' effective rank."""

Mean = Callable[[int], float]
"""Posterior mean of a program by id, lower is better."""

STATE_EDGES = (2.0, 4.5, 7.0, 10.0, 13.0, 20.0, 32.0, 64.0)
"""Bytes of optimizer state per parameter where one bin ends and the next begins.

An fp32 buffer takes 4: below 2 there is no state, then momentum alone, momentum for matrices and two moments
elsewhere, two moments, three, and upwards preconditioners. Measured on `charlm`'s smoke rung: SGD-Nesterov
and Lion 4.0, Muon 5.6, NorMuon 5.7, AdamW and Schedule-Free AdamW 8.0, AdEMAMix 12.0, PSGD-Kron 13.9,
Shampoo, SOAP and SOAP-Muon 24.6.
"""

RANK_BINS = 6
"""Equal bins of the effective rank, which lies in (0, 1].

Measured as above: SGD-Nesterov 0.37, AdEMAMix 0.43, PSGD-Kron 0.46, AdamW 0.47, Schedule-Free AdamW 0.48, Lion
0.62, SOAP 0.64, Shampoo 0.68, Muon 0.92, NorMuon 0.93, SOAP-Muon 0.97: eleven seed programs in nine cells.
"""


class AddStatus(Enum):
    """What became of a program offered to an archive; the value says it in words."""

    NEW_CELL = "first of its kind"
    LEADS = "better than all of its kind"
    JOINED = "kept beside better ones of its kind"
    REFUSED = "its kind has enough better ones"
    KNOWN = "in the archive already"
    UNMEASURED = "its behaviour was not measured"

    @property
    def accepted(self) -> bool:
        """Whether the program was taken in."""
        return self in (AddStatus.NEW_CELL, AddStatus.LEADS, AddStatus.JOINED)


def cell_of(measures: Mapping[str, float | str]) -> Cell | None:
    """The cell of a program's behaviour.

    Args:
        measures: `state_bytes_per_parameter` (bytes, from 0) and `effective_rank` (in (0, 1]); others are
            ignored.

    Returns:
        The cell; None where a measure is missing, no number or out of range.
    """
    state, rank = measures.get("state_bytes_per_parameter"), measures.get("effective_rank")
    if not isinstance(state, float | int) or not isinstance(rank, float | int):
        return None
    if not (math.isfinite(state) and state >= 0.0 and 0.0 < rank <= 1.0):
        return None
    return bisect_right(STATE_EDGES, state), math.ceil(rank * RANK_BINS) - 1


def describe(cell: Cell) -> str:
    """The cell in words, for tables: "8-10 B state, rank 0.50-0.67"."""
    state, rank = cell
    edges = (0.0, *STATE_EDGES)
    span = f"{edges[state]:g}-{edges[state + 1]:g}" if state + 1 < len(edges) else f"{edges[state]:g}+"
    return f"{span} B state, rank {rank / RANK_BINS:.2f}-{(rank + 1) / RANK_BINS:.2f}"


class Archive:
    """Who lives in which cell. Values are never kept: every question takes the means of the moment.

    Attributes:
        depth: How many programs a cell keeps.
    """

    def __init__(self, depth: int = 4) -> None:
        if depth < 1:
            raise ValueError(f"expected a depth of at least 1 program a cell; got {depth}")
        self.depth = depth
        self._cells: dict[Cell, list[int]] = {}
        self._cell_of: dict[int, Cell] = {}

    def __len__(self) -> int:
        """Number of programs."""
        return len(self._cell_of)

    def __contains__(self, program: int) -> bool:
        return program in self._cell_of

    def add(self, program: int, measures: Mapping[str, float | str], mean: Mean) -> AddStatus:
        """Offers a program; where its cell is full, the worst of the cell leaves.

        Args:
            program: Its id.
            measures: Its behaviour, see `cell_of`.
            mean: Posterior mean of any member and of this program; of equals the lower id is the better.
        """
        if program in self._cell_of:
            return AddStatus.KNOWN
        cell = cell_of(measures)
        if cell is None:
            return AddStatus.UNMEASURED
        self._cell_of[program] = cell
        if cell not in self._cells:
            self._cells[cell] = [program]
            return AddStatus.NEW_CELL
        members = sorted([*self._cells[cell], program], key=lambda id: (mean(id), id))
        self._cells[cell] = members[: self.depth]
        for leaves in members[self.depth :]:
            del self._cell_of[leaves]
        if program not in self._cell_of:
            return AddStatus.REFUSED
        return AddStatus.LEADS if members[0] == program else AddStatus.JOINED

    def discard(self, program: int) -> None:
        """Removes a program, if it is there (one, say, that later failed a planned rng_seed)."""
        cell = self._cell_of.pop(program, None)
        if cell is not None:
            self._cells[cell].remove(program)
            if not self._cells[cell]:
                del self._cells[cell]

    def elites(self, mean: Mean) -> list[int]:
        """The best program of every cell by today's means, best first."""
        best = [min((mean(id), id) for id in members) for members in self._cells.values()]
        return [id for _, id in sorted(best)]

    def ranked(self, mean: Mean) -> list[int]:
        """All programs by today's means, best first."""
        return sorted(self._cell_of, key=lambda id: (mean(id), id))

    def cells(self, mean: Mean) -> dict[Cell, list[int]]:
        """The programs of every cell by today's means, best first; cells in order."""
        return {cell: sorted(self._cells[cell], key=lambda id: (mean(id), id)) for cell in sorted(self._cells)}

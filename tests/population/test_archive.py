"""The archive: one cell for each behaviour, a few programs in each, ranked by the means of the moment."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from population.archive import RANK_BINS, STATE_EDGES, AddStatus, Archive, cell_of, describe


def measures(state: float = 8.0, rank: float = 0.5) -> dict[str, float | str]:
    return {"state_bytes_per_parameter": state, "effective_rank": rank, "trajectory": "abc"}


def means(**values: float):
    table = {int(name.removeprefix("p")): value for name, value in values.items()}
    return table.__getitem__


@pytest.mark.parametrize(
    ("name", "state", "bin"),
    [
        ("SGD without momentum", 0.0, 0),
        ("SGD-Nesterov", 4.0, 1),
        ("momentum and a step counter for each tensor", 4.01, 1),
        ("Muon with AdamW for embeddings", 5.6, 2),
        ("AdamW", 8.0, 3),
        ("AdEMAMix", 12.0, 4),
        ("PSGD-Kron", 13.9, 5),
        ("SOAP", 24.6, 6),
        ("anything", 1e6, 8),
    ],
)
def test_kinds_of_optimizers_have_their_own_cells(name, state, bin):
    assert cell_of(measures(state)) == (bin, 2)


@pytest.mark.parametrize(("rank", "bin"), [(1e-9, 0), (1 / 6, 0), (0.17, 1), (0.5, 2), (0.51, 3), (1.0, 5)])
def test_ranks_fall_into_equal_bins(rank, bin):
    assert cell_of(measures(rank=rank)) == (3, bin)


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"effective_rank": 0.5},
        measures(state=float("nan")),
        measures(state=float("inf")),
        measures(state=-1.0),
        measures(rank=float("nan")),
        measures(rank=0.0),
        measures(rank=1.5),
        {**measures(), "effective_rank": "high"},
    ],
)
def test_what_was_not_measured_stays_outside(wrong):
    archive = Archive()
    assert archive.add(1, wrong, means(p1=2.0)) is AddStatus.UNMEASURED
    assert len(archive) == 0


@given(state=st.floats(0, 1e9), rank=st.floats(0, 1, exclude_min=True))
def test_every_behaviour_has_a_cell_and_a_name(state, rank):
    cell = cell_of(measures(state, rank))
    assert cell is not None
    assert 0 <= cell[0] <= len(STATE_EDGES)
    assert 0 <= cell[1] < RANK_BINS
    assert "B state" in describe(cell)


def test_names_of_cells():
    assert describe((0, 0)) == "0-2 B state, rank 0.00-0.17"
    assert describe((3, 3)) == "7-10 B state, rank 0.50-0.67"
    assert describe((8, 5)) == "64+ B state, rank 0.83-1.00"


def test_a_full_cell_keeps_its_best():
    archive = Archive(depth=2)
    mean = means(p1=2.0, p2=2.2, p3=2.1, p4=1.9, p5=2.5, p6=3.0)
    assert archive.add(1, measures(), mean) is AddStatus.NEW_CELL
    assert archive.add(2, measures(), mean) is AddStatus.JOINED
    assert archive.add(3, measures(), mean) is AddStatus.JOINED
    assert 2 not in archive
    assert archive.add(4, measures(), mean) is AddStatus.LEADS
    assert archive.add(5, measures(), mean) is AddStatus.REFUSED
    assert archive.add(4, measures(), mean) is AddStatus.KNOWN
    assert archive.add(6, measures(state=4.0), mean) is AddStatus.NEW_CELL
    assert archive.elites(mean) == [4, 6]
    assert archive.ranked(mean) == [4, 1, 6]
    assert archive.cells(mean) == {(1, 2): [6], (3, 2): [4, 1]}


def test_the_elite_changes_with_the_estimates():
    """A lucky first trial does not hold a cell for ever."""
    archive = Archive(depth=3)
    for program in (1, 2, 3):
        archive.add(program, measures(), means(p1=2.0, p2=1.5, p3=2.1))
    assert archive.elites(means(p1=2.0, p2=1.5, p3=2.1)) == [2]
    assert archive.elites(means(p1=2.0, p2=2.05, p3=2.1)) == [1]
    assert archive.elites(means(p1=2.0, p2=2.05, p3=1.8)) == [3]


def test_equal_means_favour_the_older():
    archive = Archive(depth=1)
    mean = means(p7=2.0, p8=2.0)
    archive.add(7, measures(), mean)
    assert archive.add(8, measures(), mean) is AddStatus.REFUSED


def test_discarding_frees_the_place_and_the_cell():
    archive = Archive()
    mean = means(p1=2.0, p2=2.1)
    archive.add(1, measures(), mean)
    archive.add(2, measures(), mean)
    archive.discard(1)
    archive.discard(99)
    assert archive.cells(mean) == {(3, 2): [2]}
    archive.discard(2)
    assert archive.cells(mean) == {}
    assert archive.add(1, measures(), mean) is AddStatus.NEW_CELL


def test_a_depth_below_one_is_refused():
    with pytest.raises(ValueError, match="at least 1"):
        Archive(depth=0)


@given(st.integers(0, 2**32), st.integers(1, 4))
def test_with_fixed_means_a_cell_holds_the_best_it_was_offered(rng_seed, depth):
    rng = random.Random(rng_seed)
    archive = Archive(depth)
    table = {program: rng.choice((1.0, 2.0, 3.0)) for program in range(40)}
    where = {program: measures(rng.choice((4.0, 8.0)), rng.choice((0.3, 0.9))) for program in table}
    statuses = [archive.add(program, where[program], table.__getitem__) for program in table]
    for cell, kept in archive.cells(table.__getitem__).items():
        offered = sorted((table[p], p) for p in table if cell_of(where[p]) == cell)
        assert kept == [program for _, program in offered[:depth]]
    assert len(archive) == sum(len(kept) for kept in archive.cells(table.__getitem__).values())
    assert sum(status is AddStatus.NEW_CELL for status in statuses) == len(archive.elites(table.__getitem__))


def test_statuses_say_whether_they_accept():
    assert {status for status in AddStatus if status.accepted} == {
        AddStatus.NEW_CELL,
        AddStatus.LEADS,
        AddStatus.JOINED,
    }

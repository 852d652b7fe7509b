"""Ring migration: the best go to the next island, unless they live there already."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from population.migration import Migrant, migrants


def test_the_best_go_round_the_ring():
    moves = migrants([[1, 2], [3], [4, 5]], [{1, 2}, {3}, {4, 5}])
    assert moves == [Migrant(1, 0, 1), Migrant(3, 1, 2), Migrant(4, 2, 0)]


def test_duplicates_are_refused_and_the_next_best_goes():
    assert migrants([[1, 2], [1, 3]], [{1, 2}, {1, 3}]) == [Migrant(2, 0, 1), Migrant(3, 1, 0)]
    assert migrants([[1], [1]], [{1}, {1}]) == []


def test_more_may_go_at_once():
    assert migrants([[1, 2, 3], []], [{1, 2, 3}, set()], count=2) == [Migrant(1, 0, 1), Migrant(2, 0, 1)]


def test_nobody_leaves_a_single_island():
    assert migrants([[1, 2]], [{1, 2}]) == []
    assert migrants([], []) == []


def test_residents_of_each_island_are_wanted():
    with pytest.raises(ValueError, match="as many residents"):
        migrants([[1], [2]], [{1}])


@given(st.lists(st.lists(st.integers(1, 12), unique=True, max_size=5), max_size=5), st.integers(0, 3))
def test_nobody_arrives_twice_and_nobody_skips_an_island(elites, count):
    residents = [set(best) for best in elites]
    moves = migrants(elites, residents, count)
    assert len({(move.program, move.target) for move in moves}) == len(moves)
    for move in moves:
        assert move.program in residents[move.source]
        assert move.program not in residents[move.target]
        assert move.target == (move.source + 1) % len(elites)

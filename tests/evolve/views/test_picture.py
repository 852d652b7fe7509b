from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evolve.views.family import family
from evolve.views.picture import BOTTOM, GUTTER, LANE, TOP, log_shares, picture
from population.rows import EstimateRow, ProgramRow


def test_a_better_value_stands_higher_in_its_lane(relatives, run):
    drawing = picture(relatives, run.best)
    inside = [(spot.value, spot.y - spot.lane * LANE) for spot in drawing.spots if spot.value is not None]
    inside.sort()
    heights = [y for _, y in inside]
    assert heights == sorted(heights)
    assert (heights[0], heights[-1]) == (TOP, BOTTOM)


def test_failures_stand_in_the_gutter_and_nowhere_else(relatives, run):
    for spot in picture(relatives, run.best).spots:
        assert (spot.value is None) == (spot.y - spot.lane * LANE > (BOTTOM + GUTTER) / 2)
        assert 0 <= spot.y - spot.lane * LANE < LANE
        if spot.failure:
            assert spot.value is None


def test_parents_stand_to_the_left(relatives, run):
    for spot in picture(relatives, run.best).spots:
        assert all(parent < spot.x for parent in spot.parents)


def test_the_winning_path_ends_at_the_best(relatives, run):
    drawing = picture(relatives, run.best)
    assert drawing.spots[drawing.path[-1]].id == run.best
    assert drawing.spots[drawing.path[0]].parents == ()


def test_records_only_improve(relatives, run):
    values = [picture(relatives, run.best).spots[i].value for i in picture(relatives, run.best).records]
    assert all(later < earlier for earlier, later in pairwise(values))
    assert values[-1] == min(relatives.value(row.id) for row in run.programs if relatives.value(row.id) is not None)


def test_islands_need_not_be_numbered_without_gaps():
    programs = [ProgramRow(5, "a", "", "seed", 7, None), ProgramRow(9, "b", "", "seed", 2, None)]
    drawing = picture(family(programs, (), [EstimateRow(9, "proxy", 1, 0, 1, 1, 1)]), None)
    assert drawing.lanes == (2, 7)
    assert [spot.lane for spot in drawing.spots] == [1, 0]
    assert drawing.path == ()


def test_nothing_to_draw():
    drawing = picture(family([]), None)
    assert drawing.spots == drawing.lanes == drawing.records == ()


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.floats(0.1, 10), min_size=1, max_size=20, unique=True))
def test_shares_fall_from_one_to_zero(values):
    values = sorted(values, reverse=True)
    shares = log_shares(values)
    if len(values) == 1:
        assert shares == [0.5]
        return
    assert shares[0] == pytest.approx(1)
    assert shares[-1] == pytest.approx(0)
    assert all(a >= b for a, b in pairwise(shares))

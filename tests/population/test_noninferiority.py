from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from population.noninferiority import Scatter, needed, p_value, power, scatter, worth

NUMBERS = st.floats(-1.0, 1.0)


def drawn(rng: random.Random, n: int, mean: float = 0.0, sd: float = 1.0) -> list[float]:
    return [rng.gauss(mean, sd) for _ in range(n)]


def test_the_scatter_of_many_parts_is_found_again():
    rng = random.Random(1)
    sets = []
    for _ in range(2000):
        sd = math.sqrt(1e-4 * 8 / sum(rng.gauss(0, 1) ** 2 for _ in range(8)))
        sets.append(drawn(rng, 4, sd=sd))
    found = scatter(sets)
    assert found.variance == pytest.approx(1e-4, rel=0.1)
    assert found.weight == pytest.approx(8, rel=0.3)


def test_parts_that_scatter_alike_lend_each_other_all_their_weight():
    rng = random.Random(2)
    found = scatter([drawn(rng, 8, sd=0.1) for _ in range(500)])
    assert found.variance == pytest.approx(0.01, rel=0.1)
    assert found.weight > 50


@pytest.mark.parametrize("sets", [[], [[0.1]], [[0.0, 0.0], [0.0, 0.0]]])
def test_nothing_is_known_of_scatter_without_differences_that_differ(sets):
    assert scatter(sets) == Scatter()


def test_two_parts_give_a_typical_variance_without_weight():
    found = scatter(iter([[0.0, 0.2], [0.1, 0.3], [0.0, 0.0], [0.0, 0.0]]))
    assert found.variance == pytest.approx(0.02)
    assert found.weight == 0.0


@pytest.mark.parametrize(("parts", "dead"), [(1, 0), (1, 5), (2, 10)])
def test_few_parts_among_dead_ones_are_judged_as_the_level_says(parts, dead):
    rng, wrong = random.Random(4), 0
    for _ in range(2000):
        sets = [drawn(rng, 2, 0.3, 0.01) for _ in range(parts)]
        wrong += worth(sets[0], scatter([*sets, *([0.0, 0.0] for _ in range(dead))]), 0.05).high < 0.3
    assert wrong / 2000 == pytest.approx(0.05, abs=0.015)


@settings(deadline=None)
@given(values=st.lists(NUMBERS, min_size=2, max_size=9), level=st.floats(0.005, 0.2))
def test_bounds_enclose_the_mean_and_narrow_with_the_level(values, level):
    at = worth(values, Scatter(0.01, 3.0), level)
    wider = worth(values, Scatter(0.01, 3.0), level / 2)
    assert wider.low <= at.low <= at.mean <= at.high <= wider.high


def test_bounds_are_wrong_as_often_as_the_level_says():
    rng, wrong = random.Random(3), 0
    for _ in range(4000):
        variance = 1e-4 * 4 / sum(rng.gauss(0, 1) ** 2 for _ in range(4))
        found = worth(drawn(rng, 2, 0.3, math.sqrt(variance)), Scatter(1e-4, 4.0), 0.05)
        wrong += found.high < 0.3
    assert wrong / 4000 == pytest.approx(0.05, abs=0.01)


def test_differences_that_are_all_zero_are_taken_at_their_word_from_two_on():
    assert worth([0.0, 0.0], Scatter(1.0, 5.0), 0.05).high == 0.0
    assert worth([0.0], Scatter(1.0, 5.0), 0.05).high is None
    assert worth([], Scatter(), 0.05).n == 0


def test_power_is_what_a_simulation_says():
    rng = random.Random(4)
    shown = sum(p_value(drawn(rng, 6, 0.001, 0.004), 0.005) < 0.05 for _ in range(4000)) / 4000
    assert power(6, 0.004, 0.004, 0.05) == pytest.approx(shown, abs=0.02)
    assert power(6, 0.0, 0.004, 0.05) == pytest.approx(0.05, abs=0.002)


@settings(deadline=None)
@given(distance=st.floats(0.001, 0.02), sd=st.floats(0.001, 0.02), level=st.floats(0.01, 0.1))
def test_more_rng_seeds_give_more_power(distance, sd, level):
    assert power(4, distance, sd, level) <= power(8, distance, sd, level) + 1e-6
    n = needed(distance, sd, level, 0.9, 4, 64)
    assert n in (4, 64) or power(n, distance, sd, level) >= 0.9 > power(n - 1, distance, sd, level)


def test_no_scatter_is_decided_by_the_mean_alone():
    assert power(4, 0.1, 0.0, 0.05) == 1.0
    assert p_value([0.0, 0.0], 0.1) == 0.0
    assert p_value([0.1, 0.1], 0.1) == 1.0
    with pytest.raises(ValueError, match="at least 2"):
        p_value([0.1], 0.1)

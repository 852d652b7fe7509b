"""Islands: how they differ and how they pick parents."""

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from population.island import (
    PROFILES,
    Profile,
    draw_operator,
    draw_parents,
    draw_rank,
    make_islands,
    pruning_due,
)

OPERATORS = {"perturb": 1.0, "crossover": 1.0, "ablate": 1.0, "prune": 1.0}


def test_islands_differ_and_begin_again():
    islands = make_islands(6, depth=2)
    assert [island.index for island in islands] == list(range(6))
    assert [island.profile for island in islands] == [*PROFILES, *PROFILES[:2]]
    assert len({id(island.archive) for island in islands}) == 6
    assert islands[0].archive.depth == 2


def test_no_island_is_refused():
    with pytest.raises(ValueError, match="at least 1 island"):
        make_islands(0)


@pytest.mark.parametrize("profile", PROFILES)
def test_no_profile_forbids_an_operator(profile):
    rng = random.Random(0)
    drawn = Counter(draw_operator(profile, OPERATORS, rng) for _ in range(600))
    assert set(drawn) == set(OPERATORS)


@pytest.mark.parametrize(("profile", "favourite"), [(1, "perturb"), (2, "crossover"), (3, "ablate")])
def test_a_profile_has_its_favourite(profile, favourite):
    weights = {name: PROFILES[profile].weight(name) for name in OPERATORS}
    assert max(weights, key=weights.__getitem__) == favourite


def test_operators_are_drawn_in_proportion():
    rng = random.Random(1)
    profile = Profile("p", {"b": 3.0})
    drawn = Counter(draw_operator(profile, {"a": 1.0, "b": 1.0, "never": 0.0}, rng) for _ in range(4000))
    assert 0.72 < drawn["b"] / 4000 < 0.78
    assert "never" not in drawn


def test_the_draw_does_not_depend_on_the_order_of_operators():
    profile = PROFILES[0]
    backwards = dict(reversed(OPERATORS.items()))
    for rng_seed in range(20):
        first = draw_operator(profile, OPERATORS, random.Random(rng_seed))
        assert first == draw_operator(profile, backwards, random.Random(rng_seed))


@pytest.mark.parametrize("weights", [{}, {"a": 0.0}, {"a": -1.0, "b": 2.0}])
def test_weights_that_cannot_be_are_refused(weights):
    with pytest.raises(ValueError, match="one of them positive"):
        draw_operator(PROFILES[0], weights, random.Random(0))


@pytest.mark.parametrize("pressure", [0.0, 0.7, 1.0, 2.0])
def test_ranks_follow_the_power_law(pressure):
    rng = random.Random(2)
    draws = 20_000
    drawn = Counter(draw_rank(5, pressure, rng) for _ in range(draws))
    weights = [(rank + 1) ** -pressure for rank in range(5)]
    for rank in range(5):
        expected = weights[rank] / sum(weights)
        spread = (expected * (1 - expected) / draws) ** 0.5
        assert abs(drawn[rank] / draws - expected) < 5 * spread


@given(
    ranked=st.lists(st.integers(1, 30), unique=True, max_size=8),
    strangers=st.lists(st.integers(1, 30), unique=True, max_size=8),
    wanted=st.integers(0, 4),
    pressure=st.floats(0, 5),
    rng_seed=st.integers(0, 1000),
)
def test_parents_are_distinct_and_as_many_as_there_are(ranked, strangers, wanted, pressure, rng_seed):
    parents = draw_parents(ranked, wanted, pressure, random.Random(rng_seed), strangers)
    available = len({*ranked, *strangers}) if ranked else 0
    assert len(parents) == len(set(parents)) == min(wanted, available)
    assert set(parents) <= {*ranked, *strangers}
    assert not parents or parents[0] in ranked
    assert parents == draw_parents(ranked, wanted, pressure, random.Random(rng_seed), strangers)


def test_half_of_the_second_parents_come_from_elsewhere():
    rng = random.Random(3)
    second = [draw_parents([1, 2, 3], 2, 1.0, rng, [3, 8, 9])[1] for _ in range(2000)]
    away = sum(parent in (8, 9) for parent in second) / 2000
    assert 0.45 < away < 0.55


def test_pruning_comes_round_every_eighth_change():
    assert [n for n in range(12) if pruning_due(n)] == [8, 9, 10, 11]
    assert pruning_due(3, every=3)

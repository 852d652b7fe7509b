from __future__ import annotations

import random
from collections import Counter

import pytest

from evolve.bandit import Pull, choose, costs_of, shares

GOOD, POOR, DEAR = ("llm_diff", "a"), ("llm_rewrite", "a"), ("llm_diff", "b")
WEIGHTS = {GOOD: 1.0, POOR: 1.0, DEAR: 1.0}


def drawn(pulls, island=0, count=600, weights=WEIGHTS):
    rng = random.Random(0)
    return Counter(choose(weights, pulls, island, rng) for _ in range(count))


def pulls(arm, gains, usd=0.01, island=0):
    return [Pull(arm, island, gain, usd, 132) for gain in gains]


def test_while_nothing_is_known_arms_are_drawn_by_weight():
    found = drawn([], weights={GOOD: 3.0, POOR: 1.0, DEAR: 0.0})
    assert DEAR not in found
    assert 2.0 < found[GOOD] / found[POOR] < 4.5


def test_what_gains_more_is_drawn_more_and_nothing_is_forgotten():
    known = pulls(GOOD, [0.01, 0.0] * 8) + pulls(POOR, [0.0] * 16) + pulls(DEAR, [0.0] * 16)
    found = drawn(known)
    assert found[GOOD] > 0.75 * 600
    assert min(found[POOR], found[DEAR]) > 0.02 * 600


def test_equal_gains_at_a_higher_price_are_drawn_less():
    found = drawn(pulls(GOOD, [0.01, 0.0] * 8, 0.01) + pulls(DEAR, [0.01, 0.0] * 8, 0.2), weights={GOOD: 1, DEAR: 1})
    assert found[GOOD] > 2 * found[DEAR]


def test_an_islands_own_experience_counts_most():
    known = pulls(GOOD, [0.01, 0.0] * 5, island=0) + pulls(POOR, [0.0] * 10, island=0)
    known += pulls(POOR, [0.01, 0.0] * 5, island=1) + pulls(GOOD, [0.0] * 10, island=1)
    weights = {GOOD: 1.0, POOR: 1.0}
    assert drawn(known, 0, weights=weights)[GOOD] > drawn(known, 1, weights=weights)[GOOD]


def test_costs_are_shares_of_the_mean_in_money_and_steps():
    found = costs_of([Pull(GOOD, 0, 0.0, 0.03, 100), Pull(GOOD, 0, 0.0, 0.01, 300)])
    assert found == pytest.approx([(1.5 + 0.5) / 2, (0.5 + 1.5) / 2])
    assert costs_of([Pull(GOOD, 0, 0.0, 0.0, 100), Pull(GOOD, 0, 0.0, 0.0, 300)]) == pytest.approx([0.5, 1.5])


def test_no_arm_is_an_error():
    with pytest.raises(ValueError, match="expected arms"):
        choose({}, [], 0, random.Random(0))


def test_shares_are_how_often_arms_are_drawn():
    known = pulls(GOOD, [0.01, 0.0] * 4) + pulls(POOR, [0.0] * 8) + pulls(DEAR, [0.002] * 8)
    found = shares(WEIGHTS, known, 0, random.Random(1), draws=600)
    expected = drawn(known, count=2000)
    assert sum(found.values()) == pytest.approx(1.0)
    assert [found[arm] for arm in WEIGHTS] == pytest.approx([expected[arm] / 2000 for arm in WEIGHTS], abs=0.06)
    assert shares({GOOD: 3.0, POOR: 1.0}, [], 0, random.Random(0)) == {GOOD: 0.75, POOR: 0.25}

"""Step lengths and directions from the moves of a run."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.operators.base import Tried
from evolve.operators.steps import FIRST_STEP, chance_of_up, propose, remember
from population.rows import Move
from population.scales import RANGES, Scale


def moved(name: str, old: float, new: float, gain: float | None) -> Tried:
    return Tried(Move(name, old, new), gain)


@settings(max_examples=200)
@given(st.sampled_from(list(Scale)), st.floats(0, 1), st.integers(0, 1000))
def test_proposals_are_sane_short_and_different(scale: Scale, place: float, rng_seed: int) -> None:
    low, high = RANGES[scale]
    value: float = low * (max(high, 1e-9) / max(low, 1e-9)) ** place if low > 0 else place * high
    value = round(value) if scale is Scale.COUNT else bool(place < 0.5) if scale is Scale.FLAG else value
    new = propose("x", scale, value, remember(()), random.Random(rng_seed))
    if new is None:
        return
    assert new != value
    assert low <= abs(new) <= high
    if scale is Scale.COUNT:
        assert isinstance(new, int)
    elif scale is Scale.BETA:
        assert float(f"{1 - new:.2g}") == pytest.approx(1 - new, rel=1e-6)
    elif scale is not Scale.FLAG:
        assert float(f"{new:.3g}") == new


def test_steps_grow_by_success_and_shrink_by_failure_at_the_rate_of_one_fifth() -> None:
    first = FIRST_STEP[Scale.LEARNING_RATE]
    win, loss = moved("A_LR", 0.1, 0.12, 1e-3), moved("A_LR", 0.1, 0.08, -1e-3)
    assert remember([win]).by_scale[Scale.LEARNING_RATE] > first
    assert remember([loss]).by_scale[Scale.LEARNING_RATE] < first
    assert remember([win, loss, loss, loss, loss]).by_scale[Scale.LEARNING_RATE] == pytest.approx(first)
    assert remember([win]).by_scale[Scale.BETA] == FIRST_STEP[Scale.BETA]


def test_a_crash_counts_as_a_failure() -> None:
    crash = moved("A_LR", 0.1, 0.5, None)
    assert remember([crash]).by_scale[Scale.LEARNING_RATE] < FIRST_STEP[Scale.LEARNING_RATE]
    assert chance_of_up(Scale.LEARNING_RATE, [crash], 1e-3) < 0.5


def test_a_name_with_evidence_has_a_step_of_its_own() -> None:
    tried = [moved("A_LR", 0.1, 0.12, 1e-3)] * 3 + [moved("B_LR", 0.1, 0.12, -1e-3)] * 3
    memory = remember(tried)
    own = [memory.step(name, Scale.LEARNING_RATE) for name in ("A_LR", "B_LR", "C_LR")]
    assert own[0] > own[2] > own[1]


def test_what_gained_is_repeated_and_what_failed_is_turned_around() -> None:
    gained = [moved("A_LR", 0.1, 0.12, 1e-3)]
    failed = [moved("A_LR", 0.1, 0.12, -1e-3)]
    assert chance_of_up(Scale.LEARNING_RATE, gained, 1e-3) > 0.7
    assert chance_of_up(Scale.LEARNING_RATE, failed, 1e-3) < 0.3
    assert chance_of_up(Scale.LEARNING_RATE, [*gained, *failed, *failed], 1e-3) < 0.5
    assert 0.1 <= chance_of_up(Scale.LEARNING_RATE, [*failed] * 50, 1e-3) < 0.11
    ups = sum(propose("A_LR", Scale.LEARNING_RATE, 0.12, remember(gained), random.Random(i)) > 0.12 for i in range(60))
    assert ups > 40


def test_sizes_decide_on_the_direction_not_who_came_last() -> None:
    rise = moved("A_LR", 0.1, 0.2, 5e-3)
    slip = moved("A_LR", 0.1, 0.15, -5e-4)
    assert chance_of_up(Scale.LEARNING_RATE, [rise, slip, slip], 1e-3) > 0.8
    assert chance_of_up(Scale.LEARNING_RATE, [moved("A_LR", 0.1, 0.05, -5e-3), slip], 1e-3) > 0.8


def test_failures_elsewhere_do_not_count() -> None:
    far = [moved("A_LR", 5.0, 0.1 * (1 + percent / 100), -1e-3) for percent in range(-12, 13)]
    news = {propose("A_LR", Scale.LEARNING_RATE, 0.1, remember(far), random.Random(i)) for i in range(40)}
    assert any(abs(math.log(new / item.move.new)) < 0.01 for new in news if new for item in far)

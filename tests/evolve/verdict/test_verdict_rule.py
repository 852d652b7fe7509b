from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.verdict.rival import STEP_WORTH, pairwise
from evolve.verdict.rule import CURRENT, EARLIER, Rule, evidence

LOSSES = st.lists(st.floats(3.2, 3.4), min_size=1, max_size=20)


def test_the_examples_of_the_benchmarks_own_rules():
    assert evidence([3.276], CURRENT).holds(CURRENT)
    assert not evidence([3.2761], CURRENT).holds(CURRENT)
    assert evidence([3.278] * 4, CURRENT).holds(CURRENT)
    assert not evidence([3.27801] * 4, CURRENT).holds(CURRENT)


def test_both_rules_stand_for_a_level_of_one_in_a_thousand():
    assert pytest.approx(0.00105, abs=1e-5) == CURRENT.level
    assert pytest.approx(0.00089, abs=1e-5) == EARLIER.level


def test_the_t_test_agrees_with_a_table():
    # three losses 1, 2 and 3 sd-units below the target: mean 2, sd 1, t = 2 * sqrt(3) with 2 degrees of freedom
    found = evidence([3.279, 3.278, 3.277], CURRENT)
    assert found.sd == pytest.approx(0.001)
    assert found.t == pytest.approx(2 * math.sqrt(3))
    assert found.p_t == pytest.approx(0.0371, abs=1e-4)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e300])
def test_a_loss_that_is_not_finite_counts_as_infinitely_bad(bad):
    found = evidence([3.0, bad, 3.0], CURRENT)
    assert not found.holds(CURRENT)
    assert found.p == 1.0
    assert found.sd is None


def test_one_run_has_no_estimated_sd():
    assert evidence([3.2], CURRENT).sd is None
    assert evidence([3.2], CURRENT).p_t is None


def test_no_losses_are_refused():
    with pytest.raises(ValueError, match="no losses"):
        evidence([], CURRENT)


@pytest.mark.parametrize("values", [{"sigma": 0.0}, {"sigma": math.nan}, {"target": math.inf}, {"margin": math.nan}])
def test_a_rule_that_cannot_be_is_refused(values):
    with pytest.raises(ValueError, match="must be"):
        Rule(**values)


@given(LOSSES, st.floats(1e-4, 0.1))
def test_better_losses_never_turn_a_pass_into_none(losses, gain):
    before, after = evidence(losses, CURRENT), evidence([loss - gain for loss in losses], CURRENT)
    assert after.statistic > before.statistic
    assert after.p <= before.p
    assert after.holds(CURRENT) or not before.holds(CURRENT)


@given(LOSSES)
def test_the_order_of_runs_does_not_matter(losses):
    assert evidence(losses, CURRENT) == evidence(losses[::-1], CURRENT)


@pytest.mark.parametrize(
    ("loss", "steps", "n", "n_rival", "expected"),
    [
        (0.0, 15, 10, 16, 0.00167),  # result 13 against 11, as the benchmark's rules reckon it
        (3.2778 - 3.2785, 40, 10, 16, 0.0027),  # 13 against 8
        (-0.0002, 50, 20, 20, 0.00648),  # 12 against 6
    ],
)
def test_pairwise_examples_of_the_benchmarks_own_rules(loss, steps, n, n_rival, expected):
    assert pairwise(loss, steps * STEP_WORTH, n, n_rival) == pytest.approx(expected, abs=6e-5)


def test_a_comparison_needs_runs():
    with pytest.raises(ValueError, match="both sides"):
        pairwise(0.0, 0.0, 0, 3)

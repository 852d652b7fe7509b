from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.budget import DEFAULT_SECONDS, Budget, Spent, seconds_from_text


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("5m", 300), ("1.5h", 5400), (" 2d ", 172800)])
def test_durations(text, seconds):
    assert seconds_from_text(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-5m", "5 minutes", "m", "1e3", "nan", "0s"])
def test_nonsense_durations_say_what_was_expected(text):
    with pytest.raises(ValueError, match="expected a positive duration such as 90s, 5m"):
        seconds_from_text(text)


def test_five_minutes_when_nothing_was_asked_and_only_then():
    assert Budget.of(None, None, None) == Budget(seconds=DEFAULT_SECONDS)
    assert Budget.of(None, 10, None) == Budget(births=10)


@given(
    st.builds(Spent, st.floats(0, 1e6), st.integers(0, 10**6), st.integers(0, 10**6)),
    st.builds(
        Budget,
        st.none() | st.floats(1, 1e6),
        st.none() | st.integers(1, 10**6),
        st.none() | st.integers(1, 10**6),
    ),
)
def test_a_birth_is_allowed_exactly_while_no_bound_is_reached(spent, budget):
    bounds = ((spent.seconds, budget.seconds), (spent.births, budget.births), (spent.trials, budget.trials))
    assert budget.allows_birth(spent) == all(bound is None or used < bound for used, bound in bounds)
    assert not budget.allows_birth(spent) or budget.allows_trial(spent)


def test_the_share_used_is_that_of_the_nearest_bound():
    assert Budget().used(Spent(1e6, 10**6, 10**6)) == 0.0
    assert Budget(seconds=100.0, births=10).used(Spent(20.0, 5, 0)) == 0.5


def test_hours_of_cards_become_running_time() -> None:
    assert Budget(gpu_hours=2.0).on(1).seconds == 7200.0
    assert Budget(gpu_hours=2.0).on(4).seconds == 1800.0
    assert Budget(seconds=60.0, gpu_hours=2.0).on(4).seconds == 60.0
    assert Budget(births=3).on(4) == Budget(births=3)
    assert Budget.of(None, None, None, gpu_hours=0.5).on(2) == Budget(seconds=900.0)

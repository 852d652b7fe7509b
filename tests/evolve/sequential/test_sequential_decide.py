from __future__ import annotations

import json
import math
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.sequential.decide import Outcome, decide
from evolve.sequential.plan import Plan, make_plan
from evolve.verdict.rule import Rule

STEPS = (2800, 2900, 3000)
PLANS = {sd: make_plan(3000, STEPS, 2900, looks=(4, 8, 12), sd=sd) for sd in ("estimated", "fixed")}
PLAN = PLANS["estimated"]


def runs(count: int, *means: float, rng_seed: int = 0, sd: float = 0.0008):
    """Runs whose losses at the steps scatter around means."""
    rng = random.Random(rng_seed)
    return [dict(zip(STEPS, (mean + rng.gauss(0, sd) for mean in means), strict=True)) for _ in range(count)]


GOOD = (3.283, 3.276, 3.274)
BAD = (3.30, 3.29, 3.285)


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_good_recipe_is_accepted_early_and_the_earliest_step_told(plan):
    found = decide(plan, runs(8, *GOOD))
    assert found.outcome is Outcome.ACCEPT
    assert found.earliest == 2900
    assert found.evidence is not None
    assert found.evidence.n == found.n <= 8
    assert found.value is not None
    assert found.value >= found.critical


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
def test_a_bad_recipe_is_given_up_at_the_first_look(plan):
    found = decide(plan, runs(4, *BAD))
    assert (found.outcome, found.n, found.earliest, found.needed) == (Outcome.GIVE_UP, 4, None, 0)
    assert found.chance is not None
    assert found.chance < plan.give_up


def test_before_the_first_look_there_is_nothing_to_decide():
    for count in range(4):
        found = decide(PLAN, runs(count, *GOOD))
        assert (found.outcome, found.needed, found.evidence) == (Outcome.CONTINUE, 4, None)


def test_between_looks_the_last_one_stands():
    middling = (3.29, 3.2795, 3.2785)
    at_look, later = decide(PLAN, runs(4, *middling)), decide(PLAN, runs(7, *middling))
    assert at_look == later
    assert (at_look.outcome, at_look.needed) == (Outcome.CONTINUE, 8)


def test_runs_after_the_end_change_nothing():
    enough = decide(PLAN, runs(8, *GOOD))
    assert decide(PLAN, [*runs(8, *GOOD), None, None]) == enough


def test_the_last_look_ends_it():
    patient = replace(PLAN, give_up=0.0)
    found = decide(patient, runs(12, 3.29, 3.28, 3.279))
    assert (found.outcome, found.n, found.needed) == (Outcome.GIVE_UP, 12, 0)


def test_a_later_step_that_fails_takes_the_claim_with_it():
    found = decide(replace(PLAN, give_up=0.0), runs(12, 3.27, 3.27, 3.281))
    assert (found.outcome, found.earliest) == (Outcome.GIVE_UP, None)


def test_what_was_shown_later_than_claimed_is_told():
    found = decide(replace(PLAN, give_up=0.0), runs(12, 3.29, 3.2805, 3.274))
    assert (found.outcome, found.earliest) == (Outcome.GIVE_UP, 3000)


@pytest.mark.parametrize("failed", [None, {}, {2800: 3.2, 2900: math.nan, 3000: 3.2}, {2800: 3.2, 2900: 3.2}])
def test_a_run_that_failed_counts_and_ends_it(failed):
    found = decide(PLAN, [*runs(2, *GOOD), failed])
    assert (found.outcome, found.failed) == (Outcome.GIVE_UP, (2,))
    assert "run 3 failed" in found.reason
    found = decide(PLAN, [failed, *runs(11, *GOOD)])
    assert (found.outcome, found.failed, found.n) == (Outcome.GIVE_UP, (0,), 4)


def test_a_loss_missing_before_the_claim_does_no_harm():
    some = [{2900: run[2900], 3000: run[3000]} for run in runs(8, *GOOD)]
    assert decide(PLAN, some).outcome is Outcome.ACCEPT


def test_losses_without_any_scatter_cannot_be_weighed():
    found = decide(replace(PLAN, give_up=0.0), [dict.fromkeys(STEPS, 3.27)] * 12)
    assert (found.outcome, found.value) == (Outcome.GIVE_UP, None)


def test_more_runs_than_planned_are_refused():
    with pytest.raises(ValueError, match="12 at most"):
        decide(PLAN, runs(13, *GOOD))


def test_a_plan_survives_being_written_down():
    again = Plan.from_dict(json.loads(json.dumps(PLAN.to_dict())))
    assert again == PLAN
    assert again.rule == Rule()


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"steps": ()}, "must increase"),
        ({"steps": (2900, 2800)}, "must increase"),
        ({"steps": (0, 2900)}, "begin after 0"),
        ({"steps": (2900, 4000)}, "after the 3000"),
        ({"claim": 2950}, "none of the validated"),
        ({"critical": (3.0,)}, "do not fit"),
        ({"looks": ()}, "2 runs or more"),
        ({"looks": (0, 9, 12, 16, 20, 24)}, "2 runs or more"),
        ({"sd": "guessed"}, "must be 'estimated'"),
        ({"give_up": 1.0}, "must be in"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(values, words):
    with pytest.raises(ValueError, match=words):
        replace(PLAN, **values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"spending": "all"}, "one of"),
        ({"level": 0.0}, "between 0"),
        ({"looks": ()}, "needs"),
        ({"looks": (1,)}, "2 runs"),
    ],
)
def test_a_plan_cannot_be_made_of_just_anything(values, words):
    with pytest.raises(ValueError, match=words):
        make_plan(3000, STEPS, **values)


def test_a_claim_of_nothing_is_the_last_step():
    assert make_plan(3000, STEPS, looks=(4,)).claim == 3000


@settings(max_examples=40)
@given(
    st.lists(st.lists(st.floats(3.27, 3.29), min_size=3, max_size=3), min_size=12, max_size=12),
    st.sampled_from(sorted(PLANS)),
)
def test_decisions_made_after_each_run_agree_with_one_made_at_the_end(losses, kind):
    plan = PLANS[kind]
    all_runs = [dict(zip(STEPS, each, strict=True)) for each in losses]
    end = decide(plan, all_runs)
    ended = False
    for count in range(13):
        found = decide(plan, all_runs[:count])
        if ended:
            assert found == end
        elif found.outcome is not Outcome.CONTINUE:
            ended = True
            assert found == end
        else:
            assert found.needed > count or found.needed in plan.looks
    assert ended
    if end.outcome is Outcome.ACCEPT:
        assert end.evidence is not None
        assert end.evidence.holds(plan.rule)  # what is accepted can be submitted

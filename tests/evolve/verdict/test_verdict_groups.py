from __future__ import annotations

import math
import random

import pytest
from benchmark_logs import STEPS, curve
from hypothesis import given
from hypothesis import strategies as st

from evolve.verdict.judge import NOT_SHOWN, PASS, earliest_pass, judge, tail_slope
from evolve.verdict.rival import compare
from evolve.verdict.rule import CURRENT, EARLIER, Rule, evidence
from evolve.verdict.runs import Claim, Run, group_runs


def runs(*curves, claim: Claim = Claim(), **rest) -> list[Run]:  # noqa: B008
    return [Run("a", f"log:{i}", c, claim=claim, **rest) for i, c in enumerate(curves)]


def group(*curves, **rest):
    (found,) = group_runs(runs(*curves, **rest))
    return found


def noisy(ends, seed=0, steps=STEPS):
    rng = random.Random(seed)
    return [curve(end, rng, steps) for end in ends]


def test_a_recipe_that_ends_below_passes_from_the_earliest_step_on():
    flat = [{100: 3.29, 200: 3.277, 300: 3.276, 400: 3.275}] * 4
    found = judge(group(*flat))
    assert (found.steps, found.ruling.verdict, found.ruling.earliest) == (200, PASS, 200)
    assert [(each.rule, each.verdict, each.earliest) for each in found.others] == [(EARLIER, PASS, 200)]


def test_a_step_counts_only_if_every_later_one_passes():
    flat = [{100: 3.27, 200: 3.29, 300: 3.276, 400: 3.275}] * 4
    assert judge(group(*flat)).ruling.earliest == 300
    rises = [{100: 3.27, 200: 3.27, 300: 3.29}] * 4
    found = judge(group(*rises))
    assert (found.ruling.verdict, found.ruling.earliest, found.steps) == (NOT_SHOWN, None, 300)


def test_a_claim_is_judged_at_its_own_step_and_the_earliest_told_apart():
    flat = [{100: 3.277, 200: 3.276, 300: 3.275}] * 4
    found = judge(group(*flat, claim=Claim(steps=300)))
    assert (found.steps, found.ruling.earliest, found.ruling.verdict) == (300, 100, PASS)
    found = judge(group(*[{100: 3.29, 200: 3.275}] * 4, claim=Claim(steps=100)))
    assert (found.steps, found.ruling.earliest, found.ruling.verdict) == (100, 200, NOT_SHOWN)


def test_a_claimed_step_that_not_all_validated_is_not_judged_but_told():
    found = judge(group({100: 3.27, 200: 3.26}, {100: 3.271}, claim=Claim(steps=200)))
    assert found.evidence is None
    assert found.ruling.verdict == NOT_SHOWN
    assert any("1 of 2 runs" in note and "3.26000" in note for note in found.notes)


def test_only_steps_that_all_runs_validated_count():
    found = judge(group({100: 3.27, 150: 3.26, 200: 3.26}, {100: 3.27, 200: 3.26, 250: 3.5}))
    assert found.ruling.earliest == 100
    assert any("different steps" in note for note in found.notes)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_run_that_diverged_spoils_the_steps_where_it_did(bad):
    good = {100: 3.27, 200: 3.26, 300: 3.25}
    found = judge(group(good, good, {**good, 300: bad}))
    assert (found.ruling.verdict, found.steps) == (NOT_SHOWN, 300)
    assert any("not finite" in note for note in found.notes)


def test_a_run_without_any_validation_leaves_nothing_to_judge():
    found = judge(group({100: 3.2}, {}))
    assert (found.steps, found.evidence, found.ruling.verdict) == (None, None, NOT_SHOWN)


def test_logs_kept_twice_count_once():
    first, second = noisy([3.27, 3.27])
    found = group(first, second, dict(first))
    assert [run.where for run in found.runs] == ["log:0", "log:1"]
    assert [run.where for run in found.repeated] == ["log:2"]
    assert any("3 logs hold 2 runs" in note for note in found.notes)


def test_an_excerpt_counts_as_the_run_that_it_is_from():
    first, second = noisy([3.27, 3.27])
    found = group({400: first[400]}, first, second)
    assert [run.where for run in found.runs] == ["log:1", "log:2"]


def test_short_logs_that_agree_are_kept_because_chance_may_do_that():
    assert len(group(*[{0: 10.8, 200: 3.3, 400: 3.277}] * 5).runs) == 5


def test_short_logs_that_agree_in_all_digits_are_one_run():
    loss = {0: 10.8, 50: 5.814070761203766}
    assert len(group(loss, dict(loss), {0: 10.8, 50: 5.814070761203767}).runs) == 2


def test_losses_of_single_precision_agree_by_chance_sooner():
    loss = {0: 10.8, 50: 3.2493603229522705}
    assert len(group(loss, dict(loss)).runs) == 2


def test_runs_of_different_lengths_are_different_recipes():
    found = group_runs([*runs({1: 3.0}, train_steps=400), *runs({1: 3.0}, {1: 3.1}, train_steps=300)])
    assert [(each.record, len(each.runs)) for each in found] == [("a/300", 2), ("a/400", 1)]
    assert all("2 different lengths" in each.notes[0] for each in found)


def test_doubts_are_told():
    mixed = [
        Run("a", "x:1", {1: 3.0, 400: 3.0}, 400, source="s", claim=Claim(400, 3.0, 2)),
        Run("a", "y:1", {1: 3.0, 200: 3.0}, 400, source="t", claim=Claim(300, 3.0, 2)),
    ]
    (found,) = group_runs(mixed)
    said = " ".join(found.notes)
    for words in ("before the end of training", "2 different sources", "disagree on the published steps: 300, 400"):
        assert words in said
    assert found.claim == Claim(None, 3.0, 2)


def test_a_level_that_only_the_fixed_sd_reaches_is_told():
    found = judge(group({400: 3.2755}, {400: 3.2785}))
    assert found.ruling.verdict == PASS
    assert any("above the 0.0013" in note for note in found.notes)
    assert any("is not reached" in note for note in found.notes)


def test_the_tail_slope_is_that_of_a_straight_line():
    means = {step: 3.5 - 1e-4 * step for step in range(0, 1001, 10)}
    assert tail_slope(means, 1000) == pytest.approx(1e-4)
    assert tail_slope(means, 5) is None
    assert tail_slope(means, None) is None


def test_a_rival_is_compared_at_its_own_step():
    ours = judge(group(*[{300: 3.278, 400: 3.27}] * 4, claim=Claim(steps=300)))
    rival = judge(group(*[{400: 3.279}] * 4, claim=Claim(steps=400)))
    found = compare(ours, rival, CURRENT)
    assert found is not None
    assert (found.steps, found.verdict) == (100, PASS)
    assert found.statistic == pytest.approx((0.001 + 0.0045) / math.sqrt(0.5))
    back = compare(rival, ours, CURRENT)
    assert back is not None
    assert back.statistic == pytest.approx(-found.statistic)
    assert compare(ours, judge(group({})), CURRENT) is None


@given(st.lists(st.lists(st.floats(3.27, 3.29), min_size=5, max_size=5), min_size=1, max_size=6))
def test_the_rule_holds_from_the_earliest_step_on_and_not_before(losses):
    by_step = {step: evidence([row[step] for row in losses], CURRENT) for step in range(5)}
    earliest = earliest_pass(by_step, CURRENT)
    holding = [step for step in range(5) if all(by_step[later].holds(CURRENT) for later in range(step, 5))]
    assert earliest == (min(holding) if holding else None)


@given(st.lists(st.floats(3.27, 3.29), min_size=1, max_size=6), st.floats(0.0, 0.01), st.floats(0.0, 0.01))
def test_a_stricter_rule_never_passes_more(losses, margin, more):
    by_step = {1: evidence(losses, CURRENT)}
    strict = earliest_pass(by_step, Rule(margin=margin + more))
    assert strict is None or earliest_pass(by_step, Rule(margin=margin)) is not None

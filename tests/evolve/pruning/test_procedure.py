from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_parts import FATAL, Landscape, batches, finished, procedure, text

from evolve.budget import Budget
from evolve.pruning.plan import FIRST_FRESH, LEVEL, Confirmation
from evolve.pruning.records import (
    FAILS,
    FATES,
    NEEDED,
    NOT_TOGETHER,
    REMOVED,
    UNCONFIRMED,
    UNDECIDED,
    UNTRIED,
    BaseFailsError,
    Result,
)

MIXED = {"good": 0.05, "vital": FATAL, "idle": 0.0, "tiny": 0.0002, "harmful": -0.01, "wrecks": 0.9}


def fates(made) -> dict[str, str]:
    return {name: each.fate for name, each in made.tested.items()}


def test_what_is_worth_nothing_goes_and_what_helps_stays():
    made = finished(Landscape(MIXED))
    assert fates(made) == {
        "good": NEEDED,
        "vital": FAILS,
        "idle": REMOVED,
        "tiny": REMOVED,
        "harmful": REMOVED,
        "wrecks": NEEDED,
    }
    assert made.source == text(["good", "vital", "wrecks"])
    assert made.tested["vital"].reason == "diverged"
    (passed,) = made.passed
    assert passed.passed
    assert passed.mean < 0
    assert min(passed.terms.rng_seeds) == FIRST_FRESH
    assert passed.terms.power >= 0.9


def test_every_part_has_a_worth_with_bounds_around_the_truth():
    held = wrong = 0
    for rng_seed in range(30):
        for name, each in finished(Landscape(MIXED, rng_seed=rng_seed)).tested.items():
            if MIXED[name] != FATAL:
                held += each.worth.low <= MIXED[name] <= each.worth.high
                wrong += not each.worth.low <= MIXED[name] <= each.worth.high
    assert held + wrong == 30 * 5
    assert wrong <= 2 * LEVEL * 150


def test_a_part_that_is_worth_more_once_the_others_are_gone_is_found_and_stays():
    worths = {f"p{i}": 0.0 for i in range(9)} | {"good": 0.05}
    made = finished(Landscape(worths, extra={frozenset({"p3", "p6"}): 0.1}))
    kept = [name for name, fate in fates(made).items() if fate == NOT_TOGETHER]
    assert len(kept) == 1
    assert kept[0] in ("p3", "p6")
    assert sum(fate == REMOVED for fate in fates(made).values()) == 8
    assert made.passed[-1].passed


def test_many_small_costs_do_not_add_up_beyond_the_margin():
    worths = {f"p{i}": 0.002 for i in range(10)}
    made = finished(Landscape(worths, sd=0.0005))
    gone = [name for name, fate in fates(made).items() if fate == REMOVED]
    assert 1 <= len(gone) <= 2
    assert all(fate in (REMOVED, NOT_TOGETHER) for fate in fates(made).values())


def test_a_group_that_does_not_pass_is_given_up_by_halves_at_half_of_the_level():
    landscape = Landscape({f"p{i}": 0.0 for i in range(8)})
    known: dict = {}
    made = procedure(landscape, known)
    for batch in made.steps():
        for (key, rng_seed), source in batch.items():
            true = landscape.result(source, rng_seed)
            worse = 0.1 if rng_seed >= FIRST_FRESH and source != landscape.whole else 0.0
            known[key, rng_seed] = Result(true.value + worse, "finished", 1.0)
    assert [len(each.terms.names) for each in made.passed] == [8, 4, 2]
    assert [each.terms.level for each in made.passed] == [LEVEL / 2, LEVEL / 4, LEVEL / 8]
    seeds = [seed for each in made.passed for seed in each.terms.rng_seeds]
    assert len(seeds) == len(set(seeds))
    assert set(fates(made).values()) == {UNCONFIRMED}
    assert made.source == landscape.whole


def test_a_failed_trial_of_the_confirmation_is_no_pass():
    landscape = Landscape({f"p{i}": 0.0 for i in range(3)})
    known: dict = {}
    made = procedure(landscape, known)
    for batch in made.steps():
        for (key, rng_seed), source in batch.items():
            fails = rng_seed == FIRST_FRESH + 1 and source != landscape.whole
            known[key, rng_seed] = Result(None, "crashed", 1.0) if fails else landscape.result(source, rng_seed)
    assert not made.passed[0].passed
    assert made.passed[0].p == 1.0


def test_a_program_that_fails_itself_is_not_pruned():
    landscape = Landscape({"a": 0.0})
    known: dict = {}
    going = procedure(landscape, known).steps()
    known.update({slot: Result(None, "crashed", 1.0) for slot in next(going)})
    with pytest.raises(BaseFailsError, match="does not finish rng_seed"):
        next(going)


@settings(max_examples=25, deadline=None)
@given(
    killed_at=st.integers(1, 120),
    rng_seed=st.integers(0, 50),
    budget=st.sampled_from([Budget(), Budget(trials=70), Budget(seconds=90)]),
)
def test_a_killed_pruning_goes_on_to_the_same_end_and_runs_no_trial_twice(killed_at, rng_seed, budget):
    worths = {**MIXED, **{f"p{i}": 0.001 * i for i in range(5)}}
    landscape = Landscape(worths, rng_seed=rng_seed)
    known: dict = {}
    told: list[Confirmation] = []
    made, count = procedure(landscape, known, budget, told=told), 0
    for batch in made.steps():
        stop = False
        for (key, rng), source in batch.items():
            known[key, rng] = landscape.result(source, rng)
            count += 1
            if count == killed_at:
                stop = True
                break
        if stop:
            break
    again = procedure(landscape, known, budget, confirmations=list(told))
    for _ in batches(landscape, again, known):
        pass
    assert len(landscape.run) == len(set(landscape.run))
    fresh = Landscape(worths, rng_seed=rng_seed)
    whole = finished(fresh, budget)
    assert again.tested == whole.tested
    assert again.passed == whole.passed
    assert set(landscape.run) == set(fresh.run)


@pytest.mark.parametrize("trials", [1, 5, 12, 30, 60, 100, 200])
def test_a_budget_is_never_exceeded_and_what_was_not_tried_is_said(trials):
    landscape = Landscape({**MIXED, **{f"p{i}": 0.0 for i in range(20)}})
    made = finished(landscape, Budget(trials=trials))
    assert len(landscape.run) <= trials
    assert set(fates(made).values()) <= set(FATES)
    if trials < 40:
        assert UNTRIED in fates(made).values() or UNDECIDED in fates(made).values()


def test_the_cheapest_evidence_comes_first():
    landscape = Landscape({**MIXED, **{f"p{i}": 0.2 for i in range(20)}})
    finished(landscape)
    trials = len(landscape.run)
    assert trials < 2 * 27 + 16 * 5 + 2 * 16 + 20

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from population.estimate import Estimate, Estimates
from population.noise import KEPT, SCALES


def family(children: int = 30, rng_seed: int = 0, founders: int = 3) -> tuple[Estimates, list[float]]:
    """A small run with known truth: strong pairing, effects of the size of the noise."""
    rng = np.random.default_rng(rng_seed)
    estimates, truth, shared = Estimates(), [], []
    for program in range(founders + children):
        if program < founders:
            parent = None
            truth.append(3.0 + 0.02 * rng.standard_normal())
            shared.append(0.01 * rng.standard_normal(8))
        else:
            parent = int(rng.integers(program))
            truth.append(truth[parent] + 0.01 * rng.exponential() - 0.004)
            shared.append(0.95 * shared[parent] + math.sqrt(1 - 0.95**2) * 0.01 * rng.standard_normal(8))
        estimates.add_program(program, parent, "seed" if parent is None else "perturb")
        for rng_seed in range(4 if parent is None else 2):
            noise = shared[program][rng_seed] + 0.002 * rng.standard_normal()
            estimates.add_trial(program, rng_seed, truth[program] + float(noise))
    return estimates, truth


def test_noise_and_pairing_are_found_from_the_run_itself() -> None:
    estimates, _ = family(children=400, founders=12)
    noise = estimates.noise()
    loud = noise.sd * math.sqrt(noise.scales @ SCALES**2)
    assert loud == pytest.approx(math.hypot(0.01, 0.002), rel=0.35)
    assert noise.pairing == pytest.approx(0.95 * 0.96, abs=0.08)
    assert noise.outliers < 0.01


def test_first_guess_of_the_noise_washes_out() -> None:
    for base in (0.01, 100.0):
        rng, estimates = np.random.default_rng(0), Estimates()
        for program in range(40):
            estimates.add_program(program, None, "seed")
            for rng_seed in range(3):
                estimates.add_trial(program, rng_seed, base + 0.01 * float(rng.standard_normal()))
        noise = estimates.noise()
        assert noise.sd * math.sqrt(noise.scales @ SCALES**2) == pytest.approx(0.01, rel=0.25)


def test_untested_child_is_predicted_and_less_certain() -> None:
    estimates, _ = family()
    estimates.add_program(99, 3, "perturb")
    child, parent = estimates.estimate(99), estimates.estimate(3)
    assert child.n == 0
    assert child.sd > parent.sd
    assert child.mean == pytest.approx(parent.mean + estimates.effect("perturb").mean())


def test_a_parents_trial_revises_its_children() -> None:
    estimates = Estimates()
    estimates.add_program(1, None, "seed")
    estimates.add_program(2, 1, "perturb")
    for rng_seed in range(3):
        estimates.add_trial(1, rng_seed, 3.0 + 0.001 * rng_seed)
    before = estimates.estimate(2)
    for rng_seed in range(3, 8):
        estimates.add_trial(1, rng_seed, 3.02 + 0.001 * rng_seed)
    after = estimates.estimate(2)
    assert after.mean > before.mean + 0.005


def test_one_lucky_trial_is_not_believed() -> None:
    estimates, truth = family(children=200)
    best = min(range(len(truth)), key=lambda p: estimates.estimate(p).mean)
    lucky = estimates.estimate(best).mean - 0.05
    estimates.add_program(999, best, "perturb")
    estimates.add_trial(999, 0, lucky)
    found = estimates.estimate(999)
    assert found.mean > lucky + 0.01
    assert found.sd > estimates.estimate(best).sd


def test_difference_to_a_relative_is_sharper_than_to_a_stranger() -> None:
    estimates, truth = family(children=100)
    child = 102
    known = estimates.difference(child, 0)
    pairs = []
    for program in range(3, 103):
        relative = estimates.difference(program, _parent_of(estimates, program))
        apart = math.hypot(estimates.estimate(program).sd, estimates.estimate(_parent_of(estimates, program)).sd)
        pairs.append(relative.sd / apart)
    assert float(np.median(pairs)) < 0.5
    assert known.low < truth[child] - truth[0] < known.high


def _parent_of(estimates: Estimates, program: int) -> int:
    parent = estimates._programs[program].parent
    assert parent is not None
    return parent.id


def test_difference_is_antisymmetric_between_parent_and_child_and_zero_with_itself() -> None:
    estimates, _ = family()
    parent = _parent_of(estimates, 30)
    there, back = estimates.difference(30, parent), estimates.difference(parent, 30)
    assert there.mean == pytest.approx(-back.mean)
    assert there.sd == pytest.approx(back.sd)
    assert there.n == back.n == 2
    assert estimates.difference(4, 4) == Estimate(0.0, 0.0, 0.0, 0.0, 2)


@pytest.mark.parametrize("founders", [1, 2, 8])
def test_few_founders_are_no_reason_for_narrow_intervals(founders: int) -> None:
    rng = np.random.default_rng(founders)
    covered = []
    for _ in range(120 // founders):
        truth = 3.0 + 0.05 * rng.standard_normal(founders)
        estimates = Estimates()
        for program in range(founders):
            estimates.add_program(program, None, "seed")
        for rng_seed in range(4):
            for program in range(founders):
                estimates.add_trial(program, rng_seed, truth[program] + 0.01 * rng.standard_normal())
        found = [estimates.estimate(program) for program in range(founders)]
        covered += [at.low < value < at.high for at, value in zip(found, truth, strict=True)]
    assert np.mean(covered) > 0.91


def test_siblings_compare_through_their_parent() -> None:
    estimates = Estimates()
    estimates.add_program(0, None, "seed")
    for rng_seed in range(4):
        estimates.add_trial(0, rng_seed, 3.0 + 0.02 * (-1) ** rng_seed)
    for child, gain in ((1, 0.0), (2, -0.004)):
        estimates.add_program(child, 0, "perturb")
        for rng_seed in range(2):
            estimates.add_trial(child, rng_seed, 3.0 + 0.02 * (-1) ** rng_seed + gain)
    gap = estimates.difference(2, 1)
    # Two rng_seeds cannot show how well they pair, and most changes do little: far less is believed than is seen.
    assert -0.0045 < gap.mean < -0.0005
    assert gap.sd < 0.7 * math.hypot(estimates.estimate(1).sd, estimates.estimate(2).sd)


def test_strangers_differ_by_their_own_estimates() -> None:
    estimates, _ = family()
    a, b = estimates.estimate(0), estimates.estimate(1)
    gap = estimates.difference(0, 1)
    assert gap.mean == pytest.approx(a.mean - b.mean)
    assert gap.sd == pytest.approx(math.hypot(a.sd, b.sd))


def test_stale_names_what_changed_once() -> None:
    estimates = Estimates()
    estimates.add_program(1, None, "seed")
    estimates.add_program(2, 1, "perturb")
    estimates.add_program(3, 2, "perturb")
    assert estimates.stale() == (1, 2, 3)
    assert estimates.stale() == ()
    estimates.add_trial(2, 0, 3.0)
    estimates.add_trial(2, 1, 3.0)
    assert set(estimates.stale()) == {2, 3}
    estimates.add_trial(1, 0, 3.0)
    estimates.estimate(3)
    estimates.add_program(4, 3, "perturb")
    estimates.add_trial(1, 1, 3.0)
    assert set(estimates.stale()) == {1, 2, 3, 4}


actions = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4), st.floats(2.9, 3.1)), min_size=4, max_size=40)


@settings(max_examples=15, deadline=None)
@given(actions, st.integers(0, 2**16))
def test_estimates_depend_on_what_was_added_alone(trials: list[tuple[int, int, float]], rng_seed: int) -> None:
    """Resume replays rows without asking: every number must come out bitwise the same."""
    curious, quiet = Estimates(), Estimates()
    rng = random.Random(rng_seed)
    for program in range(10):
        for estimates in (curious, quiet):
            estimates.add_program(program, None if program < 2 else program // 2, "ab"[program % 2])
    for program, rng_seed, value in trials:
        curious.add_trial(program, rng_seed, value)
        quiet.add_trial(program, rng_seed, value)
        match rng.randrange(4):
            case 0:
                curious.estimate(rng.randrange(10))
            case 1:
                curious.difference(rng.randrange(10), rng.randrange(10))
            case 2:
                curious.stale()
    for program in range(10):
        assert curious.estimate(program) == quiet.estimate(program)
        assert curious.replicate_reduction(program) == quiet.replicate_reduction(program)
    assert curious.difference(9, 5) == quiet.difference(9, 5)


def test_forgotten_states_are_computed_again_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    roomy, _ = family(children=60)
    monkeypatch.setattr("population.estimate.CACHED_STATES", 2)
    tight, _ = family(children=60)
    assert [roomy.estimate(p) for p in range(63)] == [tight.estimate(p) for p in range(63)]


def test_a_long_lineage_is_no_recursion() -> None:
    estimates = Estimates()
    for program in range(1200):
        estimates.add_program(program, program - 1 if program else None, "perturb")
    estimates.add_trial(0, 0, 3.0)
    assert estimates.estimate(1199).n == 0


def test_repeats_of_an_rng_seed_are_one_observation() -> None:
    once, twice = Estimates(), Estimates()
    for estimates in (once, twice):
        estimates.add_program(1, None, "seed")
        estimates.add_trial(1, 0, 3.0)
    twice.add_trial(1, 0, 3.0)
    assert once.estimate(1) == twice.estimate(1)
    assert twice.estimate(1).n == 1


def test_another_rng_seed_promises_more_where_less_is_known() -> None:
    estimates, _ = family()
    for rng_seed in range(4, 8):
        estimates.add_trial(0, rng_seed, estimates.estimate(0).mean)
    assert estimates.replicate_reduction(20) > estimates.replicate_reduction(0) > 0
    assert estimates.replicate_reduction(20) < estimates.estimate(20).sd


def test_bad_input_is_named() -> None:
    estimates = Estimates()
    estimates.add_program(1, None, "seed")
    with pytest.raises(ValueError, match="no finished trial"):
        estimates.estimate(1)
    with pytest.raises(ValueError, match="added before"):
        estimates.add_program(1, None, "seed")
    with pytest.raises(ValueError, match="parents before children"):
        estimates.add_program(3, 2, "perturb")
    with pytest.raises(ValueError, match="program 7 is unknown"):
        estimates.add_trial(7, 0, 1.0)
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match="finite"):
            estimates.add_trial(1, 0, value)


def test_grids_are_grids() -> None:
    assert sorted(SCALES) == list(SCALES)
    assert KEPT.min() == 0.0
    assert KEPT.max() < 1.0


def test_whether_one_is_better_is_the_sign_of_the_difference() -> None:
    estimates, _ = family(children=20)
    for a in range(23):
        for b in range(23):
            assert estimates.is_better(a, b) == (estimates.difference(a, b).mean < 0.0)

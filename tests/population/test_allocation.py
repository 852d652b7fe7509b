import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from population.allocation import (
    CHECKED,
    LEADERS,
    LEADERS_CHECKED,
    MAX_REPLICATES,
    Candidate,
    birth_gain,
    choose,
    replicate_gains,
)
from population.mixture import Mixture


def candidate(program: int, mean: float, reduction: float, n: int = CHECKED) -> Candidate:
    return Candidate(program, mean, reduction, n)


def test_gain_of_a_replicate_matches_sampling() -> None:
    means, reductions = np.array([1.0, 1.3, 2.0]), np.array([0.4, 0.5, 0.1])
    programs = [candidate(i, m, r) for i, (m, r) in enumerate(zip(means, reductions, strict=True))]
    rng = np.random.default_rng(0)
    for i, gain in enumerate(replicate_gains(programs)):
        moved = np.tile(means, (100_000, 1))
        moved[:, i] += reductions[i] * rng.standard_normal(100_000)
        assert gain == pytest.approx(1.0 - moved.min(axis=1).mean(), abs=0.004)


def test_close_rivals_are_replicated_and_settled_ones_are_not() -> None:
    close = [candidate(1, 1.00, 0.3), candidate(2, 1.01, 0.3)]
    settled = [candidate(1, 1.00, 0.01), candidate(2, 2.0, 0.01)]
    assert choose(close, birth_gain=0.01, replicated=0.0) in (1, 2)
    assert choose(settled, birth_gain=0.01, replicated=0.0) is None


def test_an_unchecked_incumbent_comes_first() -> None:
    programs = [candidate(5, 1.0, 0.0, n=CHECKED - 1), candidate(6, 9.0, 0.0)]
    assert choose(programs, birth_gain=100.0, replicated=0.0) == 5


def test_the_best_few_are_checked_next_and_nobody_else() -> None:
    few = LEADERS_CHECKED - 1
    programs = [candidate(id, 1.0 + id, 0.0, n=few if id in (3, LEADERS) else CHECKED) for id in range(LEADERS + 1)]
    assert choose(programs, birth_gain=100.0, replicated=0.0) == 3
    checked = [candidate(each.program, each.mean, 0.0, n=CHECKED) if each.program == 3 else each for each in programs]
    assert choose(checked, birth_gain=100.0, replicated=0.0) is None


def test_replicates_are_capped() -> None:
    programs = [candidate(1, 1.0, 5.0, n=1), candidate(2, 1.0, 5.0)]
    assert choose(programs, birth_gain=0.0, replicated=MAX_REPLICATES) is None


def test_nothing_to_replicate_means_a_birth() -> None:
    assert choose([], birth_gain=0.0, replicated=0.0) is None
    assert choose([candidate(1, 1.0, 5.0)], birth_gain=0.0, replicated=0.0) is None


@given(st.permutations(range(5)))
def test_the_order_of_candidates_does_not_matter(order: list[int]) -> None:
    programs = [candidate(i, [1.0, 1.0, 1.2, 1.5, 1.2][i], 0.3) for i in range(5)]
    assert choose([programs[i] for i in order], 0.0, 0.0) == choose(programs, 0.0, 0.0)


def test_gain_of_a_birth_matches_sampling() -> None:
    effect = Mixture(np.array([0.6, 0.4]), np.array([1.0, -0.2]), np.array([0.5, 0.3]) ** 2)
    rng = np.random.default_rng(0)
    better = rng.random(400_000) < 0.4
    draws = np.where(better, -0.2 + 0.3 * rng.standard_normal(400_000), 1.0 + 0.5 * rng.standard_normal(400_000))
    noiseless = birth_gain(incumbent=2.0, parent=2.1, effect=effect, noise_sd=0.0)
    assert noiseless == pytest.approx(np.maximum(2.0 - 2.1 - draws, 0.0).mean(), rel=0.02)
    assert birth_gain(2.0, 2.1, effect, noise_sd=0.5) < noiseless
    assert birth_gain(2.0, 2.1, effect, noise_sd=0.5, trials=3) < 3 * birth_gain(2.0, 2.1, effect, noise_sd=0.5)
    assert birth_gain(2.0, 5.0, effect, noise_sd=0.0) < 1e-6


def test_a_birth_costs_a_trial() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        birth_gain(1.0, 1.0, Mixture(np.ones(1), np.zeros(1), np.ones(1)), 0.1, trials=0)

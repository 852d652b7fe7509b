import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from population.mixture import Mixture, normal_cdf, normal_gain


def test_interval_of_one_normal_is_the_textbook_one() -> None:
    low, high = Mixture(np.ones(1), np.array([2.0]), np.array([9.0])).interval()
    assert low == pytest.approx(2.0 - 1.959964 * 3.0, abs=0.01)
    assert high == pytest.approx(2.0 + 1.959964 * 3.0, abs=0.01)


def test_interval_of_a_point_is_the_point() -> None:
    assert Mixture(np.ones(1), np.array([2.0]), np.zeros(1)).interval() == (2.0, 2.0)


@given(st.lists(st.tuples(st.floats(0.05, 1.0), st.floats(-5.0, 5.0), st.floats(0.01, 4.0)), min_size=1, max_size=40))
def test_interval_holds_its_mass(parts: list[tuple[float, float, float]]) -> None:
    weights, means, sds = (np.array(column) for column in zip(*parts, strict=True))
    mixture = Mixture(weights / weights.sum(), means, sds**2)
    slack = 0.005 * math.sqrt(mixture.variance())

    def below(x: float) -> float:
        return sum(w * normal_cdf((x - m) / s) for w, m, s in zip(mixture.weights, means, sds, strict=True))

    for end, mass in zip(mixture.interval(), (0.025, 0.975), strict=True):
        assert below(end - slack) <= mass + 1e-6
        assert below(end + slack) >= mass - 1e-6


def test_interval_of_many_components_is_close() -> None:
    rng = np.random.default_rng(0)
    weights, means, sds = rng.exponential(size=900), rng.normal(0, 2, 900), rng.uniform(0.1, 3, 900)
    mixture = Mixture(weights / weights.sum(), means, sds**2)
    for end, mass in zip(mixture.interval(), (0.025, 0.975), strict=True):
        share = sum(w * normal_cdf((end - m) / s) for w, m, s in zip(mixture.weights, means, sds, strict=True))
        assert share == pytest.approx(mass, abs=0.005)


def test_moments_and_gain_match_sampling() -> None:
    mixture = Mixture(np.array([0.7, 0.3]), np.array([0.0, 3.0]), np.array([1.0, 4.0]))
    rng = np.random.default_rng(0)
    second = rng.random(200_000) < 0.3
    draws = np.where(second, 3.0 + 2.0 * rng.standard_normal(200_000), rng.standard_normal(200_000))
    assert mixture.mean() == pytest.approx(draws.mean(), abs=0.02)
    assert mixture.variance() == pytest.approx(draws.var(), rel=0.02)
    assert mixture.gain(0.5) == pytest.approx(np.maximum(0.5 - draws, 0.0).mean(), abs=0.01)


@given(st.floats(-50, 50), st.floats(0, 10))
def test_gain_is_between_its_bounds(mean: float, sd: float) -> None:
    gain = normal_gain(mean, sd)
    assert max(mean, 0.0) - 1e-9 <= gain <= max(mean, 0.0) + sd / math.sqrt(2 * math.pi) + 1e-9

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


@given(st.lists(st.tuples(st.floats(0.05, 1.0), st.floats(-5.0, 5.0), st.floats(0.01, 4.0)), min_size=1, max_size=80))
def test_interval_holds_its_mass(parts: list[tuple[float, float, float]]) -> None:
    weights, means, sds = (np.array(column) for column in zip(*parts, strict=True))
    mixture = Mixture(weights / weights.sum(), means, sds**2)
    low, high = mixture.interval()
    below = sum(w * normal_cdf((low - m) / s) for w, m, s in zip(mixture.weights, means, sds, strict=True))
    above = sum(w * normal_cdf((m - high) / s) for w, m, s in zip(mixture.weights, means, sds, strict=True))
    # Above 49 components the lightest are merged, which moves a tail's mass a little.
    assert below == pytest.approx(0.025, abs=0.004)
    assert above == pytest.approx(0.025, abs=0.004)


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

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from population.verdict import NOT_SHOWN, SHOWN, compare, holm, t_cdf, t_quantile, verdict

# Student's t from printed tables (two-sided 5 % and one-sided 0.5 % points).
TABLE = [(1, 0.975, 12.706), (2, 0.975, 4.303), (5, 0.975, 2.571), (7, 0.975, 2.365), (30, 0.975, 2.042)]
TABLE += [(7, 0.995, 3.499), (10, 0.995, 3.169), (120, 0.995, 2.617)]


@pytest.mark.parametrize(("df", "probability", "t"), TABLE)
def test_t_against_tables(df: int, probability: float, t: float) -> None:
    assert t_cdf(t, df) == pytest.approx(probability, abs=2e-5)
    assert t_quantile(probability, df) == pytest.approx(t, abs=6e-4)


def test_t_with_one_and_two_degrees_has_closed_forms() -> None:
    for t in (-30.0, -2.0, -0.1, 0.0, 0.7, 5.0):
        assert t_cdf(t, 1) == pytest.approx(0.5 + math.atan(t) / math.pi, abs=1e-12)
        assert t_cdf(t, 2) == pytest.approx(0.5 + t / (2 * math.sqrt(2 + t * t)), abs=1e-12)


def test_t_with_many_degrees_is_normal() -> None:
    assert t_quantile(0.975, math.inf) == pytest.approx(1.9599639845, abs=1e-9)
    assert t_cdf(1.0, 1e7) == pytest.approx(t_cdf(1.0, math.inf), abs=1e-6)


@given(st.floats(0.001, 0.999), st.floats(0.6, 500))
def test_quantile_inverts_the_cdf(probability: float, df: float) -> None:
    assert t_cdf(t_quantile(probability, df), df) == pytest.approx(probability, abs=1e-9)


def test_comparison_is_the_paired_t_test() -> None:
    candidate = [3.01, 2.98, 3.05, 3.00]
    reference = [3.03, 3.01, 3.06, 3.04]
    found = compare(candidate, reference)
    gaps = np.array(candidate) - np.array(reference)
    error = gaps.std(ddof=1) / 2
    assert found.mean == pytest.approx(gaps.mean())
    assert found.p == pytest.approx(t_cdf(gaps.mean() / error, 3))
    assert found.high is not None
    assert found.high == pytest.approx(gaps.mean() + 3.18245 * error, rel=1e-4)


def test_pairing_shows_what_means_alone_hide() -> None:
    noise = np.array([0.5, -0.4, 0.1, 0.9, -0.8, 0.0, 0.3, -0.6])
    jitter = 0.002 * np.array([1, -1, 1, 1, -1, -1, 1, -1])
    assert compare(list(noise - 0.01 + jitter), list(noise)).p < 1e-4


def test_a_failed_run_makes_the_verdict_not_shown() -> None:
    found = compare([1.0, None, 1.01, 0.99], [2.0, 2.01, 1.99, 2.0])
    assert found.p == 1.0
    assert found.finished == 3
    assert found.mean == pytest.approx(-0.9967, abs=1e-3)
    assert verdict(found, 0.0) == NOT_SHOWN


def test_verdict_needs_the_adjusted_p_below_the_level() -> None:
    found = compare([1.0, 1.1, 1.05], [2.0, 2.08, 2.06])
    assert verdict(found, 0.009) == SHOWN
    assert verdict(found, 0.011) == NOT_SHOWN


def test_worse_and_equal_are_never_shown() -> None:
    assert compare([2.0, 2.1, 2.2], [1.0, 1.2, 1.1]).p > 0.99
    assert compare([1.0, 1.0], [1.0, 1.0]).p == 1.0


@settings(max_examples=5)
@given(st.integers(0, 2**32))
def test_p_values_are_uniform_under_no_difference(rng_seed: int) -> None:
    rng = np.random.default_rng(rng_seed)
    p = [compare(list(rng.standard_normal(4)), list(rng.standard_normal(4))).p for _ in range(50)]
    assert sum(each < 0.1 for each in p) <= 20


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert holm([]) == ()
    assert holm([0.6, 0.7]) == (1.0, 1.0)


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_never_lowers_and_keeps_the_order(p: list[float]) -> None:
    adjusted = holm(p)
    assert all(a >= b or a == 1.0 for a, b in zip(adjusted, p, strict=True))
    order = sorted(range(len(p)), key=lambda i: p[i])
    assert [adjusted[i] for i in order] == sorted(adjusted)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="pair by rng_seed"):
        compare([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="at least 2"):
        compare([1.0], [1.0])
    with pytest.raises(ValueError, match="outside"):
        holm([1.5])
    with pytest.raises(ValueError, match="strictly between"):
        t_quantile(1.0, 3)
    with pytest.raises(ValueError, match="positive"):
        t_cdf(0.0, 0)

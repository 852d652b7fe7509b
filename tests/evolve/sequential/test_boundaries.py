from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.sequential.boundaries import EstimatedSd, FixedSd, critical_values
from evolve.sequential.spending import SPENDING
from population.verdict import t_quantile

CHAINS = {"fixed": FixedSd(), "estimated": EstimatedSd()}
LOOKS = (4, 8, 12)


def spent(level: float, name: str = "quadratic", looks=LOOKS) -> list[float]:
    return [SPENDING[name](look / looks[-1], level) for look in looks]


@pytest.mark.parametrize("name", SPENDING)
@given(level=st.floats(1e-4, 0.1), a=st.floats(0, 1), b=st.floats(0, 1))
def test_spending_grows_from_nothing_to_the_level(name, level, a, b):
    spend = SPENDING[name]
    assert spend(0.0, level) == 0.0
    assert spend(1.0, level) == pytest.approx(level)
    assert spend(min(a, b), level) <= spend(max(a, b), level) + 1e-12


def test_one_look_is_the_plain_test():
    (z,) = critical_values(FixedSd(), (10,), (0.001,))
    (t,) = critical_values(EstimatedSd(), (10,), (0.001,))
    assert z == pytest.approx(NormalDist().inv_cdf(0.999), abs=1e-5)
    assert t == pytest.approx(t_quantile(0.999, 9), rel=1e-5)


def test_published_values_of_pocock_and_of_obrien_and_fleming():
    # equal looks, one-sided 0.025: Jennison & Turnbull 2000, tables 2.1 and 2.3 (two-sided 0.05)
    for constant, shape in ((2.289, lambda k: 1.0), (2.004, lambda k: math.sqrt(3 / k))):
        values = [constant * shape(k) for k in (1, 2, 3)]
        rng = np.random.default_rng(0)
        z = np.cumsum(rng.standard_normal((3, 400_000)), axis=0) / np.sqrt([[1], [2], [3]])
        by_look = [float((z[: k + 1] >= np.array(values)[: k + 1, None]).any(axis=0).mean()) for k in range(3)]
        found = critical_values(FixedSd(), (10, 20, 30), by_look)
        assert found == pytest.approx(values, abs=0.02)


@pytest.mark.parametrize("kind", CHAINS)
def test_as_much_is_spent_as_was_meant(kind):
    levels = spent(0.05, "pocock")
    critical = critical_values(CHAINS[kind], LOOKS, levels)
    x = np.random.default_rng(1).standard_normal((LOOKS[-1], 400_000))
    crossed = np.zeros(x.shape[1], bool)
    for look, value, level in zip(LOOKS, critical, levels, strict=True):
        sd = x[:look].std(axis=0, ddof=1) if kind == "estimated" else 1.0
        crossed |= x[:look].mean(axis=0) * math.sqrt(look) >= value * sd
        assert crossed.mean() == pytest.approx(level, abs=4 * math.sqrt(level / x.shape[1]))


def test_estimated_sds_ask_for_more_than_a_fixed_one():
    fixed, estimated = (critical_values(chain, LOOKS, spent(0.001)) for chain in CHAINS.values())
    assert all(t > z for z, t in zip(fixed, estimated, strict=True))
    assert list(fixed) == sorted(fixed, reverse=True)


@pytest.mark.parametrize(
    ("looks", "levels"), [((), ()), ((1, 2), (0.1, 0.2)), ((4, 4), (0.1, 0.2)), ((4,), (0.1, 0.2))]
)
def test_looks_that_cannot_be_are_refused(looks, levels):
    with pytest.raises(ValueError, match="must"):
        critical_values(FixedSd(), looks, levels)
    with pytest.raises(ValueError, match="must"):
        critical_values(FixedSd(), (4, 8), (0.2, 0.1))

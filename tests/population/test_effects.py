import numpy as np
import pytest

from population.effects import CENTRES, PRIOR, SPREADS, by_operator, effect


def likelihoods(effects: np.ndarray, error: float) -> np.ndarray:
    """Density of measured effects (in noise sds) under each component."""
    variance = SPREADS**2 + error**2
    return np.exp(-0.5 * (effects[:, None] - CENTRES) ** 2 / variance) / np.sqrt(variance)


def test_the_prior_is_a_distribution_skewed_to_worse() -> None:
    assert PRIOR.sum() == pytest.approx(1.0)
    assert PRIOR.min() > 0
    assert effect(PRIOR, 1.0).mean() > 0


def test_fit_recovers_a_skewed_heavy_tailed_distribution() -> None:
    rng = np.random.default_rng(0)
    truth = np.where(rng.random(3000) < 0.3, -0.5 * rng.gamma(2.0, size=3000), rng.lognormal(0.5, 1.0, 3000))
    seen = truth + 0.5 * rng.standard_normal(3000)
    found = effect(by_operator(likelihoods(seen, 0.5), ["a"] * 3000)["a"], 1.0)
    assert found.mean() == pytest.approx(truth.mean(), abs=0.15)
    for level in (-1.0, 0.0, 2.0):
        assert found.gain(level) == pytest.approx(np.maximum(level - truth, 0).mean(), rel=0.2)


def test_operators_differ_and_rare_ones_lean_on_the_pool() -> None:
    rng = np.random.default_rng(1)
    seen = np.concatenate([rng.standard_normal(400) * 0.1, 8.0 + rng.standard_normal(400), [8.0]])
    weights = by_operator(likelihoods(seen, 0.3), ["mild"] * 400 + ["harsh"] * 400 + ["rare"])
    mild, harsh, rare, pooled = (effect(weights[name], 1.0).mean() for name in ("mild", "harsh", "rare", ""))
    assert mild < 1.0 < 6.0 < harsh
    assert abs(rare - pooled) < 0.15 * (harsh - mild)


def test_scale_follows_the_unit() -> None:
    one, ten = effect(PRIOR, 1.0), effect(PRIOR, 10.0)
    assert ten.mean() == pytest.approx(10 * one.mean())
    assert ten.variance() == pytest.approx(100 * one.variance())

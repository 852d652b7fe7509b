import itertools
import math

import numpy as np
import pytest

from population.effects import PRIOR, effect
from population.kinship import MAX_SUSPECTS, Posterior, State, origin
from population.mixture import Mixture
from population.noise import KEPT, OUTLIER_SD, SCALES, guess

NOISE = guess(3.0)
FLAT = Mixture(np.ones(1), np.zeros(1), np.ones(1))


def parent_state(rng_seeds: tuple[int, ...] = (0, 1, 2)) -> State:
    values = 3.0 + 0.01 * np.array([0.3, -1.2, 0.8, 0.1])[: len(rng_seeds)]
    return Posterior(origin(3.0, 0.0, NOISE), FLAT, NOISE, rng_seeds, values).state()


def enumerated(parent: State, prior: Mixture, rng_seeds: tuple[int, ...], values: np.ndarray) -> Mixture:
    """The same posterior by brute force: every combination of classes, one dense Gaussian each."""
    seeds = parent.rng_seeds + tuple(s for s in rng_seeds if s not in parent.rng_seeds)
    d, n = len(seeds), len(rng_seeds)
    see = np.zeros((n, 1 + d))
    see[:, 0] = 1.0
    for t, seed in enumerate(rng_seeds):
        see[t, 1 + seeds.index(seed)] = 1.0
    scale_prior = NOISE.inherited * parent.scale + (1 - NOISE.inherited) * NOISE.scales
    weights, means, variances = [], [], []
    hypotheses = itertools.product(range(len(SCALES)), range(len(KEPT)), range(n + 1), range(len(prior.weights)))
    for j, k, h, m in hypotheses:
        var = (NOISE.sd * SCALES[j]) ** 2
        same, drawn = NOISE.inherited * parent.scale[j], (1 - NOISE.inherited) * NOISE.scales[j]
        usual = math.exp(sum(p * math.log(scale) for p, scale in zip(parent.scale, SCALES, strict=True)))
        louder = (same + drawn * SCALES[j] / usual) / (same + drawn)
        move = np.diag([1.0] + [KEPT[k] * louder] * len(parent.rng_seeds))
        mean, cov = np.zeros(1 + d), np.zeros((1 + d, 1 + d))
        old = 1 + len(parent.rng_seeds)
        mean[:old] = move @ parent.mean
        cov[:old, :old] = move @ parent.cov @ move
        cov[range(1, old), range(1, old)] += (1 - KEPT[k] ** 2) * var * (1 - NOISE.own)
        cov[range(old, 1 + d), range(old, 1 + d)] += var * (1 - NOISE.own)
        mean[0] += prior.means[m]
        cov[0, 0] += prior.variances[m]
        trial = np.full(n, var * NOISE.own)
        if h:
            trial[h - 1] += var * OUTLIER_SD**2
        total = see @ cov @ see.T + np.diag(trial)
        gap = values - see @ mean
        gain = cov @ see.T @ np.linalg.inv(total)
        density = math.exp(-0.5 * gap @ np.linalg.inv(total) @ gap) / math.sqrt(np.linalg.det(2 * math.pi * total))
        chance = NOISE.outliers if h else 1 - n * NOISE.outliers
        weights.append(scale_prior[j] * NOISE.kept[k] * chance * prior.weights[m] * density)
        means.append((mean + gain @ gap)[0])
        variances.append((cov - gain @ see @ cov)[0, 0])
    total_weight = sum(weights)
    return Mixture(np.array(weights) / total_weight, np.array(means), np.array(variances))


@pytest.mark.parametrize("rng_seeds", [(0,), (0, 1), (1, 5), (7, 8, 0)])
def test_posterior_equals_brute_force(rng_seeds: tuple[int, ...]) -> None:
    values = 3.01 + 0.008 * np.array([1.0, -0.5, 4.0])[: len(rng_seeds)]
    prior = effect(PRIOR, NOISE.sd)
    parent = parent_state()
    found = Posterior(parent, prior, NOISE, rng_seeds, values).value()
    slow = enumerated(parent, prior, rng_seeds, values)
    assert found.mean() == pytest.approx(slow.mean(), abs=1e-9)
    assert found.variance() == pytest.approx(slow.variance(), rel=1e-6)
    assert found.interval() == pytest.approx(slow.interval(), abs=1e-4 * NOISE.sd)


def test_state_has_the_moments_of_the_posterior() -> None:
    posterior = Posterior(parent_state(), effect(PRIOR, NOISE.sd), NOISE, (0, 1), np.array([3.02, 3.0]))
    state = posterior.state()
    assert state.mean[0] == pytest.approx(posterior.value().mean(), abs=0.01 * NOISE.sd)
    assert state.cov[0, 0] == pytest.approx(posterior.value().variance(), rel=0.02)
    assert np.linalg.eigvalsh(state.cov).min() > -1e-12
    assert state.scale.sum() == pytest.approx(1.0)


def test_untested_child_is_its_parent_plus_the_effect() -> None:
    parent, prior = parent_state(), effect(PRIOR, NOISE.sd)
    value = Posterior(parent, prior, NOISE, (), np.array([])).value()
    assert value.mean() == pytest.approx(parent.mean[0] + prior.mean())
    assert value.variance() == pytest.approx(parent.cov[0, 0] + prior.variance())


def test_one_wild_trial_among_many_counts_little() -> None:
    calm = 3.0 + 0.01 * np.linspace(-1, 1, MAX_SUSPECTS + 2)
    wild = calm.copy()
    wild[3] += 0.08
    seeds = tuple(range(len(calm)))
    without = Posterior(origin(3.0, 0.0, NOISE), FLAT, NOISE, seeds, calm)
    found = Posterior(origin(3.0, 0.0, NOISE), FLAT, NOISE, seeds, wild)
    assert found.outliers() > 0.9 > 0.1 > without.outliers()
    assert abs(found.value().mean() - without.value().mean()) < 0.3 * (wild.mean() - calm.mean())


def test_louder_trials_make_a_louder_program_with_a_wider_interval() -> None:
    base = np.array([-1.0, 0.3, 1.1, -0.4]) * NOISE.sd
    soft, loud = (
        Posterior(origin(3.0, 0.0, NOISE), FLAT, NOISE, (0, 1, 2, 3), 3.0 + factor * base) for factor in (0.5, 2.0)
    )
    assert loud.loudness() > 1.5 * soft.loudness()
    assert loud.value().variance() > 2.0 * soft.value().variance()

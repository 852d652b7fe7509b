"""One program's posterior from its parent's: exact Gaussian algebra given a few discrete classes.

State of a program: its value `mu` and its shared rng_seed effects `e[s]` for every rng_seed run by it
or an ancestor. A child is its parent plus one effect `delta` of its operator, with
`e_child = kept * e_parent + fresh`. Given how loud the child is, how much it keeps and which trial (if
any) is an outlier, all is Gaussian except `delta`, which is a scalar: its mixture prior is handled
exactly in one dimension. What goes down to the next generation is the Gaussian with the mixture's mean
and covariance (Blom and Bar-Shalom 1988 <https://doi.org/10.1109/9.1299> call this generalised
pseudo-Bayes of order one).

Cost per program: one (n, n) inverse per class, n its trials; never a matrix over programs. This module
must not know ids, operators' names or when anything is computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt

from population.mixture import Floats, Mixture
from population.noise import KEPT, OUTLIER_SD, SCALES, Noise

MAX_SUSPECTS = 6
"""How many of a program's trials, those farthest from its median, are suspected of being the outlier."""

_SCALE_OF = np.repeat(np.arange(len(SCALES)), len(KEPT))
_SCALES = SCALES[_SCALE_OF]
_KEPT = np.tile(KEPT, len(SCALES))
_CLASSES = len(_KEPT)


@dataclass(frozen=True, eq=False)
class State:
    """Posterior of a program, as its children need it.

    Attributes:
        rng_seeds: The d rng_seeds whose effects are tracked.
        mean: Shape (1 + d + x,): value, rng_seed effects, then x passengers that stay as they are while
            the program moves on to its child (an ancestor's state, to compare with).
        cov: Shape (1 + d + x, 1 + d + x).
        scale: Shape (5,): probability of each of `SCALES`.
    """

    rng_seeds: tuple[int, ...]
    mean: Floats
    cov: Floats
    scale: Floats


def origin(value: float, sd: float, noise: Noise) -> State:
    """What seed programs descend from: a value known up to an sd, and no rng_seed effects."""
    return State((), np.array([value]), np.array([[sd**2]]), noise.scales)


class Posterior:
    """A program's posterior given its parent's state, its operator's effect and its own trials.

    A class is a pair of a noise scale and a share kept; a hypothesis is a class and an outlier, or none.

    Attributes:
        n: Its rng_seeds.
        rng_seeds: Those of its state: its own and its ancestors'.
        size: Length of its state, passengers included.
        effect_likelihood: Shape (k,): likelihood of its trials given each component of the effect, up to a factor.
        class_likelihood: Shape (5, 4): the same given each noise scale and share kept.
        parent_scale: Shape (5,): probability of each of `SCALES` for its parent.

    Args:
        parent: The parent's state.
        effect: Prior of the child's value minus the parent's.
        noise: Noise parameters.
        rng_seeds: The child's n distinct rng_seeds.
        values: Shape (n,): its values on them.
    """

    def __init__(
        self, parent: State, effect: Mixture, noise: Noise, rng_seeds: tuple[int, ...], values: Floats
    ) -> None:
        new = tuple(seed for seed in rng_seeds if seed not in parent.rng_seeds)
        self.n = len(rng_seeds)
        self.rng_seeds = parent.rng_seeds + new
        self.parent_scale = parent.scale
        self._start, self._cov = _extended(parent, len(new))
        self.size = len(self._start)
        self._index = np.array([1 + self.rng_seeds.index(seed) for seed in rng_seeds], dtype=np.intp)
        self._old = len(parent.rng_seeds)
        self._factor = _KEPT * _louder(parent.scale, noise)[_SCALE_OF]
        self._shared, self._own, outlying = _variances(noise)
        self._fresh = np.where(
            self._index > self._old, self._shared[:, None], (self._shared * (1.0 - _KEPT**2))[:, None]
        )
        inverse, log_det, prior = self._hypotheses(noise, values, outlying)
        self._inverse = inverse
        self._class = _class_of(len(prior) // _CLASSES)
        residual = (values - self._start[0]) - self._factor[:, None] * self._start[self._index]
        residual = residual[self._class]
        self._by_one = inverse.sum(axis=2)
        self._by_residual = (inverse @ residual[:, :, None])[:, :, 0]
        precision = self._by_one.sum(axis=1)[:, None]
        pull = self._by_residual.sum(axis=1)[:, None]
        quadratic = (residual * self._by_residual).sum(axis=1)

        # Integrating delta ~ N(m, v) out of N(residual; delta, covariance) leaves these scalars.
        widened = 1.0 + precision * effect.variances
        toward = effect.means + effect.variances * pull
        fit = (pull * (toward + effect.means) - precision * effect.means**2) / widened
        constant = np.log(prior) - 0.5 * (log_det + quadratic)
        log_joint = 0.5 * (fit - np.log(widened)) + constant[:, None]
        joint = np.exp(log_joint - log_joint.max())
        self.effect_likelihood = joint.sum(axis=0)
        joint *= effect.weights
        base = joint.sum(axis=1)
        self.class_likelihood = (_per_class(base) / _per_class(prior)).reshape(len(SCALES), len(KEPT))
        total = base.sum()
        self._weights = joint / total
        self._base = base / total
        self._delta_mean = toward / widened
        self._delta_var = effect.variances / widened

    def _hypotheses(self, noise: Noise, values: Floats, outlying: Floats) -> tuple[Floats, Floats, Floats]:
        """Inverse trial covariances without the effect, their log determinants, prior probabilities.

        Hypotheses of one class are adjacent, "no outlier" first. An outlier adds to one variance, so its
        inverse is a rank-one change of the class's.
        """
        n, index = self.n, self._index
        cross = self._cov[0, index]
        factor = self._factor[:, None, None]
        total = self._cov[0, 0] + factor * (cross[:, None] + cross) + factor**2 * self._cov[index[:, None], index]
        where = np.arange(n)
        total[:, where, where] += self._own[:, None] + self._fresh
        plain, log_det = _inverted(total)

        suspects = _farthest(values)
        extra = outlying[:, None]
        widened = 1.0 + extra * plain[:, suspects, suspects]
        columns = plain[:, suspects, :]
        change = columns[:, :, :, None] * columns[:, :, None, :] * (extra / widened)[:, :, None, None]
        inverse = np.concatenate([plain[:, None], plain[:, None] - change], axis=1)
        log_dets = np.concatenate([log_det[:, None], log_det[:, None] + np.log(widened)], axis=1)

        scale = noise.inherited * self.parent_scale + (1.0 - noise.inherited) * noise.scales
        outlier = np.full(1 + len(suspects), noise.outliers)
        outlier[0] = 1.0 - noise.outliers * len(suspects)
        prior = (scale[:, None] * noise.kept).ravel()[:, None] * outlier
        return inverse.reshape(log_dets.size, n, n), log_dets.ravel(), prior.ravel()

    def linear(self, along: Floats) -> Mixture:
        """Posterior of `along @ state`.

        Args:
            along: Shape (size,): weights of the value and the passengers, zero for rng_seed effects.
        """
        toward = along @ self._cov
        cross = (toward[0] + self._factor[:, None] * toward[self._index])[self._class]
        start = along @ self._start + (cross * self._by_residual).sum(axis=1)
        slope = along[0] - (cross * self._by_one).sum(axis=1)
        explained = (cross * (self._inverse @ cross[:, :, None])[:, :, 0]).sum(axis=1)
        variance = np.maximum(toward @ along - explained, 0.0)
        means = start[:, None] + slope[:, None] * self._delta_mean
        variances = variance[:, None] + slope[:, None] ** 2 * self._delta_var
        return Mixture(self._weights.ravel(), means.ravel(), variances.ravel())

    def value(self) -> Mixture:
        """Posterior of the program's value."""
        along = np.zeros(self.size)
        along[0] = 1.0
        return self.linear(along)

    def loudness(self) -> float:
        """Root mean square of the program's noise scale, in units of the typical sd."""
        return float(np.sqrt(_per_class(self._base) @ _SCALES**2))

    def outliers(self) -> float:
        """Expected number of outliers among its trials."""
        return float(self._base.reshape(_CLASSES, -1)[:, 1:].sum())

    def variance_scores(self) -> Floats:
        """For `Noise.own`: where the evidence pulls the two variances of its trials.

        Returns:
            Shape (2, 2): derivative of the log evidence by the log variance, and its expected curvature, both
            doubled; first for the fresh part of the rng_seed effects, then for the noise that no relative shares.
        """
        delta, delta_var = self._delta(np.maximum(self._base, 1e-300), np.s_[:])
        score = self._by_residual - self._by_one * delta[:, None]
        known = np.diagonal(self._inverse, axis1=1, axis2=2) - self._by_one**2 * delta_var[:, None]
        fresh, own = self._fresh[self._class], self._own[self._class][:, None]
        parts = [(variance * (score**2 - known), (variance * known) ** 2) for variance in (fresh, own)]
        return np.array([[self._base @ each.sum(axis=1) for each in part] for part in parts])

    def _delta(self, base: Floats, keep: slice | npt.NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Mean and variance of the effect under each hypothesis."""
        share = self._weights[keep] / base[:, None]
        mean = (share * self._delta_mean[keep]).sum(axis=1)
        spread = self._delta_var[keep] + (self._delta_mean[keep] - mean[:, None]) ** 2
        return mean, (share * spread).sum(axis=1)

    def state(self) -> State:
        """The Gaussian that the program's children start from."""
        keep = np.flatnonzero(self._base > 1e-3)
        kind = self._class[keep]
        effects = np.arange(1, 1 + len(self.rng_seeds))
        factor = np.ones((len(keep), self.size))
        factor[:, effects] = self._factor[kind][:, None]
        cov = self._cov * factor[:, :, None] * factor[:, None, :]
        shared = self._shared[kind][:, None]
        cov[:, effects, effects] += np.where(effects > self._old, shared, shared * (1.0 - _KEPT[kind][:, None] ** 2))

        gain = cov[:, :, :1] + cov[:, :, self._index]
        delta, delta_var = self._delta(self._base[keep], keep)
        slope = -(gain @ self._by_one[keep][:, :, None])[:, :, 0]
        slope[:, 0] += 1.0
        means = self._start * factor + (gain @ self._by_residual[keep][:, :, None])[:, :, 0] + slope * delta[:, None]
        slope *= np.sqrt(delta_var)[:, None]
        weights = self._base[keep] / self._base[keep].sum()
        mean = weights @ means
        away = means - mean
        covs = cov - gain @ self._inverse[keep] @ gain.transpose(0, 2, 1)
        covs += slope[:, :, None] * slope[:, None, :] + away[:, :, None] * away[:, None, :]
        total = (weights @ covs.reshape(len(weights), -1)).reshape(self.size, self.size)
        scale = _per_class(self._base).reshape(len(SCALES), len(KEPT)).sum(axis=1)
        return State(self.rng_seeds, mean, 0.5 * (total + total.T), scale)


@cache
def _class_of(hypotheses: int) -> npt.NDArray[np.intp]:
    """Class of each hypothesis, that many to a class."""
    return np.repeat(np.arange(_CLASSES), hypotheses)


@lru_cache(maxsize=8)
def _variances(noise: Noise) -> tuple[Floats, Floats, Floats]:
    """Variance of shared rng_seed effects, of a program's own noise, and added by an outlier, by class."""
    total = (noise.sd * _SCALES) ** 2
    return total * (1.0 - noise.own), total * noise.own, total * OUTLIER_SD**2


def _per_class(by_hypothesis: Floats) -> Floats:
    total: Floats = by_hypothesis.reshape(_CLASSES, -1).sum(axis=1)
    return total


def _inverted(matrices: Floats) -> tuple[Floats, Floats]:
    """Inverses and log determinants of positive definite matrices, shape (classes, n, n)."""
    if matrices.shape[1] == 1:
        return 1.0 / matrices, np.log(matrices[:, 0, 0])
    inverse = np.asarray(np.linalg.inv(matrices), dtype=np.float64)
    log_det = np.asarray(np.linalg.slogdet(matrices)[1], dtype=np.float64)
    return inverse, log_det


def _farthest(values: Floats) -> npt.NDArray[np.intp]:
    """Which trials to suspect: all of a few, of many those farthest from the median."""
    n = len(values)
    if n <= MAX_SUSPECTS:
        return np.arange(n)
    return np.argsort(-np.abs(values - np.sort(values)[n // 2]), kind="stable")[:MAX_SUSPECTS]


def _louder(parent: Floats, noise: Noise) -> Floats:
    """Expected ratio of the child's noise scale to the parent's, for each scale that the child may have.

    Shape (5,). It is 1 if the scale was inherited; else the child's over what the parent's probably is.
    """
    same, drawn = noise.inherited * parent, (1.0 - noise.inherited) * noise.scales
    usual = np.exp(parent @ np.log(SCALES))
    ratio: Floats = (same + drawn * SCALES / usual) / (same + drawn)
    return ratio


def _extended(state: State, new: int) -> tuple[Floats, Floats]:
    """Mean and covariance with room for rng_seeds that no ancestor has run: nothing of them is inherited."""
    if not new:
        return state.mean, state.cov
    size, at = len(state.mean) + new, 1 + len(state.rng_seeds)
    old = np.concatenate([np.arange(at), np.arange(at + new, size)])
    mean, cov = np.zeros(size), np.zeros((size, size))
    mean[old] = state.mean
    cov[old[:, None], old] = state.cov
    return mean, cov

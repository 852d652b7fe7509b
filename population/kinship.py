"""One program's posterior from its parent's: exact Gaussian algebra given a few discrete classes.

State of a program: its value `mu` and its shared rng_seed effects `e[s]` for every rng_seed run by it or an ancestor.
A child is its parent plus one effect `delta` of its operator, with `e_child = kept * e_parent + fresh`. Given how loud
the child is, how much it keeps and which trial (if any) is an outlier, all is Gaussian except `delta`, which is a
scalar: its mixture prior is handled exactly in one dimension. What goes down to the next generation is the Gaussian
with the mixture's mean and covariance (generalised pseudo-Bayes of order one, as in Blom and Bar-Shalom 1988
<https://doi.org/10.1109/9.1299>).

Cost per program: one (n, n) solve for each class combination, n its trials; never a matrix over programs.
This module must not know ids, operators' names or when anything is computed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from population.mixture import Floats, Mixture
from population.noise import KEPT, OUTLIER_SD, SCALES, Noise

MAX_SUSPECTS = 8


@dataclass(frozen=True, eq=False)
class Shares:
    """What one program's posterior says about the noise.

    Attributes:
        n: Its rng_seeds.
        squares: Expected sum of squared standardized contrasts among its trials; n - 1 if the noise sd is right.
        scales: Shape (5,): probability of each of `SCALES`.
        kept: Shape (4,): probability of each of `KEPT`.
        outliers: Expected number of outliers.
    """

    n: int
    squares: float
    scales: Floats
    kept: Floats
    outliers: float


@dataclass(frozen=True, eq=False)
class State:
    """Posterior of a program, as its children need it.

    Attributes:
        rng_seeds: The d rng_seeds whose effects are tracked.
        mean: Shape (1 + d + x,): value, rng_seed effects, then x passengers that no longer move (see `paired`).
        cov: Shape (1 + d + x, 1 + d + x).
        scale: Shape (5,): probability of each of `SCALES`.
    """

    rng_seeds: tuple[int, ...]
    mean: Floats
    cov: Floats
    scale: Floats


def origin(value: float, noise: Noise) -> State:
    """What seed programs descend from: a fixed value and no rng_seed effects."""
    return State((), np.array([value]), np.zeros((1, 1)), noise.scales)


class Posterior:
    """A program's posterior given its parent's state, its operator's effect and its own trials.

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
        parent = _extended(parent, rng_seeds)
        self.rng_seeds = parent.rng_seeds
        self._index = np.array([1 + parent.rng_seeds.index(seed) for seed in rng_seeds], dtype=np.intp)
        n = len(rng_seeds)
        suspects = min(n, MAX_SUSPECTS)
        j, k, h = np.meshgrid(
            np.arange(len(SCALES)), np.arange(len(KEPT)), np.arange(1 + suspects), indexing="ij"
        )
        self._scale, self._kept, self._outlier = j.ravel(), k.ravel(), h.ravel()
        scale_prior = noise.inherited * parent.scale + (1 - noise.inherited) * noise.scales
        prior = scale_prior[self._scale] * noise.kept[self._kept]
        prior = prior * np.where(self._outlier == 0, 1 - suspects * noise.outliers, noise.outliers)

        self._mean, self._cov = _propagated(parent, noise, self._scale, self._kept)
        innovation = self._innovation_covariance(noise, n)
        residual = values - self._mean[:, :1] - self._mean[:, self._index]
        chol = np.linalg.cholesky(innovation)
        self._innovation = innovation
        right = np.stack([np.ones_like(residual), residual], axis=2)
        solved = np.linalg.solve(innovation, right)
        self._by_one, self._by_residual = solved[:, :, 0], solved[:, :, 1]
        precision = self._by_one.sum(axis=1)
        pull = self._by_residual.sum(axis=1)
        quadratic = (residual * self._by_residual).sum(axis=1)
        log_det = 2 * np.log(np.diagonal(chol, axis1=1, axis2=2)).sum(axis=1)

        # Integrating delta ~ N(m, v) out of N(residual; delta, innovation) leaves these scalars.
        widened = 1 + precision[:, None] * effect.variances
        fit = (
            2 * pull[:, None] * effect.means
            - precision[:, None] * effect.means**2
            + pull[:, None] ** 2 * effect.variances
        ) / widened
        log_joint = -0.5 * (log_det + quadratic)[:, None] + 0.5 * (fit - np.log(widened))
        log_joint += np.log(prior)[:, None]
        self.log_scale = float(log_joint.max())
        joint = np.exp(log_joint - self.log_scale)
        self.effect_likelihood = joint.sum(axis=0)
        joint = joint * effect.weights
        self.evidence = float(joint.sum())
        self._weights = joint / self.evidence
        self._delta_mean = (effect.means + effect.variances * pull[:, None]) / widened
        self._delta_var = effect.variances / widened
        self.base = self._weights.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            self._contrast = quadratic - np.where(precision > 0, pull**2 / precision, 0.0)

    def _innovation_covariance(self, noise: Noise, n: int) -> Floats:
        index = self._index
        cov = self._cov
        cross = cov[:, 0, index]
        total = cov[:, 0, 0][:, None, None] + cross[:, :, None] + cross[:, None, :]
        total = total + cov[:, index[:, None], index[None, :]]
        unit = (noise.sd * SCALES[self._scale]) ** 2
        diagonal = np.repeat((unit * max(noise.own, 1e-4))[:, None], n, axis=1)
        for t in range(min(n, MAX_SUSPECTS)):
            diagonal[:, t] += np.where(self._outlier == t + 1, unit * OUTLIER_SD**2, 0.0)
        where = np.arange(n)
        total[:, where, where] += diagonal
        return total

    def linear(self, along: Floats) -> Mixture:
        """Posterior of `along @ state`.

        Args:
            along: Shape (1 + d + x,), over value, `self.rng_seeds` and passengers.
        """
        toward = self._cov @ along
        cross = toward[:, :1] + toward[:, self._index]
        start = self._mean @ along + (cross * self._by_residual).sum(axis=1)
        slope = along[0] - (cross * self._by_one).sum(axis=1)
        solved = np.linalg.solve(self._innovation, cross[:, :, None])[:, :, 0]
        variance = np.maximum(toward @ along - (cross * solved).sum(axis=1), 0.0)
        means = start[:, None] + slope[:, None] * self._delta_mean
        variances = variance[:, None] + slope[:, None] ** 2 * self._delta_var
        return Mixture(self._weights.ravel(), means.ravel(), variances.ravel())

    def value(self) -> Mixture:
        """Posterior of the program's value."""
        along = np.zeros(self._mean.shape[1])
        along[0] = 1.0
        return self.linear(along)

    def loudness(self) -> float:
        """Root mean square of the program's noise scale, in units of the typical sd."""
        return float(np.sqrt(self.base @ SCALES[self._scale] ** 2))

    def shares(self) -> Shares:
        """What this program says about the noise."""
        return Shares(
            n=len(self._index),
            squares=float(self.base @ self._contrast),
            scales=np.bincount(self._scale, weights=self.base, minlength=len(SCALES)),
            kept=np.bincount(self._kept, weights=self.base, minlength=len(KEPT)),
            outliers=float(self.base[self._outlier > 0].sum()),
        )

    def state(self) -> State:
        """The Gaussian that the program's children start from."""
        keep = self.base > 1e-4
        weights = self.base[keep] / self.base[keep].sum()
        cov, index = self._cov[keep], self._index
        gain = cov[:, :, :1] + cov[:, :, index]
        slope = -(gain * self._by_one[keep][:, None, :]).sum(axis=2)
        slope[:, 0] += 1.0
        share = self._weights[keep] / self._weights[keep].sum(axis=1, keepdims=True)
        delta = (share * self._delta_mean[keep]).sum(axis=1)
        delta_var = (share * (self._delta_var[keep] + (self._delta_mean[keep] - delta[:, None]) ** 2)).sum(
            axis=1
        )
        means = (
            self._mean[keep]
            + (gain * self._by_residual[keep][:, None, :]).sum(axis=2)
            + slope * delta[:, None]
        )
        solved = np.linalg.solve(self._innovation[keep], gain.transpose(0, 2, 1))
        covs = cov - gain @ solved + delta_var[:, None, None] * slope[:, :, None] * slope[:, None, :]
        mean = weights @ means
        away = means - mean
        total = np.tensordot(weights, covs, axes=1) + (away * weights[:, None]).T @ away
        scale = np.bincount(self._scale[keep], weights=weights, minlength=len(SCALES))
        return State(self.rng_seeds, mean, 0.5 * (total + total.T), scale)


def _extended(state: State, rng_seeds: tuple[int, ...]) -> State:
    """With room for rng_seeds that no ancestor has run, their effects still to be given a prior."""
    new = tuple(seed for seed in rng_seeds if seed not in state.rng_seeds)
    if not new:
        return state
    at = 1 + len(state.rng_seeds)
    mean = np.insert(state.mean, [at] * len(new), 0.0)
    # -1 marks "no prior yet": `_propagated` gives these the stationary variance of each scale class.
    cov = np.insert(np.insert(state.cov, [at] * len(new), 0.0, axis=0), [at] * len(new), 0.0, axis=1)
    where = np.arange(at, at + len(new))
    cov[where, where] = -1.0
    return State(state.rng_seeds + new, mean, cov, state.scale)


def _propagated(
    parent: State, noise: Noise, scale: npt.NDArray[np.intp], kept: npt.NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """Mean and covariance of the child's state before its own trials and without its effect, per class.

    Returns:
        Shapes (classes, m) and (classes, m, m).
    """
    size, d = len(parent.mean), len(parent.rng_seeds)
    factor = np.ones((len(kept), size))
    factor[:, 1 : 1 + d] = KEPT[kept][:, None]
    cov = parent.cov * factor[:, :, None] * factor[:, None, :]
    shared = (noise.sd * SCALES[scale]) ** 2 * (1 - noise.own)
    where = np.arange(1, 1 + d)
    fresh = np.diagonal(parent.cov)[1 : 1 + d] < 0
    added = shared[:, None] * (1 - KEPT[kept] ** 2)[:, None]
    cov[:, where, where] = np.where(fresh, shared[:, None], cov[:, where, where] + added)
    return parent.mean * factor, cov

"""Simulated search landscapes with known truth, none of them drawn from the estimator's own model.

A program's true value is the expectation of its trials over rng_seeds, outliers and failures aside
(they contaminate a value, they are not part of it). The typical noise sd is 0.01 everywhere, while the
values' sizes differ 300-fold, so that the estimator's first guess of the noise is worth nothing. On every landscape
most changes are worse, the noise differs threefold between programs, some trials are outliers, and some rng_seeds
fail. `HELD_OUT` landscapes were not looked at while the estimator was being built.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
SD = 0.01
RNG_SEEDS = 24
OPERATORS = ("perturb", "crossover", "ablate")


@dataclass
class Truth:
    """A simulated program.

    Attributes:
        value: Its true value.
        noise: Shape (RNG_SEEDS,): its trials minus its value; nan where the rng_seed fails.
        genes: What its children inherit besides.
    """

    value: float
    noise: Floats
    genes: dict[str, Floats] = field(default_factory=dict)


class Landscape(Protocol):
    """Makes programs. One instance is one world: its own optimum and its own rng_seed effects."""

    def founder(self, rng: np.random.Generator) -> Truth:
        """A seed program."""
        ...

    def child(self, parent: Truth, operator: str, rng: np.random.Generator) -> Truth:
        """A child of `parent`."""
        ...


def _loudness(rng: np.random.Generator) -> float:
    """A threefold range of noise."""
    return float(math.exp(rng.uniform(-0.5, 0.5) * math.log(3.0)))


def _trials(
    shared: Floats, loud: float, rng: np.random.Generator, *, own: float, outliers: float, failing: float
) -> Floats:
    """Noise of one program: shared rng_seed effects, its own noise, outliers (centred), failures."""
    noise = math.sqrt(1 - own) * shared + math.sqrt(own) * rng.standard_normal(RNG_SEEDS)
    hit = rng.random(RNG_SEEDS) < outliers
    noise = noise + np.where(hit, rng.uniform(4, 10, RNG_SEEDS), 0.0)
    noise = SD * loud * noise
    noise[rng.random(RNG_SEEDS) < failing] = np.nan
    return noise


class Skewed:
    """Lognormal harm, Gamma gains that dry up near the optimum, noise scale drawn afresh at each birth."""

    floor = 2.9

    def founder(self, rng: np.random.Generator) -> Truth:
        shared = rng.standard_normal(RNG_SEEDS)
        return self._make(3.0 + 0.02 * rng.exponential(), shared, rng)

    def child(self, parent: Truth, operator: str, rng: np.random.Generator) -> Truth:
        kept = rng.beta(12.0, 1.0) if rng.random() > 0.1 else 0.0
        shared = kept * parent.genes["shared"] + math.sqrt(1 - kept**2) * rng.standard_normal(RNG_SEEDS)
        gains = {"perturb": 0.25, "crossover": 0.15, "ablate": 0.08}[operator]
        kind = rng.random()
        if kind < gains:
            effect = -0.5 * SD * rng.gamma(2.0) * min(1.0, (parent.value - self.floor) / 0.05)
        elif kind < gains + 0.3:
            effect = 0.1 * SD * rng.standard_normal()
        else:
            effect = 1.5 * SD * rng.lognormal(0.0, 1.2)
        return self._make(parent.value + effect, shared, rng)

    def _make(self, value: float, shared: Floats, rng: np.random.Generator) -> Truth:
        noise = _trials(shared, _loudness(rng), rng, own=0.1, outliers=0.02, failing=0.02)
        return Truth(value, noise, {"shared": shared})


class Inherited:
    """Heavy-tailed noise whose scale drifts along the lineage; fragile programs fail on a third of rng_seeds."""

    def founder(self, rng: np.random.Generator) -> Truth:
        return self._make(0.5 + 0.05 * rng.standard_normal(), self._draw(rng), rng.uniform(-0.5, 0.5), 0.0, rng)

    def child(self, parent: Truth, operator: str, rng: np.random.Generator) -> Truth:
        kept = 0.8
        shared = kept * parent.genes["shared"] + math.sqrt(1 - kept**2) * self._draw(rng)
        loud = float(np.clip(parent.genes["loud"][0] + 0.15 * rng.standard_normal(), -0.5, 0.5))
        fragile = float(parent.genes["fragile"][0])
        if rng.random() < 0.1:
            fragile = 0.33 - fragile
        effect = SD * (rng.standard_t(2.0) + (2.0 if operator == "ablate" else 0.7))
        if effect < 0:
            effect *= 0.5
        return self._make(parent.value + effect, shared, loud, fragile, rng)

    @staticmethod
    def _draw(rng: np.random.Generator) -> Floats:
        return rng.standard_t(4.0, RNG_SEEDS) / math.sqrt(2.0)

    @staticmethod
    def _make(value: float, shared: Floats, loud: float, fragile: float, rng: np.random.Generator) -> Truth:
        noise = _trials(shared, 3.0**loud, rng, own=0.15, outliers=0.03, failing=fragile if fragile > 0.1 else 0.01)
        genes = {"shared": shared, "loud": np.array([loud]), "fragile": np.array([fragile])}
        return Truth(value, noise, genes)


class Bowl:
    """Hyperparameters in a quadratic bowl; noise is a smooth function of the place, not of the lineage."""

    dims = 10

    def __init__(self, rng: np.random.Generator) -> None:
        self.curvature = SD * 3.0 ** rng.uniform(-1, 2, self.dims)
        self.frequency = rng.standard_normal((40, self.dims)) * 0.35
        self.phase = rng.uniform(0, 2 * math.pi, (RNG_SEEDS, 40))
        self.loud = rng.standard_normal(self.dims)

    def founder(self, rng: np.random.Generator) -> Truth:
        return self._make(0.9 * rng.standard_normal(self.dims), rng)

    def child(self, parent: Truth, operator: str, rng: np.random.Generator) -> Truth:
        place = parent.genes["place"].copy()
        moved = rng.choice(self.dims, size={"perturb": 1, "crossover": 3, "ablate": 2}[operator], replace=False)
        place[moved] += 0.4 * rng.standard_t(3.0, len(moved))
        return self._make(place, rng)

    def _make(self, place: Floats, rng: np.random.Generator) -> Truth:
        value = 12.0 + float(self.curvature @ np.minimum(place**2, 4.0 + np.abs(place)))
        shared = np.cos(self.frequency @ place + self.phase).sum(axis=1) * math.sqrt(2.0 / 40)
        loud = math.exp(0.5 * math.log(3.0) * math.tanh(float(self.loud @ place) / 2.0))
        noise = _trials(shared, loud, rng, own=0.03, outliers=0.01, failing=0.02)
        return Truth(value, noise, {"place": place})


class Bits:
    """Eighteen components, on or off, with pairwise epistasis; loud and failing components."""

    dims = 18

    def __init__(self, rng: np.random.Generator) -> None:
        self.main = SD * 1.5 * rng.standard_normal(self.dims)
        pairs = np.triu(rng.random((self.dims, self.dims)) < 0.15, 1)
        self.pairs = np.where(pairs, SD * 2.5 * rng.standard_normal((self.dims, self.dims)), 0.0)
        self.effects = rng.standard_normal((RNG_SEEDS, self.dims))
        self.common = rng.standard_normal(RNG_SEEDS)
        self.bad = int(rng.integers(self.dims))

    def founder(self, rng: np.random.Generator) -> Truth:
        return self._make((rng.random(self.dims) < 0.5).astype(float), rng)

    def child(self, parent: Truth, operator: str, rng: np.random.Generator) -> Truth:
        bits = parent.genes["bits"].copy()
        flips = {"perturb": 1, "crossover": 3, "ablate": 2}[operator]
        at = rng.choice(self.dims, size=flips, replace=False)
        bits[at] = 0.0 if operator == "ablate" else 1.0 - bits[at]
        return self._make(bits, rng)

    def _make(self, bits: Floats, rng: np.random.Generator) -> Truth:
        value = 30.0 + float(self.main @ bits + bits @ self.pairs @ bits)
        signs = 2 * bits - 1
        shared = 0.6 * self.common + 0.8 * (self.effects @ signs) / math.sqrt(self.dims)
        loud = 3.0 ** (0.5 * signs[0])
        noise = _trials(shared, loud, rng, own=0.05, outliers=0.02, failing=0.25 if bits[self.bad] else 0.01)
        return Truth(value, noise, {"bits": bits})


class Gentle:
    """Effects mostly far below the noise, strong pairing, loudness set by the operator, rare disasters."""

    def founder(self, rng: np.random.Generator) -> Truth:
        return self._make(1.0 + 0.01 * rng.standard_normal(), rng.standard_normal(RNG_SEEDS), 1.0, rng)

    def child(self, parent: Truth, operator: str, rng: np.random.Generator) -> Truth:
        kept = 0.99 if rng.random() < 0.85 else 0.3
        shared = kept * parent.genes["shared"] + math.sqrt(1 - kept**2) * rng.standard_normal(RNG_SEEDS)
        effect = SD * (0.15 * rng.laplace() + 0.1)
        if rng.random() < 0.1:
            effect += SD * 5.0 * rng.pareto(1.5)
        loud = {"perturb": 0.6, "crossover": 1.0, "ablate": 1.8}[operator]
        return self._make(parent.value + min(effect, 1.0), shared, loud, rng)

    @staticmethod
    def _make(value: float, shared: Floats, loud: float, rng: np.random.Generator) -> Truth:
        noise = _trials(shared, loud, rng, own=0.02, outliers=0.005, failing=0.03)
        return Truth(value, noise, {"shared": shared})


class Rough:
    """Everything at once: weak pairing, skewed noise, both kinds of outlier, failures of loud trials."""

    def founder(self, rng: np.random.Generator) -> Truth:
        return self._make(0.1 + 0.05 * rng.exponential(), self._draw(rng), rng)

    def child(self, parent: Truth, operator: str, rng: np.random.Generator) -> Truth:
        kept = rng.beta(2.0, 1.5)
        shared = kept * parent.genes["shared"] + math.sqrt(1 - kept**2) * self._draw(rng)
        scale = {"perturb": 0.7, "crossover": 2.0, "ablate": 3.0}[operator]
        effect = SD * scale * (rng.gumbel() + 0.5)
        return self._make(parent.value + effect, shared, rng)

    @staticmethod
    def _draw(rng: np.random.Generator) -> Floats:
        return (rng.gamma(4.0, size=RNG_SEEDS) - 4.0) / 2.0

    @staticmethod
    def _make(value: float, shared: Floats, rng: np.random.Generator) -> Truth:
        noise = _trials(shared, _loudness(rng), rng, own=0.3, outliers=0.015, failing=0.02)
        hit = rng.random(RNG_SEEDS) < 0.015
        noise = noise - SD * np.where(hit, rng.uniform(4, 10, RNG_SEEDS), 0.0)
        noise[noise > 6 * SD] = np.nan
        return Truth(value, noise, {"shared": shared})


DEVELOPED: dict[str, type] = {"skewed": Skewed, "inherited": Inherited, "bowl": Bowl}
HELD_OUT: dict[str, type] = {"bits": Bits, "gentle": Gentle, "rough": Rough}


def landscape(name: str, rng: np.random.Generator) -> Landscape:
    """A fresh world of the landscape called `name`."""
    kind = (DEVELOPED | HELD_OUT)[name]
    world: Landscape = kind(rng) if "__init__" in kind.__dict__ else kind()
    return world

"""What each program is worth on one rung: posterior mean, sd and interval, kept up to date as trials arrive.

A program's prior is its parent's posterior plus the operator's effect (`population.kinship`); noise and effects are
fitted from the run itself on a schedule of trial counts (`population.fit`). Information flows down the lineage only:
a program's estimate rests on its own trials and its ancestors', so one trial costs the same at any population size.

Everything here is a function of the order of the `add_*` calls alone, never of when estimates were asked for. This
module must not know failures (a failed trial has no number), the store, or why a program is of interest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from population.fit import Evidence, Fit, first_guess, refit, with_sd_within
from population.kinship import Posterior, State, origin
from population.mixture import Floats, Mixture
from population.noise import Noise
from population.passengers import against, cloned, swapped

WINDOW = 500
"""Programs looked at by a refit: the most recent ones with trials."""

FOUNDERS = 100
"""Of the programs before those, a refit also looks at the ones without parents among the first so many."""

GROWTH = 1.5
"""Refits happen when the number of trials has grown by this factor, so that they cost a constant share."""

PASSES = 4
"""Most steps of a refit while the run is small and the noise sd still far off."""

CACHED_STATES = 4096
"""Programs whose posterior state is kept; others are computed again from the nearest ancestor's when asked for."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What is known of a value; lower is better.

    Attributes:
        mean: Posterior mean, in the value's unit.
        sd: Posterior standard deviation.
        low: Lower end of the 95 % interval.
        high: Upper end of the 95 % interval.
        n: Distinct rng_seeds with a finished trial; for a difference, those that both programs have.
    """

    mean: float
    sd: float
    low: float
    high: float
    n: int


@dataclass(slots=True)
class _Program:
    """What was told about a program, and what is remembered about it.

    Attributes:
        trials: Sum and count of values by rng_seed.
        current: Something computed from its present trials and ancestors may be kept, here or further down.
        reported: `stale` knows that it changed.
        moments: Posterior mean and sd.
        loudness: Its noise sd over the typical one, as of `moments`.
    """

    id: int
    parent: _Program | None
    operator: str
    children: list[_Program] = field(default_factory=list)
    trials: dict[int, tuple[float, int]] = field(default_factory=dict)
    current: bool = False
    reported: bool = False
    moments: tuple[float, float] | None = None
    estimate: Estimate | None = None
    loudness: float = 0.0

    def rng_seeds(self) -> tuple[int, ...]:
        return tuple(self.trials)

    def values(self) -> Floats:
        return np.array([total / count for total, count in self.trials.values()])


class Estimates:
    """Estimates of all programs on one rung.

    Args:
        fit: Parameters to use as they are; by default they are fitted from the run.
    """

    def __init__(self, fit: Fit | None = None) -> None:
        self._programs: dict[int, _Program] = {}
        self._tested: list[_Program] = []
        self._stale: list[int] = []
        self._states: dict[int, State] = {}
        self._trials = 0
        self._next_fit = 4
        self._given = fit is not None
        self._fit = fit
        self._effects: dict[str, Mixture] = {}
        self._stretch = 1.0 if fit is None else fit.noise.stretch
        self.fits = 0
        """Refits so far. A refit changes every estimate a little and is not reported by `stale`."""

    def add_program(self, program: int, parent: int | None, operator: str) -> None:
        """Enter a program.

        Args:
            program: Its id.
            parent: Id of its main parent, already entered; None for seed programs and programs added by hand.
            operator: Name of the operator that made it.

        Raises:
            ValueError: The id is known already, or the parent is not.
        """
        if program in self._programs:
            raise ValueError(f"program {program} was added before; every program is added once per rung")
        if parent is not None and parent not in self._programs:
            raise ValueError(f"parent {parent} of program {program} is unknown; add parents before children")
        above = None if parent is None else self._programs[parent]
        entry = _Program(program, above, operator, reported=True)
        self._programs[program] = entry
        self._stale.append(program)
        if above is not None:
            above.children.append(entry)

    def add_trial(self, program: int, rng_seed: int, value: float) -> None:
        """Enter a finished trial. A repeat of an rng_seed is averaged with the earlier ones.

        Raises:
            ValueError: The program is unknown, or the value is not a finite number (failed trials have none).
        """
        entry = self._find(program)
        if not math.isfinite(value):
            raise ValueError(f"value of program {program} is {value}; only finished trials with finite values count")
        if not self._trials:
            self._use(self._fit or first_guess(value))
        if not entry.trials:
            self._tested.append(entry)
        total, count = entry.trials.get(rng_seed, (0.0, 0))
        entry.trials[rng_seed] = (total + value, count + 1)
        self._trials += 1
        self._mark(entry)
        if not self._given and self._trials >= self._next_fit:
            self._next_fit = math.ceil(GROWTH * self._trials)
            self._refit()

    def estimate(self, program: int) -> Estimate:
        """Posterior of a program's value; before its first trial, the prediction from its parent.

        Raises:
            ValueError: The program is unknown, or the rung has no finished trial at all.
        """
        entry = self._find(program)
        if entry.estimate is None:
            entry.estimate = self._summary(self._value(entry), len(entry.trials))
        return entry.estimate

    def mean(self, program: int) -> float:
        """The `mean` of `estimate`, without the cost of the interval.

        Raises:
            ValueError: As `estimate`.
        """
        entry = self._programs.get(program)
        if entry is not None and entry.moments is not None:  # asked for all members of all archives: be quick
            return entry.moments[0]
        return self._moments(program)[0]

    def sd(self, program: int) -> float:
        """The `sd` of `estimate`, without the cost of the interval.

        Raises:
            ValueError: As `estimate`.
        """
        return self._moments(program)[1]

    def replicate_reduction(self, program: int) -> float:
        """Sd of the change of a program's posterior mean that a trial on one more, fresh rng_seed would bring.

        Raises:
            ValueError: As `estimate`.
        """
        variance = self.sd(program) ** 2
        noise = (self.noise().sd * self._find(program).loudness) ** 2
        return variance / math.sqrt(variance + noise)

    def difference(self, a: int, b: int) -> Estimate:
        """Posterior of value(a) - value(b), with what they share (rng_seeds and ancestors) taken out.

        Raises:
            ValueError: One is unknown, or the rung has no finished trial at all.
        """
        first, second = self._find(a), self._find(b)
        shared = sum(seed in second.trials for seed in first.trials)
        if a == b:
            return Estimate(0.0, 0.0, 0.0, 0.0, shared)
        found = self._difference(first, second)
        if found is None:
            return _independent(self.estimate(a), self.estimate(b), shared)
        return self._summary(found, shared)

    def is_better(self, a: int, b: int) -> bool:
        """Whether the mean of `difference` is below zero, without the cost of its interval.

        Raises:
            ValueError: As `difference`.
        """
        if a == b:
            return False
        found = self._difference(self._find(a), self._find(b))
        return self.mean(a) < self.mean(b) if found is None else found.mean() < 0.0

    def stale(self) -> tuple[int, ...]:
        """Programs that are new, or whose own or ancestor's trial arrived, since the last call; in order of change."""
        changed = tuple(self._stale)
        for program in changed:
            self._programs[program].reported = False
        self._stale.clear()
        return changed

    def noise(self) -> Noise:
        """The noise parameters in use.

        Raises:
            ValueError: The rung has no finished trial at all.
        """
        return self.fit().noise

    def fit(self) -> Fit:
        """All parameters in use.

        Raises:
            ValueError: The rung has no finished trial at all.
        """
        if self._fit is None:
            raise ValueError("no finished trial on this rung yet; noise is known from the first one on")
        return self._fit

    def effect(self, operator: str) -> Mixture:
        """Distribution of a child's value minus its parent's for an operator, pooled if it is unknown."""
        known = self._effects.get(operator)
        if known is None:
            known = self._effects[operator] = self.fit().effect(operator)
        return known

    def _find(self, program: int) -> _Program:
        entry = self._programs.get(program)
        if entry is None:
            raise ValueError(f"program {program} is unknown on this rung; add_program comes first")
        return entry

    def _mark(self, entry: _Program) -> None:
        """Note that a program and its descendants changed.

        A program is `current` only if its parent is, and `reported` only if all its descendants are, so the descent
        ends where there is nothing left to note: marking is paid for by what was computed or reported before.
        """
        stack = [entry]
        while stack:
            node = stack.pop()
            if node.reported and not node.current:
                continue
            if not node.reported:
                node.reported = True
                self._stale.append(node.id)
            node.current = False
            node.moments = node.estimate = None
            self._states.pop(node.id, None)
            stack.extend(node.children)

    def _difference(self, first: _Program, second: _Program) -> Mixture | None:
        """Posterior of the difference of two programs; None if they have no ancestor in common."""
        down_first, down_second, common = _paths(first, second)
        if common is None:
            return None
        ancestor = self._state(common)
        start = cloned(ancestor)
        if not down_second:
            return against(self._descend(start, down_first), 1.0)
        if down_first:
            start = swapped(self._descend(start, down_first).state(), ancestor)
        return against(self._descend(start, down_second), -1.0)

    def _moments(self, program: int) -> tuple[float, float]:
        entry = self._find(program)
        if entry.moments is None:
            self._value(entry)
            assert entry.moments is not None
        return entry.moments

    def _value(self, entry: _Program) -> Mixture:
        """Posterior of a program's value; its moments are kept."""
        posterior = self._posterior(entry)
        value = posterior.value()
        entry.moments = value.mean(), math.sqrt(value.variance())
        entry.loudness = posterior.loudness()
        entry.current = True
        return value

    def _posterior(self, entry: _Program) -> Posterior:
        fit = self.fit()
        noise = fit.noise
        if entry.parent is None:
            above = origin(fit.origin, fit.origin_sd, noise)
            return Posterior(above, fit.founder(), noise, entry.rng_seeds(), entry.values())
        above = self._state(entry.parent)
        return Posterior(above, self.effect(entry.operator), noise, entry.rng_seeds(), entry.values())

    def _state(self, entry: _Program) -> State:
        """Posterior state of a program; missing ones are computed from the nearest known ancestor down."""
        known = self._states.get(entry.id)
        if known is not None:
            return known
        chain = [entry]
        while chain[-1].parent is not None and chain[-1].parent.id not in self._states:
            chain.append(chain[-1].parent)
        for node in reversed(chain):
            state = self._posterior(node).state()
            if len(self._states) >= CACHED_STATES:
                self._states.pop(next(iter(self._states)))
            self._states[node.id] = state
            node.current = True
        return state

    def _descend(self, state: State, path: list[_Program]) -> Posterior:
        """The last program's posterior, from its ancestor's state down a lineage, passengers aboard."""
        noise = self.noise()
        for node in path:
            posterior = Posterior(state, self.effect(node.operator), noise, node.rng_seeds(), node.values())
            if node is not path[-1]:
                state = posterior.state()
        return posterior

    def _summary(self, posterior: Mixture, n: int) -> Estimate:
        low, high = posterior.interval()
        mean = posterior.mean()
        low, high = mean - self._stretch * (mean - low), mean + self._stretch * (high - mean)
        return Estimate(mean, math.sqrt(posterior.variance()), low, high, n)

    def _use(self, fit: Fit) -> None:
        """Go on with other parameters: what was computed from the old ones is forgotten."""
        self._fit = fit
        self._stretch = fit.noise.stretch
        self._states.clear()
        self._effects.clear()

    def _refit(self) -> None:
        recent = self._tested[-WINDOW:]
        window = [entry for entry in self._tested[: -len(recent)][:FOUNDERS] if entry.parent is None] + recent
        if self.noise().freedom == 0.0:
            self._use(with_sd_within(self.fit(), [entry.values() for entry in window]))
        for _ in range(PASSES if len(window) <= 60 else 1):
            before = self.noise().sd
            self._use(refit(self.fit(), [self._evidence(entry) for entry in window]))
            if abs(math.log(self.noise().sd / before)) < 0.1:
                break
        self.fits += 1
        for entry in self._programs.values():
            entry.current = False
            entry.moments = entry.estimate = None

    def _evidence(self, entry: _Program) -> Evidence:
        return Evidence(entry.operator, entry.parent is None, entry.values(), self._posterior(entry))


def _independent(a: Estimate, b: Estimate, shared: int) -> Estimate:
    """Difference of unrelated programs.

    Each end comes from the half-widths of both (Zou and Donner 2008 <https://doi.org/10.1002/sim.3095>).
    """
    mean = a.mean - b.mean
    low = mean - math.hypot(a.mean - a.low, b.high - b.mean)
    high = mean + math.hypot(a.high - a.mean, b.mean - b.low)
    return Estimate(mean, math.hypot(a.sd, b.sd), low, high, shared)


def _paths(a: _Program, b: _Program) -> tuple[list[_Program], list[_Program], _Program | None]:
    """Ways down from the nearest common ancestor (excluded) to `a` and to `b` (included), and that ancestor."""
    above: dict[int, int] = {}
    up_a: list[_Program] = []
    node: _Program | None = a
    while node is not None:
        above[node.id] = len(up_a)
        up_a.append(node)
        node = node.parent
    up_b: list[_Program] = []
    node = b
    while node is not None and node.id not in above:
        up_b.append(node)
        node = node.parent
    if node is None:
        return [], [], None
    return up_a[: above[node.id]][::-1], up_b[::-1], node

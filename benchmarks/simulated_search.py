"""A small stand-in for the engine on simulated landscapes: steady state, one trial at a time; and its rivals.

Like the engine: islands, parents by tournament on estimates, a newborn's first trial on its parent's first rng_seed,
further ones by `population.allocation`, and no place among the elites for a program with a failed trial.
"""

from __future__ import annotations

import math

import numpy as np

from benchmarks.landscapes import OPERATORS, RNG_SEEDS, Landscape, Truth
from population.allocation import Candidate, birth_gain, choose
from population.estimate import Estimates

ISLANDS = 4
FOUNDERS = 8
FOUNDING_TRIALS = 2
TOURNAMENT = 4
MIGRATION = 0.05
CANDIDATES = 50


class Search:
    """One search; `run` spends the budget.

    Attributes:
        truth: Programs by id, as the landscape made them.
        parent: Their parents, None for seed programs.
        means: Posterior means of the programs whose every trial finished.
        lowest: Lowest single value of each program.
        replicates: Trials spent on another rng_seed.
    """

    def __init__(self, world: Landscape, rng: np.random.Generator) -> None:
        self.world, self.rng = world, rng
        self.estimates = Estimates()
        self.truth: list[Truth] = []
        self.parent: list[int | None] = []
        self.failed: list[bool] = []
        self.island: list[int] = []
        self.runs: list[int] = []
        self.means: dict[int, float] = {}
        self.lowest: dict[int, float] = {}
        self.trials = self.replicates = 0

    def run(self, budget: int) -> None:
        """Spend `budget` trials."""
        for founder in range(FOUNDERS):
            self._birth(None, founder % ISLANDS)
        turn = 0
        while self.trials < budget:
            self._refresh()
            chosen = self._replicate()
            if chosen is None:
                turn += 1
                self._birth(self._parent(turn % ISLANDS), turn % ISLANDS)
            else:
                self.replicates += 1
                self._trial(chosen)
        self._refresh()

    def champion(self) -> int:
        """The program that would be reported as the best."""
        return min(self.means, key=lambda program: (self.means[program], program))

    def luckiest(self) -> int:
        """The program with the lowest single value, among the same programs."""
        return min(self.means, key=lambda program: (self.lowest[program], program))

    def _birth(self, parent: int | None, island: int) -> None:
        operator = "seed" if parent is None else str(self.rng.choice(OPERATORS))
        made = self.world.founder(self.rng)
        if parent is not None:
            made = self.world.child(self.truth[parent], operator, self.rng)
        program = len(self.truth)
        self.truth.append(made)
        self.parent.append(parent)
        self.island.append(island)
        self.runs.append(0)
        self.failed.append(False)
        self.estimates.add_program(program, parent, operator)
        for _ in range(FOUNDING_TRIALS if parent is None else 1):
            self._trial(program)

    def _trial(self, program: int) -> None:
        rng_seed = self.runs[program]
        self.runs[program] += 1
        self.trials += 1
        noise = float(self.truth[program].noise[rng_seed])
        if math.isnan(noise):
            self.failed[program] = True
            self.means.pop(program, None)
            return
        value = self.truth[program].value + noise
        self.lowest[program] = min(value, self.lowest.get(program, math.inf))
        self.estimates.add_trial(program, rng_seed, value)

    def _refresh(self) -> None:
        for program in self.estimates.stale():
            if not self.failed[program]:
                self.means[program] = self.estimates.estimate(program).mean

    def _parent(self, island: int) -> int:
        home = island if self.rng.random() >= MIGRATION else (island + 1) % ISLANDS
        members = [p for p in self.means if self.island[p] == home] or list(self.means)
        entrants = self.rng.choice(members, size=min(TOURNAMENT, len(members)), replace=False)
        return min((int(p) for p in entrants), key=lambda p: self.means[p])

    def _replicate(self) -> int | None:
        best = sorted(self.means, key=lambda p: (self.means[p], p))[:CANDIDATES]
        candidates = [
            Candidate(p, self.means[p], self.estimates.replicate_reduction(p), self.runs[p])
            for p in best
            if self.runs[p] < RNG_SEEDS
        ]
        if not candidates:
            return None
        leader = self.means[best[0]]
        gain = birth_gain(leader, leader, self.estimates.effect(""), self.estimates.noise().paired_sd)
        return choose(candidates, gain, self.replicates / self.trials)


def believing(world: Landscape, rng: np.random.Generator, budget: int, fresh: bool) -> tuple[float, float]:
    """A search of the same form that believes single trials: one per program, the lowest value is the champion.

    Args:
        world: The landscape.
        rng: Chance.
        budget: Trials, so also programs.
        fresh: Whether each program runs on an rng_seed of its own, rather than all on the same one.

    Returns:
        The champion's true value, and the value that is claimed for it.
    """
    truth: list[Truth] = []
    seen: dict[int, float] = {}
    homes: list[list[int]] = [[] for _ in range(ISLANDS)]
    for turn in range(budget):
        island = turn % ISLANDS
        source = homes[island if rng.random() >= MIGRATION else (island + 1) % ISLANDS] or list(seen)
        if turn < FOUNDERS or not source:
            made = world.founder(rng)
        else:
            entrants = rng.choice(source, size=min(TOURNAMENT, len(source)), replace=False)
            parent = min((int(p) for p in entrants), key=lambda p: seen[p])
            made = world.child(truth[parent], str(rng.choice(OPERATORS)), rng)
        truth.append(made)
        noise = float(made.noise[int(rng.integers(RNG_SEEDS)) if fresh else 0])
        if not math.isnan(noise):
            seen[turn] = made.value + noise
            homes[island].append(turn)
    champion = min(seen, key=lambda p: seen[p])
    return truth[champion].value, seen[champion]

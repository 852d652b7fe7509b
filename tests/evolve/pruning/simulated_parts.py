"""Genomes that are lists of parts, and what each part is worth: the procedure's tests need no training."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from evolve.budget import Budget
from evolve.pruning.parts import Part
from evolve.pruning.plan import FIRST_FRESH, FIRST_RNG_SEED, LOOKS, Confirmation, Plan
from evolve.pruning.procedure import Procedure
from evolve.pruning.purse import Purse
from evolve.pruning.records import Batch, Result
from population.genome import digest

PLAN = Plan(1, 1, 1, 0.005, "proxy", "f", tuple(range(FIRST_RNG_SEED, FIRST_RNG_SEED + LOOKS[-1])), FIRST_FRESH)
FATAL = float("inf")
"""Worth of a part without which training fails."""


def text(names: Sequence[str]) -> str:
    return f"PARTS = {sorted(names)!r}\n"


class Landscape:
    """Values of genomes: each part that is gone costs its worth; noise is shared and own.

    Args:
        worths: By name.
        sd: Of a paired difference, nats; of parts worth nothing at all, a tenth.
        extra: Costs of groups that are worth more together.
        rng_seed: Of the noise.
    """

    def __init__(
        self,
        worths: Mapping[str, float],
        sd: float = 0.002,
        extra: Mapping[frozenset[str], float] | None = None,
        rng_seed: int = 0,
    ) -> None:
        self.worths, self.sd, self.extra, self.rng_seed = worths, sd, extra or {}, rng_seed
        self.whole = text(list(worths))
        self.run: list[tuple[str, int]] = []

    def without(self, names: Sequence[str]) -> str:
        return text([name for name in self.worths if name not in names])

    def parts(self) -> tuple[Part, ...]:
        sources = {name: self.without([name]) for name in self.worths}
        return tuple(Part(n, "term", "f", f"f: without {n}", s, digest(s)) for n, s in sources.items())

    def result(self, source: str, rng_seed: int) -> Result:
        gone = {name for name in self.worths if repr(name) not in source}
        cost = sum(self.worths[name] for name in gone)
        cost += sum(more for group, more in self.extra.items() if group <= gone)
        self.run.append((digest(source), rng_seed))
        if cost == FATAL:
            return Result(None, "diverged", 1.0)
        shared = random.Random(f"{self.rng_seed}/{rng_seed}").gauss(0, 0.02)
        own = random.Random(f"{self.rng_seed}/{rng_seed}/{source}").gauss(0, self.sd / 2**0.5)
        return Result(2.0 + cost + shared + own, "finished", 1.0)


def procedure(
    landscape: Landscape,
    known: dict[tuple[str, int], Result],
    budget: Budget | None = None,
    confirmations: list[Confirmation] | None = None,
    told: list[Confirmation] | None = None,
) -> Procedure:
    made = confirmations if confirmations is not None else []
    return Procedure(
        PLAN,
        landscape.whole,
        landscape.whole,
        landscape.parts(),
        landscape.without,
        known,
        Purse(budget or Budget(), 1),
        made,
        (told if told is not None else []).append,
    )


def batches(landscape: Landscape, made: Procedure, known: dict[tuple[str, int], Result]) -> Iterator[Batch]:
    """Run a procedure to its end, batch by batch."""
    for batch in made.steps():
        for (key, rng_seed), source in batch.items():
            if (key, rng_seed) not in known:
                known[key, rng_seed] = landscape.result(source, rng_seed)
        yield batch


def finished(landscape: Landscape, budget: Budget | None = None) -> Procedure:
    known: dict[tuple[str, int], Result] = {}
    made = procedure(landscape, known, budget)
    for _ in batches(landscape, made, known):
        pass
    return made

"""The procedure of `evolve prune` on a simulated landscape, where the truth is known: errors, power, cost."""

from __future__ import annotations

import random
from dataclasses import dataclass

from evolve.pruning.plan import LEVEL
from evolve.pruning.records import FAILS, REMOVED
from tests.evolve.pruning.simulated_parts import PLAN, Landscape, finished

MARGIN = PLAN.margin
KINDS = {
    "worth nothing": (8, 0.0),
    "worth a fiftieth of the margin": (4, MARGIN / 50),
    "worth a fifth of the margin": (2, MARGIN / 5),
    "worth the margin": (3, MARGIN),
    "worth three times the margin": (4, 3 * MARGIN),
    "worth ten times the margin": (8, 10 * MARGIN),
}
"""Parts of one simulated genome: kind to (how many, worth in nats)."""
SD = 0.003
"""Typical standard deviation of a paired difference; every genome has its own."""


class Loud(Landscape):
    """Every genome scatters in its own way."""

    def result(self, source: str, rng_seed: int):
        typical, self.sd = self.sd, self.sd * random.Random(f"{self.rng_seed}/{source}").lognormvariate(0.0, 0.4)
        try:
            return super().result(source, rng_seed)
        finally:
            self.sd = typical


@dataclass
class Levels:
    """What many simulated prunings came to.

    Attributes:
        replicates: Prunings.
        removed: Kind to how many of its parts were taken out in the end.
        possible: Kind to how many there were.
        pruned: Prunings after which something was gone.
        beyond: Those of them whose true cost is the margin or more.
        first: Prunings whose first confirmation passed.
        trials: All trials.
    """

    replicates: int
    removed: dict[str, int]
    possible: dict[str, int]
    pruned: int = 0
    beyond: int = 0
    first: int = 0
    trials: int = 0


def simulate(replicates: int) -> Levels:
    """Prune many simulated genomes."""
    found = Levels(replicates, dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0))
    for replicate in range(replicates):
        worths = {f"{kind} {i}": cost for kind, (count, cost) in KINDS.items() for i in range(count)}
        landscape = Loud(worths, SD, rng_seed=replicate)
        made = finished(landscape)
        gone = [name for name in worths if repr(name) not in made.source]
        assert all(made.tested[name].fate == REMOVED for name in gone)
        assert all(each.fate != FAILS for each in made.tested.values())
        for name in worths:
            kind = name.rsplit(" ", 1)[0]
            found.possible[kind] += 1
            found.removed[kind] += name in gone
        found.pruned += bool(gone)
        found.beyond += sum(worths[name] for name in gone) >= MARGIN
        found.first += bool(made.passed) and made.passed[0].passed
        found.trials += len(landscape.run)
    return found


def table(found: Levels) -> list[str]:
    """The results in Markdown."""
    lines = [
        f"{found.replicates} simulated genomes of {sum(count for count, _ in KINDS.values())} parts; margin {MARGIN} "
        f"nats, paired differences of sd {SD} (each genome has its own, log-normal with sigma 0.4), sd of the common "
        "effect of a rng_seed 0.02.\n",
        "| part | true worth, nats | removed | of | share |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for kind, (_, cost) in KINDS.items():
        removed, possible = found.removed[kind], found.possible[kind]
        lines.append(f"| {kind} | {cost:g} | {removed} | {possible} | {100 * removed / possible:.1f} % |")
    lines += [
        "",
        f"- Pruned genomes whose true total cost is the margin or more: {found.beyond} of {found.replicates} "
        f"(stated level {100 * LEVEL:.0f} %).",
        f"- First confirmation passed: {found.first} of {found.replicates} "
        f"({100 * found.first / found.replicates:.0f} %; stated power 90 % at what they seem to cost).",
        f"- Trials a genome, mean: {found.trials / found.replicates:.0f}.",
    ]
    return lines

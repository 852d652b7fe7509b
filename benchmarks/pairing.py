"""What pairing is worth on real data: the sign of the difference of two consecutive recipes.

    python -m benchmarks.pairing PATH/TO/paired_trials.jsonl > benchmarks/results/pairing.md

The data: lineages of training recipes, one JSON object a line with `agent` (the lineage), `order` (place in it) and
`val_loss_by_rng_seed` (eight values, the same rng_seeds for all). From k rng_seeds of two consecutive recipes, predict
which is better on rng_seeds that were not looked at. Noise and effects are fitted on the other lineages alone: nothing
is fitted on what is predicted.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path

import numpy as np

from population.estimate import Estimates
from population.fit import Fit
from population.verdict import t_quantile

RNG_SEEDS = 8
KS = (1, 2, 4)
"""Numbers of rng_seeds to predict from."""
CLEAR = 3e-4
"""Differences larger than this, in nats, are also looked at alone: of smaller ones the truth itself is uncertain."""

Lineage = list[list[float]]


@dataclass(frozen=True)
class Prediction:
    """One prediction and what it is held against; all values are child minus parent.

    Attributes:
        lineage: Whose recipes.
        truth: Mean over the rng_seeds left out.
        error: Standard error of `truth`, with `freedom` degrees of freedom.
        mean: Our estimate; `low` and `high` its 95 % interval.
        paired: Difference of plain means on the same rng_seeds.
        unpaired: Difference of plain means on different rng_seeds.
    """

    lineage: str
    truth: float
    error: float
    freedom: int
    mean: float
    low: float
    high: float
    paired: float
    unpaired: float


def read(path: Path) -> dict[str, Lineage]:
    """Values by lineage; recipes in order, then rng_seeds in order."""
    found: dict[str, list[tuple[int, list[float]]]] = {}
    for line in path.read_text().splitlines():
        row = json.loads(line)
        found.setdefault(row["agent"], []).append((row["order"], row["val_loss_by_rng_seed"]))
    return {name: [values for _, values in sorted(rows)] for name, rows in found.items()}


def fitted(lineages: Sequence[Lineage]) -> Fit:
    """Noise and effects as the engine fits them, from all recipes of some lineages on all rng_seeds."""
    estimates = Estimates()
    program = 0
    for recipes in lineages:
        for place, values in enumerate(recipes):
            estimates.add_program(program, program - 1 if place else None, "edit")
            for rng_seed, value in enumerate(values):
                estimates.add_trial(program, rng_seed, value)
            program += 1
    return estimates.fit()


def predictions(data: Mapping[str, Lineage], fits: Mapping[str, Fit], k: int) -> Iterator[Prediction]:
    """All predictions from k rng_seeds: of every pair, with the k starting at each rng_seed in turn."""
    for name, recipes in data.items():
        for parent, child in pairwise(recipes):
            for start in range(RNG_SEEDS):
                yield predict(name, parent, child, fits[name], k, start)


def predict(lineage: str, parent: Sequence[float], child: Sequence[float], fit: Fit, k: int, start: int) -> Prediction:
    """Predict one pair from k rng_seeds."""
    used = [(start + i) % RNG_SEEDS for i in range(k)]
    rest = [seed for seed in range(RNG_SEEDS) if seed not in used]
    # The unpaired child is seen on rng_seeds that neither the parent's mean nor the truth uses. With k = 4 none would
    # be left for the truth, so there the child is seen on the truth's own: that flatters the unpaired means.
    elsewhere, judged = (rest[:k], rest[k:]) if 2 * k < RNG_SEEDS else (rest, rest)
    estimates = Estimates(fit)
    estimates.add_program(0, None, "seed")
    estimates.add_program(1, 0, "edit")
    for seed in used:
        estimates.add_trial(0, seed, parent[seed])
        estimates.add_trial(1, seed, child[seed])
    ours = estimates.difference(1, 0)
    gaps = np.array([child[seed] - parent[seed] for seed in judged])
    return Prediction(
        lineage=lineage,
        truth=float(gaps.mean()),
        error=float(gaps.std(ddof=1) / math.sqrt(len(gaps))),
        freedom=len(gaps) - 1,
        mean=ours.mean,
        low=ours.low,
        high=ours.high,
        paired=float(np.mean([child[seed] - parent[seed] for seed in used])),
        unpaired=float(np.mean([child[seed] for seed in elsewhere]) - np.mean([parent[seed] for seed in used])),
    )


def covers(p: Prediction) -> bool:
    """Whether the interval holds the truth, the truth's own sampling error allowed for."""
    reach = t_quantile(0.975, p.freedom) * p.error
    return p.mean - math.hypot(p.mean - p.low, reach) <= p.truth <= p.mean + math.hypot(p.high - p.mean, reach)


def agrees(by: str, p: Prediction) -> bool:
    """Whether one of the predictions has the truth's sign."""
    return bool((getattr(p, by) < 0) == (p.truth < 0))


def share(found: Sequence[Prediction], hit: Callable[[Prediction], bool]) -> str:
    """Share of hits in per cent, with a 95 % interval from a bootstrap over lineages (pairs of one are related)."""
    names = sorted({p.lineage for p in found})
    hits = np.array([sum(hit(p) for p in found if p.lineage == name) for name in names])
    counts = np.array([sum(p.lineage == name for p in found) for name in names])
    draws = np.random.default_rng(0).integers(len(names), size=(2000, len(names)))
    low, high = np.quantile(100 * hits[draws].sum(1) / counts[draws].sum(1), [0.025, 0.975])
    return f"{100 * hits.sum() / counts.sum():.1f} [{low:.1f}, {high:.1f}]"


def table(data: Mapping[str, Lineage]) -> str:
    """Everything, as Markdown."""
    fits = {name: fitted([rows for other, rows in data.items() if other != name]) for name in data}
    pairing = sorted(fit.noise.pairing for fit in fits.values())
    lines = [
        "# Pairing on real data",
        "",
        f"Date {datetime.date.today()}, `python -m benchmarks.pairing paired_trials.jsonl`: {len(data)} lineages, "
        f"{sum(map(len, data.values()))} recipes on {RNG_SEEDS} rng_seeds each. Fits leave the predicted lineage out; "
        f"they put the correlation of parent and child at {pairing[0]:.2f} to {pairing[-1]:.2f}.",
        "",
        "Predicted from k rng_seeds: the sign of the difference of two consecutive recipes on other rng_seeds, in per "
        "cent right, with 95 % intervals over lineages; root mean square error in 1e-4 nats; and how often the 95 % "
        "interval of our estimate holds the truth.",
        "",
        "| pairs | k | predictions | sign: ours | paired means | unpaired means | error: ours | paired | unpaired | "
        "coverage |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for least, label in ((0.0, "all"), (CLEAR, f"differing by more than {CLEAR:g}")):
        for k in KS:
            found = [p for p in predictions(data, fits, k) if abs(p.truth) > least]
            signs, errors = [], []
            for by in ("mean", "paired", "unpaired"):
                signs.append(share(found, partial(agrees, by)))
                errors.append(f"{1e4 * math.sqrt(np.mean([(getattr(p, by) - p.truth) ** 2 for p in found])):.2f}")
            cells = [label, str(k), str(len(found)), *signs, *errors, share(found, covers)]
            lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "The truth is itself a mean over the 6 (k = 1) or 4 rng_seeds left out, so no method reaches 100 %; its error "
        "is allowed for in the coverage. For k = 4 the unpaired child is seen on the truth's own rng_seeds, which "
        "flatters the unpaired means. Pairs chosen for a large difference are no fair sample for coverage: they are "
        "listed for the signs.",
    ]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path)
    print(table(read(parser.parse_args().path)))


if __name__ == "__main__":
    main()

"""Do the seed programs keep their tuning when runs get longer? Their horizon rule on and off, at confirm and full.

    python -m benchmarks.horizon [--programs normuon muon ...] [--rng-seeds 3]

The seed programs were tuned at 120 steps. Each lowers its learning rates with the length of the run (the last factor of
`schedule`); here every program is run with that factor and without it, on the same rng_seeds.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
from collections.abc import Sequence
from pathlib import Path

from evaluator.pool import Evaluator
from evaluator.records import TrialRequest
from evaluator.tasks import get_task
from evolve.genomes import shipped
from population.genome import digest
from population.verdict import t_quantile

RESULT = Path(__file__).parent / "results" / "horizon.md"
FACTOR = " * min(1, 120 / train_steps) ** 0.3"
FIRST_RNG_SEED = 9500
"""Used nowhere else."""


def gains(sources: Sequence[str], rung_name: str, count: int, jobs: int) -> list[list[float]]:
    """What the factor gains for each program on each rng_seed, in nats per byte; failed pairs are left out."""
    task = get_task("charlm")
    rung = task.rung(rung_name)
    seeds = range(FIRST_RNG_SEED, FIRST_RNG_SEED + count)
    found: dict[tuple[str, int], float | None] = {}
    with Evaluator(task, jobs) as evaluator:
        for seed in seeds:
            for source in sources:
                for version in (source, source.replace(FACTOR, "")):
                    evaluator.submit(TrialRequest(digest(version), version, rung, seed))
        while len(found) < 2 * len(sources) * count:
            for _, trial in evaluator.wait():
                found[(trial.digest, trial.rng_seed)] = trial.value
    table = []
    for source in sources:
        pairs = [[found[(digest(s), k)] for s in (source, source.replace(FACTOR, ""))] for k in seeds]
        table.append([without - with_it for with_it, without in pairs if with_it is not None and without is not None])
    return table


def cell(values: Sequence[float]) -> str:
    """Mean with its 95 % t interval."""
    if len(values) < 2:
        return "-"
    reach = t_quantile(0.975, len(values) - 1) * statistics.stdev(values) / len(values) ** 0.5
    return f"{statistics.mean(values):+.4f} ± {reach:.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [seed.name for seed in shipped()]
    parser.add_argument("--programs", nargs="+", default=names, choices=names)
    parser.add_argument("--rng-seeds", type=int, default=3)
    parser.add_argument("--rungs", nargs="+", default=["confirm", "full"])
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    sources = {seed.name: seed.source for seed in shipped() if seed.name in arguments.programs}
    if lacking := [name for name, source in sources.items() if FACTOR not in source]:
        parser.error(f"no horizon rule of the form {FACTOR!r} in {', '.join(lacking)}")
    columns = [gains(list(sources.values()), rung, arguments.rng_seeds, arguments.jobs) for rung in arguments.rungs]
    lines = [
        "# What the seed programs' horizon rule is worth",
        "",
        f"Date {datetime.date.today()}, {arguments.jobs} cores; `python -m benchmarks.horizon --programs "
        f"{' '.join(sources)} --rng-seeds {arguments.rng_seeds}`. Gain in nats per byte (validation split) of lowering "
        "the learning rates by (120 / steps) ** 0.3, mean over rng_seeds with 95 % t interval; positive is better with "
        "the rule.",
        "",
        "| program | " + " | ".join(arguments.rungs) + " |",
        "| --- | " + "--- | " * len(arguments.rungs),
    ]
    for place, name in enumerate(sources):
        lines.append(f"| {name} | " + " | ".join(cell(column[place]) for column in columns) + " |")
    RESULT.write_text("\n".join(lines) + "\n")
    print(RESULT.read_text())


if __name__ == "__main__":
    main()

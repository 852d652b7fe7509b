"""Do 95 % intervals cover the truth? Simulated searches on landscapes with known truth.

    python -m benchmarks.calibration --replications 80 --jobs 2 > benchmarks/results/calibration.md

Each replication is a whole search on a world of its own (`benchmarks.simulated_search`). Half of the landscapes were
held out: the estimator was built looking at the others only.
"""

from __future__ import annotations

import argparse
import datetime
import math
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np

from benchmarks.landscapes import DEVELOPED, HELD_OUT, SD, landscape
from benchmarks.simulated_search import Search, believing
from population.verdict import t_quantile

BUDGETS = (200, 400, 800)
"""Trials of a search, in turn over replications: islands of about 45 to 180 programs."""


@dataclass(frozen=True)
class Outcome:
    """One replication. Values are true values, in noise sds.

    Attributes:
        coverage: Share of the programs' intervals that hold the truth; `programs` of them.
        differences: The same for child minus parent.
        covered: Whether the reported champion's interval does.
        champion: The reported champion's value.
        optimism: Its value minus what is claimed for it.
        luckiest: Value of the program with the best single trial of the same search.
        single: Value of the champion of a search that believes single trials, all on one rng_seed.
        fresh: The same with a fresh rng_seed for each program.
        lucky_optimism: The latter's value minus what is claimed for it.
        replicates: Share of trials spent on another rng_seed.
        birth_cpu: CPU seconds per program.
    """

    programs: int
    coverage: float
    differences: float
    covered: bool
    champion: float
    optimism: float
    luckiest: float
    single: float
    fresh: float
    lucky_optimism: float
    replicates: float
    birth_cpu: float


def replication(name: str, number: int) -> Outcome:
    """One search on a world of its own, and its rivals on the same world with the same budget."""
    budget = BUDGETS[number % len(BUDGETS)]
    world = landscape(name, np.random.default_rng([number, 1]))
    search = Search(world, np.random.default_rng([number, 2]))
    start = time.process_time()
    search.run(budget)
    spent = time.process_time() - start
    hits, gaps = [], []
    for program, made in enumerate(search.truth):
        found = search.estimates.estimate(program)
        if found.n:
            hits.append(found.low <= made.value <= found.high)
        parent = search.parent[program]
        if parent is not None and program % 4 == 0:
            gap = search.estimates.difference(program, parent)
            gaps.append(gap.low <= made.value - search.truth[parent].value <= gap.high)
    champion = search.champion()
    claim, value = search.estimates.estimate(champion), search.truth[champion].value
    single, _ = believing(world, np.random.default_rng([number, 3]), budget, fresh=False)
    fresh, claimed = believing(world, np.random.default_rng([number, 3]), budget, fresh=True)
    return Outcome(
        programs=len(hits),
        coverage=float(np.mean(hits)),
        differences=float(np.mean(gaps)),
        covered=claim.low <= value <= claim.high,
        champion=value / SD,
        optimism=(value - claim.mean) / SD,
        luckiest=search.truth[search.luckiest()].value / SD,
        single=single / SD,
        fresh=fresh / SD,
        lucky_optimism=(fresh - claimed) / SD,
        replicates=search.replicates / search.trials,
        birth_cpu=spent / len(search.truth),
    )


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a binomial share (Wilson 1927 <https://doi.org/10.2307/2276774>)."""
    z = t_quantile(0.975, math.inf)
    centre, reach = hits + z * z / 2, z * math.sqrt(hits * (n - hits) / n + z * z / 4)
    return (centre - reach) / (n + z * z), (centre + reach) / (n + z * z)


def mean_and_reach(values: Sequence[float]) -> tuple[float, float]:
    """Mean over replications and half its 95 % t interval."""
    n = len(values)
    return float(np.mean(values)), t_quantile(0.975, n - 1) * float(np.std(values, ddof=1)) / math.sqrt(n)


def shown(values: Sequence[float], digits: int = 2) -> str:
    mean, reach = mean_and_reach(values)
    return f"{mean:.{digits}f} ± {reach:.{digits}f}"


def coverage_row(name: str, runs: Sequence[Outcome]) -> str:
    hits, n = sum(run.covered for run in runs), len(runs)
    low, high = wilson(hits, n)
    every = shown([100 * run.coverage for run in runs], 1)
    programs = sum(run.programs for run in runs)
    inside = round(sum(run.coverage * run.programs for run in runs))
    few, many = wilson(inside, programs)
    gaps = shown([100 * run.differences for run in runs], 1)
    return (
        f"| {name} | {n} | {programs} | {every} | {100 * inside / programs:.1f} [{100 * few:.1f}, {100 * many:.1f}] | "
        f"{gaps} | {hits}/{n} = {100 * hits / n:.1f} [{100 * low:.1f}, {100 * high:.1f}] |"
    )


def gain_row(name: str, runs: Sequence[Outcome]) -> str:
    return (
        f"| {name} | {shown([run.luckiest - run.champion for run in runs])} | "
        f"{shown([run.fresh - run.champion for run in runs])} | {shown([run.single - run.champion for run in runs])} | "
        f"{shown([run.optimism for run in runs])} | {shown([run.lucky_optimism for run in runs])} | "
        f"{100 * np.mean([run.replicates for run in runs]):.0f} % |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replications", type=int, default=80)
    parser.add_argument("--first", type=int, default=0, help="number of the first replication (its worlds' rng_seed)")
    parser.add_argument("--landscapes", nargs="*", default=[*DEVELOPED, *HELD_OUT])
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    numbers = range(args.first, args.first + args.replications)
    found: dict[str, list[Outcome]] = {}
    with ProcessPoolExecutor(args.jobs) as pool:
        for name in args.landscapes:
            found[name] = list(pool.map(replication, [name] * len(numbers), numbers))
            print(coverage_row(name, found[name]), file=sys.stderr, flush=True)
    report(found, " ".join(sys.argv[1:]))


def report(found: dict[str, list[Outcome]], arguments: str) -> None:
    """Print the page."""
    groups = {"all developed on": DEVELOPED, "all held out": HELD_OUT}
    pooled = {label: [run for name in names for run in found.get(name, [])] for label, names in groups.items()}
    rows = {name + (" (held out)" if name in HELD_OUT else ""): runs for name, runs in found.items()}
    rows |= {f"**{label}**": runs for label, runs in pooled.items() if runs}
    rows["**all**"] = [run for runs in found.values() for run in runs]
    cpu = 1e3 * float(np.mean([run.birth_cpu for run in rows["**all**"]]))
    print(f"# Calibration of estimates\n\n{datetime.date.today()}, {os.cpu_count()} cores, command:\n")
    print(f"    python -m benchmarks.calibration {arguments}\n")
    print(
        f"A replication is a whole search of {', '.join(map(str, BUDGETS))} trials in turn, 4 islands, 8 seed programs."
    )
    print(f"CPU time of the search {cpu:.1f} ms per program, estimates, refits and allocation included.\n")
    print("## Coverage of 95 % intervals, in %\n")
    print(
        "Over replications: mean ± 95 % t interval, programs of one search erring together. Pooled: with the binomial"
    )
    print("interval, which takes programs as independent. Champions: one per search, with the binomial interval.\n")
    print(
        "| landscape | searches | programs | all programs, over replications | all programs, pooled "
        "| child minus parent | champions |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print("\n".join(coverage_row(name, runs) for name, runs in rows.items()))
    print("\n## What is gained over believing single trials, in noise sds\n")
    print("True value of the rival's champion minus that of ours, same world and budget, mean ± 95 % t interval over")
    print("replications; positive is better for us. Optimism: true value minus what is claimed for the champion.\n")
    print(
        "| landscape | best single trial of the same search | search by single trials, fresh rng_seeds "
        "| search by single trials, one rng_seed | our optimism | optimism of fresh single trials | on replicates |"
    )
    print("| --- | --- | --- | --- | --- | --- | --- |")
    print("\n".join(gain_row(name, runs) for name, runs in rows.items()))


if __name__ == "__main__":
    main()

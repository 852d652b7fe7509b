"""How much of a child's luck is its parent's on `charlm`, with one block and with two?

    python -m benchmarks.task_noise [--rng-seeds 8]

A seed program and the same with another learning rate stand for parent and child; both run on the same rng_seeds.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
from pathlib import Path

from evaluator.pool import Evaluator
from evaluator.records import TrialRequest
from evaluator.tasks.charlm import CharLM
from evolve.genomes import shipped
from population.components import hyperparameters, with_values
from population.genome import digest

RESULT = Path(__file__).parent / "results" / "task_noise.md"
FIRST_RNG_SEED = 9600
"""Used nowhere else."""


def row(task: CharLM, parent: str, child: str, count: int, jobs: int) -> str:
    """One line of the table."""
    rung = task.rung("proxy")
    values: dict[tuple[str, int], float] = {}
    cpu = []
    with Evaluator(task, jobs) as evaluator:
        for seed in range(FIRST_RNG_SEED, FIRST_RNG_SEED + count):
            for source in (parent, child):
                evaluator.submit(TrialRequest(digest(source), source, rung, seed))
        while len(values) < 2 * count:
            for _, trial in evaluator.wait():
                assert trial.value is not None, trial.reason
                values[(trial.digest, trial.rng_seed)] = trial.value
                cpu.append(trial.cpu_seconds)
    seeds = sorted({seed for _, seed in values})
    first, second = ([values[(digest(source), seed)] for seed in seeds] for source in (parent, child))
    gaps = [a - b for a, b in zip(first, second, strict=True)]
    figures = [statistics.stdev(first), statistics.stdev(second), statistics.stdev(gaps), abs(statistics.mean(gaps))]
    cells = [f"{figure:.4f}" for figure in figures]
    pairing = statistics.correlation(first, second)
    return f"| {task.depth} | {' | '.join(cells)} | {pairing:.2f} | {statistics.mean(cpu):.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rng-seeds", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    parent = next(seed.source for seed in shipped() if seed.name == "normuon")
    rate = next(each for each in hyperparameters(parent) if each.name == "MUON_LR")
    child = with_values(parent, {rate.name: 0.65 * float(rate.value)})
    lines = [
        "# Luck on charlm, with one block and with two",
        "",
        f"Date {datetime.date.today()}, {arguments.jobs} cores; `python -m benchmarks.task_noise --rng-seeds "
        f"{arguments.rng_seeds}`. Proxy rung; parent: normuon; child: the same with MUON_LR x0.65; nats per byte.",
        "",
        "| blocks | sd, parent | sd, child | sd, paired difference | mean difference | correlation | CPU s a trial |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for depth in (1, 2):
        lines.append(row(CharLM(depth=depth), parent, child, arguments.rng_seeds, arguments.jobs))
    RESULT.write_text("\n".join(lines) + "\n")
    print(RESULT.read_text())


if __name__ == "__main__":
    main()

"""Tune every seed program with the same number of proxy trials, by the same method.

    python -m benchmarks.tune_seed_programs --jobs 2
    python -m benchmarks.tune_seed_programs --jobs 2 --write      # put the result into seed_programs/

The method, per program: points spread evenly over a box around the values as written (a Sobol sequence,
Bousquet 2017 <https://arxiv.org/abs/1706.03200>), then rounds of the cross-entropy method (de Boer 2005
<https://doi.org/10.1007/s10479-005-5724-z>: draw from a normal distribution fitted to the best points so
far), all on one rng_seed, so that they are paired; at last the few best are run on further rng_seeds and the
best mean wins, as in the last round of successive halving (Jamieson 2016
<https://arxiv.org/abs/1502.07943>). The rng_seeds are used nowhere else. Every trial is appended to a log
and none is paid twice, so the script can be stopped and resumed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from evaluator.pool import Evaluator
from evaluator.records import Outcome, TrialRequest
from evaluator.tasks import get_task
from population.genome import digest
from population.hyperparameters import Hyperparameter, hyperparameters, with_values
from population.scales import Scale, from_axis, to_axis

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"

RATES = ("HIDDEN_LR", "EMBED_LR", "HEAD_LR", "VECTOR_LR")
MUON_RATES = ("MUON_LR", "EMBED_LR", "HEAD_LR", "VECTOR_LR")
TUNED: dict[str, tuple[str, ...]] = {
    "adamw": (*RATES, "BETA1", "WARMUP_FRACTION"),
    "ademamix": (*RATES, "ALPHA", "SLOW_HALF_LIFE_FRACTION"),
    "lion": (*RATES, "BETA1", "BETA2"),
    "muon": (*MUON_RATES, "MUON_MOMENTUM", "DECAY_FRACTION"),
    "normuon": (*MUON_RATES, "MUON_MOMENTUM", "DECAY_FRACTION"),
    "psgd_kron": (*RATES, "BETA1", "PRECONDITIONER_LR"),
    "schedule_free_adamw": (*RATES, "BETA1", "WARMUP_FRACTION"),
    "sgd_nesterov": (*RATES, "MOMENTUM", "MAX_NORM"),
    "shampoo": (*RATES, "BETA1", "SHAMPOO_BETA"),
    "soap": (*RATES, "BETA1", "SHAMPOO_BETA"),
    "soap_muon": (*MUON_RATES, "MUON_MOMENTUM", "SHAMPOO_BETA"),
}
"""What is tuned in each program; the box around a value is as wide as its scale says."""

HALF_WIDTH = {
    Scale.LEARNING_RATE: 2.1,  # a factor of 8 to either side
    Scale.WEIGHT_DECAY: 2.3,
    Scale.BETA: 1.2,  # a factor of 3.3 in one minus beta
    Scale.FRACTION: 1.5,  # in log odds
    Scale.FACTOR: 1.2,
}
FIRST_RNG_SEED = 9000
SPREAD, ROUNDS, ROUND, ELITE = 24, 2, 16, 6
FINALISTS, FURTHER_RNG_SEEDS = 4, 2
TRIALS = SPREAD + ROUNDS * ROUND + FINALISTS * FURTHER_RNG_SEEDS
NARROWEST = 0.15
"""The fitted distribution never gets narrower than this, on the axes of `population.scales`."""

Values = dict[str, float]


@dataclass(frozen=True)
class Run:
    """One trial of one program at some values.

    Attributes:
        program: Name of the seed program.
        values: The tuned hyperparameters.
        rng_seed: Seed of the initialization noise.
        outcome: How the trial ended.
        value: Held-out loss, nats per byte; None unless it finished.
        cpu_seconds: What it cost.
        fingerprint: What else determines the value.
    """

    program: str
    values: Values
    rng_seed: int
    outcome: str
    value: float | None
    cpu_seconds: float
    fingerprint: str


def rank(run: Run) -> tuple[bool, float]:
    """Sort key: trials without a value come last."""
    return run.value is None, run.value or 0.0


def place(parameters: Sequence[Hyperparameter], point: Iterable[float]) -> Values:
    """Values, to two significant digits, of a point on the hyperparameters' axes."""
    values = {}
    for parameter, x in zip(parameters, point, strict=True):
        value = from_axis(parameter.scale, x)
        values[parameter.name] = value if parameter.scale is Scale.BETA else float(f"{value:.2g}")
    return values


def search(
    source: str,
    names: Sequence[str],
    measure: Callable[[list[tuple[Values, int]]], list[Run]],
    rng: random.Random,
) -> list[Run]:
    """Run the whole method for one program.

    Args:
        source: The seed program as written.
        names: Its hyperparameters to tune.
        measure: Runs trials at (values, rng_seed) and returns them in the same order.
        rng: The only source of chance.

    Returns:
        The trials of the winner, one for each rng_seed.
    """
    known = {parameter.name: parameter for parameter in hyperparameters(source)}
    parameters = [known[name] for name in names]
    centre = [to_axis(parameter.scale, parameter.value) for parameter in parameters]
    widths = [HALF_WIDTH[parameter.scale] for parameter in parameters]
    sobol = torch.quasirandom.SobolEngine(len(names), scramble=True, seed=rng.randrange(2**31))
    spread = [
        [c + w * (2 * u - 1) for c, w, u in zip(centre, widths, row, strict=True)]
        for row in sobol.draw(SPREAD - 1).tolist()
    ]
    points = [centre, *spread]
    runs = measure([(place(parameters, point), FIRST_RNG_SEED) for point in points])
    for _ in range(ROUNDS):
        best = sorted(zip(runs, points, strict=True), key=lambda pair: rank(pair[0]))[:ELITE]
        columns = list(zip(*(point for _, point in best), strict=True))
        drawn = [
            [rng.gauss(statistics.mean(xs), max(NARROWEST, statistics.stdev(xs))) for xs in columns]
            for _ in range(ROUND)
        ]
        points += drawn
        runs += measure([(place(parameters, point), FIRST_RNG_SEED) for point in drawn])
    finalists = sorted(runs, key=rank)[:FINALISTS]
    seeds = range(FIRST_RNG_SEED + 1, FIRST_RNG_SEED + 1 + FURTHER_RNG_SEEDS)
    further = measure([(run.values, seed) for run in finalists for seed in seeds])
    groups = [[run, *(more for more in further if more.values == run.values)] for run in finalists]
    return min(groups, key=lambda group: (any(r.value is None for r in group), sum(r.value or 0 for r in group)))


class Bench:
    """Runs trials and remembers them.

    Args:
        log: One JSON object a line and trial; read first, appended to.
        evaluator: Runs what the log does not have.
        rung: The rung of every trial.
    """

    def __init__(self, log: Path, evaluator: Evaluator, task: str, rung: str) -> None:
        self.rung = get_task(task).rung(rung)
        self.runs: list[Run] = []
        self._log, self._evaluator = log, evaluator
        if log.exists():
            self.runs = [Run(**json.loads(line)) for line in log.read_text().splitlines()]

    def measure(self, program: str, source: str, wanted: list[tuple[Values, int]]) -> list[Run]:
        """The trials of a program at some values and rng_seeds, in the order asked for."""
        known = {(json.dumps(run.values), run.rng_seed): run for run in self.runs if run.program == program}
        tickets = {}
        for values, rng_seed in wanted:
            if (json.dumps(values), rng_seed) not in known and (values, rng_seed) not in tickets.values():
                child = with_values(source, values)
                request = TrialRequest(digest(child), child, self.rung, rng_seed)
                tickets[self._evaluator.submit(request)] = (values, rng_seed)
        while tickets:
            for ticket, trial in self._evaluator.wait():
                values, rng_seed = tickets.pop(ticket)
                if trial.outcome is Outcome.LOST:
                    sys.exit(f"a trial of {program} was lost ({trial.reason}); run this again to go on")
                run = Run(
                    program,
                    values,
                    rng_seed,
                    trial.outcome.value,
                    trial.value,
                    round(trial.cpu_seconds, 3),
                    trial.fingerprint,
                )
                known[json.dumps(values), rng_seed] = run
                self.runs.append(run)
                with self._log.open("a") as file:
                    file.write(json.dumps(asdict(run)) + "\n")
        return [known[json.dumps(values), rng_seed] for values, rng_seed in wanted]


def edges(source: str, winner: Values) -> list[str]:
    """Names of hyperparameters whose tuned value lies at the edge of the first box or outside it."""
    known = {parameter.name: parameter for parameter in hyperparameters(source)}
    found = []
    for name, value in winner.items():
        scale = known[name].scale
        moved = abs(to_axis(scale, value) - to_axis(scale, known[name].value)) / HALF_WIDTH[scale]
        if moved > 0.9:
            found.append(f"{name} ({'outside' if moved > 1.02 else 'at'} the edge)")
    return found


def table_row(program: str, source: str, winner: list[Run], runs: list[Run]) -> str:
    """One line of the table."""
    old = {parameter.name: parameter.value for parameter in hyperparameters(source)}
    values = [run.value for run in winner if run.value is not None]
    untouched = {name: old[name] for name in winner[0].values}
    as_written = next(run.value for run in runs if (run.values, run.rng_seed) == (untouched, FIRST_RNG_SEED))
    first = next(run.value for run in winner if run.rng_seed == FIRST_RNG_SEED)
    changes = ", ".join(f"{name} {old[name]:g} → {value:g}" for name, value in winner[0].values.items())
    failed = sum(run.value is None for run in runs)
    cost = statistics.mean(run.cpu_seconds for run in runs)
    return (
        f"| {program} | {as_written or float('nan'):.4f} | {first:.4f} | {statistics.mean(values):.4f} "
        f"± {statistics.stdev(values):.4f} | {len(runs)} | {failed} | {cost:.1f} | {changes} | "
        f"{', '.join(edges(source, winner[0].values)) or 'none'} |"
    )


def report(rows: list[str], rung: str, command: str) -> str:
    """The result as a page."""
    machine = f"{os.cpu_count()} {platform.machine()} cores, torch {torch.__version__}"
    head = f"""# Tuning of the seed programs

{datetime.now(UTC):%Y-%m-%d}, {machine}. Task `charlm`, {rung}; {TRIALS} trials a program. Made by

    {command}

Losses are nats per byte on the validation split. "As written" and "tuned" are on rng_seed {FIRST_RNG_SEED},
which the search looked at, so that "tuned" is flattered a little; the mean ± standard deviation is over
{1 + FURTHER_RNG_SEEDS} rng_seeds. The first points fill a box; later rounds may leave it, and the last column
says which values did or lie at its edge: there may be something better beyond.

| program | as written | tuned | mean over rng_seeds | trials | failed | CPU s a trial | values | at an edge |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""
    return head + "\n".join(rows) + "\n"


def main() -> None:
    """Tune, print the table, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="*", default=sorted(TUNED), metavar="PROGRAM")
    parser.add_argument("--jobs", type=int, default=1, help="trials at once")
    parser.add_argument("--task", default="charlm")
    parser.add_argument("--rung", default="proxy", help="the rung of every trial (smoke tries the script out)")
    parser.add_argument("--sources", type=Path, default=ROOT / "seed_programs", help="folder of the seed programs")
    parser.add_argument("--out", type=Path, default=RESULTS, help="folder of the log and the page")
    parser.add_argument("--write", action="store_true", help="write the tuned values into the seed programs")
    options = parser.parse_args()
    unknown = sorted(set(options.programs) - set(TUNED))
    if unknown:
        parser.error(f"no such seed program: {', '.join(unknown)}; there are {', '.join(sorted(TUNED))}")
    options.out.mkdir(parents=True, exist_ok=True)
    rows = []
    with Evaluator(get_task(options.task), jobs=options.jobs) as evaluator:
        bench = Bench(options.out / "tune_seed_programs.jsonl", evaluator, options.task, options.rung)
        for program in options.programs:
            path = options.sources / f"{program}.py"
            source = path.read_text()

            def measure(wanted: list[tuple[Values, int]], program: str = program, source: str = source) -> list[Run]:
                return bench.measure(program, source, wanted)

            winner = search(source, TUNED[program], measure, random.Random(program))
            rows.append(table_row(program, source, winner, [r for r in bench.runs if r.program == program]))
            print(rows[-1], flush=True)
            if options.write:
                path.write_text(with_values(source, winner[0].values))
        steps = f"{options.rung} rung, {bench.rung.train_steps} steps"
    command = "python -m benchmarks.tune_seed_programs " + " ".join(sys.argv[1:])
    (options.out / "tune_seed_programs.md").write_text(report(rows, steps, command))


if __name__ == "__main__":
    main()

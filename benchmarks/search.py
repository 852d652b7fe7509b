"""Does the search find better optimizers, and does the engine beat simpler searches that may run as many steps?

    python benchmarks/search.py engine --rng-seeds 0 1 2      # five-minute runs, each promoted at the full rung
    python benchmarks/search.py simple --rng-seeds 0 1 2      # the others, at the steps that the engine's run took
    python benchmarks/search.py table

Every winner is scored in the same way: the confirm rung on rng_seeds that no search has used, paired with the best seed
program of the engine's run. Results are appended to a JSONL file, so that a study can be made in several sittings.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evaluator.pool import Evaluator
from evaluator.records import Rung, TrialRequest
from evaluator.tasks import get_task
from evolve.operators import get_operator
from evolve.operators.base import NoVariationError
from population.genome import digest
from population.store import Store
from population.verdict import t_quantile

RESULTS = Path(__file__).parent / "results"
ROWS = RESULTS / "search.jsonl"
FRESH = tuple(range(1500, 1508))
"""Confirm rng_seeds for scoring winners; searches use 1000 and the next few."""


def evolve(*args: object) -> str:
    """Run a command of ours; what it prints."""
    command = [sys.executable, "-m", "evolve", *map(str, args)]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def keep(row: dict[str, Any]) -> None:
    """Append a result."""
    with ROWS.open("a") as file:
        file.write(json.dumps(row) + "\n")


def rows() -> list[dict[str, Any]]:
    """All results; of several for one search and rng_seed the last counts."""
    if not ROWS.exists():
        return []
    latest = {}
    for line in ROWS.read_text().splitlines():
        row = json.loads(line)
        latest[(row["kind"], row["search"], row["rng_seed"])] = row
    return list(latest.values())


def facts(folder: Path) -> dict[str, Any]:
    """What a run of the engine came to."""
    status = json.loads(evolve("status", "--run", folder, "--json"))
    task = get_task("charlm")
    with Store.open(folder / "population.db") as store:
        steps = sum(task.rung(trial.rung).train_steps for trial in store.trials() if trial.rung != "full")
        sources = {key: store.program(status[key]["id"]).source for key in ("best", "best_seed")}
        path = [store.program(id) for id in (*store.ancestors(status["best"]["id"]), status["best"]["id"])]
    notes = [f"#{row.id} {row.operator}: {row.note or row.name}" for row in path]
    wanted = ("births", "trials", "outcomes", "best", "best_seed", "gain", "elapsed")
    return {key: status[key] for key in wanted} | {"steps": steps, "sources": sources, "path": notes}


def engine(seed: int, folder: Path) -> None:
    """The default run, promoted."""
    run = folder / f"engine-{seed}"
    shutil.rmtree(run, ignore_errors=True)
    evolve("start", "--islands", 4, "--rng-seed", seed, "--run", run, "--quiet")
    found = facts(run)
    row = {"kind": "run", "search": "four islands", "rng_seed": seed} | found
    if found["best"]["id"] != found["best_seed"]["id"]:
        row["promotion"] = json.loads(evolve("promote", found["best"]["id"], "--run", run, "--json"))[-1]
    keep(row)
    print(json.dumps({key: row.get(key) for key in ("rng_seed", "births", "trials", "gain", "promotion")}), flush=True)


def one_island(seed: int, folder: Path, trials: int) -> str:
    """The engine with one island, at the trials of the default run; its best source."""
    run = folder / f"one-island-{seed}"
    shutil.rmtree(run, ignore_errors=True)
    evolve("start", "--islands", 1, "--rng-seed", seed, "--run", run, "--quiet", "--budget-trials", trials)
    found = facts(run)
    keep({"kind": "run", "search": "one island", "rng_seed": seed} | found)
    return str(found["sources"]["best"])


def simple(accept: Callable[[float, float], bool], start: str, seed: int, steps: int, jobs: int) -> str:
    """Perturb the current program, one proxy trial on rng_seed 0 a child; move when `accept` says so.

    Args:
        accept: From the child's and the current program's value, whether to go on from the child.
        start: The best seed program.
        seed: Seed of the perturbations.
        steps: Steps that may be taken.
        jobs: Trials at once.

    Returns:
        The source with the lowest single value.
    """
    task = get_task("charlm")
    rung = task.rung("proxy")
    rng = random.Random(f"simple/{seed}")
    perturb = get_operator("perturb")
    seen = {digest(start)}
    best, best_value = start, float("inf")
    current, current_value = start, float("inf")
    under_way: dict[int, str] = {}
    with Evaluator(task, jobs) as evaluator:
        under_way[evaluator.submit(TrialRequest(digest(start), start, rung, 0))] = start
        left = steps // rung.train_steps - 1
        while under_way:
            for ticket, trial in evaluator.wait():
                source = under_way.pop(ticket)
                if trial.value is None:
                    continue
                if trial.value < best_value:
                    best, best_value = source, trial.value
                if source == start or accept(trial.value, current_value):
                    current, current_value = source, trial.value
            while left > 0 and evaluator.idle > 0 and current_value < float("inf"):
                try:
                    child = perturb.vary([current], rng, ()).source
                except NoVariationError:
                    continue
                if digest(child) not in seen:
                    seen.add(digest(child))
                    under_way[evaluator.submit(TrialRequest(digest(child), child, rung, 0))] = child
                    left -= 1
    return best


def values(sources: Sequence[str], rung: Rung, seeds: Sequence[int], jobs: int) -> dict[tuple[str, int], float | None]:
    """Value by (digest, rng_seed) of several programs."""
    found: dict[tuple[str, int], float | None] = {}
    distinct = {digest(source): source for source in sources}
    with Evaluator(get_task("charlm"), jobs) as evaluator:
        for seed in seeds:
            for identity, source in distinct.items():
                evaluator.submit(TrialRequest(identity, source, rung, seed))
        while len(found) < len(distinct) * len(seeds):
            for _, trial in evaluator.wait():
                found[(trial.digest, trial.rng_seed)] = trial.value
    return found


def compare(seed: int, folder: Path, jobs: int) -> None:
    """The simple searches and one island beside the engine's run of the same rng_seed; then all winners alike."""
    run = next(row for row in rows() if row["search"] == "four islands" and row["rng_seed"] == seed)
    start, steps = run["sources"]["best_seed"], run["steps"]
    winners = {
        "best seed program": start,
        "four islands": run["sources"]["best"],
        "one island": one_island(seed, folder, run["trials"]),
        "random perturbation": simple(lambda child, current: False, start, seed, steps, jobs),
        "greedy (1+1)": simple(lambda child, current: child < current, start, seed, steps, jobs),
    }
    scored = values(list(winners.values()), get_task("charlm").rung("confirm"), FRESH, jobs)
    reference = [scored[(digest(start), each)] for each in FRESH]
    for name, source in winners.items():
        got = [scored[(digest(source), each)] for each in FRESH]
        pairs = [a - b for a, b in zip(reference, got, strict=True) if a is not None and b is not None]
        keep({"kind": "score", "search": name, "rng_seed": seed, "values": got, "gains": pairs})
        print(seed, name, statistics.mean(pairs), flush=True)


def interval(numbers: Sequence[float]) -> str:
    """Mean with its 95 % t interval."""
    mean = statistics.mean(numbers)
    if len(numbers) < 2:
        return f"{mean:+.4f}"
    reach = t_quantile(0.975, len(numbers) - 1) * statistics.stdev(numbers) / len(numbers) ** 0.5
    return f"{mean:+.4f} [{mean - reach:+.4f}, {mean + reach:+.4f}]"


def table() -> str:
    """Everything so far, as Markdown."""
    found = rows()
    lines = [
        "# What the search finds",
        "",
        f"Date {datetime.date.today()}, {len(os.sched_getaffinity(0))} cores, task charlm; "
        "`python benchmarks/search.py engine`, `simple`, `table`. Gains are nats/byte below the "
        "best seed program, paired by rng_seed, with 95 % "
        "intervals; positive is better.",
        "",
        "## Default runs (`evolve start --islands 4`, five minutes), promoted at the full rung on the test split",
        "",
        "| rng_seed | births | trials | outcomes | best seed program | confirm gain (search's own estimate) | "
        "full-rung gain | p | verdict |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in sorted((r for r in found if r["search"] == "four islands" and r["kind"] == "run"), key=_seed):
        gain, promotion = row["gain"], row.get("promotion")
        own = f"{gain['mean']:+.4f} [{gain['low']:+.4f}, {gain['high']:+.4f}] ({row['best']['rung']})" if gain else "-"
        full, p, verdict = "-", "-", "the best program is a seed program"
        if promotion:
            full = f"{promotion['gain']:+.4f} [{promotion['low']:+.4f}, {promotion['high']:+.4f}]"
            p, verdict = f"{promotion['p_adjusted']:.2g}", promotion["verdict"]
        outcomes = ", ".join(f"{count} {name}" for name, count in row["outcomes"].items())
        seed_name = row["best_seed"]["name"]
        lines.append(
            f"| {row['rng_seed']} | {row['births']} | {row['trials']} | {outcomes} | {seed_name} | {own} | {full} | "
            f"{p} | {verdict} |"
        )
    lines += ["", "How the winners came about:", ""]
    for row in sorted((r for r in found if r["search"] == "four islands" and r["kind"] == "run"), key=_seed):
        lines.append(f"- rng_seed {row['rng_seed']}: " + " -> ".join(row["path"]))
    if not any(row["kind"] == "score" for row in found):
        return "\n".join(lines) + "\n"
    lines += [
        "",
        f"## At equal steps: winners on the confirm rung, {len(FRESH)} rng_seeds that no search has used",
        "",
        "| search | " + " | ".join(f"rng_seed {s}" for s in _seeds(found)) + " | mean |",
        "| --- | " + "--- | " * (len(_seeds(found)) + 1),
    ]
    for name in ("random perturbation", "greedy (1+1)", "one island", "four islands"):
        by_seed = {r["rng_seed"]: r["gains"] for r in found if r["kind"] == "score" and r["search"] == name}
        cells = [interval(by_seed[s]) if s in by_seed else "-" for s in _seeds(found)]
        means = [statistics.mean(gains) for gains in by_seed.values()]
        lines.append(
            f"| {name} | " + " | ".join(cells) + f" | {statistics.mean(means):+.4f} |" if means else f"| {name} |"
        )
    lines += [
        "",
        "Random perturbation and greedy (1+1) begin at the best seed program, which the engine has to find among all "
        "of them, and pay one proxy trial a child; they may take as many steps as the engine's run took. One island "
        "may "
        "run as many trials.",
    ]
    return "\n".join(lines) + "\n"


def _seed(row: dict[str, Any]) -> int:
    return int(row["rng_seed"])


def _seeds(found: list[dict[str, Any]]) -> list[int]:
    return sorted({row["rng_seed"] for row in found if row["kind"] == "score"})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["engine", "simple", "table"])
    parser.add_argument("--rng-seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--folder", type=Path, default=Path("runs/benchmark"))
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    for seed in arguments.rng_seeds if arguments.what != "table" else ():
        if arguments.what == "engine":
            engine(seed, arguments.folder)
        else:
            compare(seed, arguments.folder, arguments.jobs)
    (RESULTS / "search.md").write_text(table())
    print(table())


if __name__ == "__main__":
    main()

"""Do calls under way slow evaluation? Trials of one optimizer with and without 32 calls that no model answers.

    python -m benchmarks.calls_in_flight [--calls 32] [--rounds 6] [--trials 60]

Runs alternate, each a search around one seed program that changes values alone, on all cores, so that all trials of a
rung do the same work: one run without a model, one with as many calls under way as the option says (their server holds
them, no answer ever comes). Compared are the proxy trials that began with all calls under way: wall-clock and CPU
seconds of the median one, and how many ended a minute. Writes `benchmarks/results/calls_in_flight.md`.
"""

from __future__ import annotations

import argparse
import datetime
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "evolve"))
from fake_models import FakeModels

from population.store import Store

SEED = Path(__file__).parent.parent / "seed_programs" / "adamw.py"
FIRST = 6
"""Trials that are left out at least."""
RESULT = Path(__file__).parent / "results" / "calls_in_flight.md"


@dataclass(frozen=True)
class Seen:
    """What a run's proxy trials took once all calls were under way.

    Attributes:
        trials: How many there were.
        wall: Wall-clock seconds of the median one.
        cpu: Its CPU seconds.
        per_minute: Trials of any rung that ended a minute.
    """

    trials: int
    wall: float
    cpu: float
    per_minute: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--trials", type=int, default=60, help="trials of one run")
    options = parser.parse_args()
    rows = []
    for _ in range(options.rounds):
        alone, beside = search(options.trials, 0), search(options.trials, options.calls)
        ratios = (beside.wall / alone.wall, beside.cpu / alone.cpu, beside.per_minute / alone.per_minute)
        rows.append((f"{alone.trials} and {beside.trials}", *ratios))
        print(rows[-1], flush=True)
    middle = [statistics.median(row[i] for row in rows) for i in range(1, 4)]
    lines = [
        "# Evaluation beside calls under way",
        "",
        f"Date {datetime.date.today()}, {os.cpu_count()} cores; `python -m benchmarks.calls_in_flight --calls "
        f"{options.calls} --rounds {options.rounds} --trials {options.trials}`.",
        f"Ratios: with {options.calls} calls under way all the time to without.",
        "",
        "| round | proxy trials | wall-clock of a trial, median | CPU of a trial, median | trials a minute |",
        "| --- | ---: | ---: | ---: | ---: |",
        *(f"| {i} | {n} | {wall:.3f} | {cpu:.3f} | {rate:.3f} |" for i, (n, wall, cpu, rate) in enumerate(rows, 1)),
        f"| median | | {middle[0]:.3f} | {middle[1]:.3f} | {middle[2]:.3f} |",
        "",
    ]
    RESULT.write_text("\n".join(lines))
    print(RESULT.read_text())


def search(trials: int, calls: int) -> Seen:
    """A short run; `calls` of 0 for one without a model."""
    models = FakeModels(lambda messages: "", ["hang"] * 1000)
    thread = threading.Thread(target=models.serve, daemon=True)
    thread.start()
    asked = ["--model", "openai/fake", "--calls", calls, "--operators", "perturb,llm_diff"] if calls else []
    run = Path(tempfile.mkdtemp(prefix="evolve-calls-")) / "run"
    plain = ["--from", SEED, "--operators", "perturb"]
    command = ["start", *plain, *asked, "--budget-trials", trials, "--quiet", "--run", run]
    environment = {**os.environ, "OPENAI_API_BASE": models.url, "OPENAI_API_KEY": "none"}
    subprocess.run([sys.executable, "-m", "evolve", *map(str, command)], env=environment, check=True)
    assert models.most_at_once == calls
    models.close()
    thread.join()
    with Store.open(run / "population.db") as store:
        begun = max([call.elapsed for call in store.calls()], default=0.0)
        rows = [row for row in store.trials() if row.outcome == "finished"]
        begun = max(begun, rows[FIRST].elapsed)  # the first trials of either run are slower: everything is cold
        found = [row for row in rows if row.elapsed - row.wall_seconds > begun]
    proxy = [row for row in found if row.rung == "proxy"]
    span = found[-1].elapsed - found[0].elapsed
    return Seen(
        len(proxy),
        statistics.median(row.wall_seconds for row in proxy),
        statistics.median(row.cpu_seconds for row in proxy),
        60 * (len(found) - 1) / span,
    )


if __name__ == "__main__":
    main()

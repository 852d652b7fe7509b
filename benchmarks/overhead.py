"""What the engine itself costs per birth, and how quickly commands answer.

    python benchmarks/overhead.py [--programs 100 100000]

Trials and variations are simulated and cost next to nothing; a run of the given size is written and replayed, then
births are made and timed. The operators' own work is measured apart, on the seed programs.
"""

from __future__ import annotations

import argparse
import datetime
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "evolve"))
from simulated import RUNGS, SimulatedRunner, genome

from evolve.budget import Budget
from evolve.config import Config
from evolve.engine import Engine, replay
from evolve.genomes import shipped
from evolve.inbox import Inbox
from evolve.operators.base import Child
from evolve.variation import Variation, Varied, vary
from evolve.views.silent import Silent
from population.rows import EstimateRow, ProgramRow, TrialRow
from population.store import Store

RESULT = Path(__file__).parent / "results" / "overhead.md"
BIRTHS = 300


class Instant:
    """Stands for the operators' process: a child at once, its work as good as nothing."""

    def __init__(self) -> None:
        self._made = 0
        self._varied: Varied | None = None
        reader, writer = os.pipe()
        os.write(writer, b"x")
        self._fd = reader

    def fileno(self) -> int:
        """Always readable."""
        return self._fd

    def submit(self, variation: Variation) -> None:
        """Make a child that is new."""
        self._made += 1
        source = variation.sources[0] + f"\nTAG = {self._made}\n"
        self._varied = Varied(Child(source, "TAG", "tagged"), digest=f"instant-{self._made}")

    def take(self) -> Varied | None:
        """The child."""
        varied, self._varied = self._varied, None
        return varied


def write_run(path: Path, config: Config, programs: int) -> None:
    """A run of that many programs, as the engine would have written it: two proxy trials each."""
    rng = random.Random(0)
    source = genome()
    values: dict[int, float] = {}
    seq = trial = 0
    Store.create(path, config.as_dict()).close()
    with Store.open(path, write=True) as store, store.commit():
        estimates = []
        for id in range(1, programs + 1):
            parent = rng.randint(max(1, id - 2000), id - 1) if id > 11 else None
            values[id] = values[parent] + rng.gauss(0.01, 0.01) if parent else 2.5 + 0.01 * id
            seq += 1
            kind = "seed" if parent is None else "perturb"
            birth = None if parent is None else id - 11
            parents = (parent,) if parent else ()
            store.append_program(
                ProgramRow(id, f"{id:020d}", source, kind, id % 4, birth, parents, name=str(id), seq=seq)
            )
            measures = {"state_bytes_per_parameter": rng.uniform(0, 70), "effective_rank": rng.uniform(0.01, 1)}
            for rung, seed in (("smoke", 0), ("proxy", 0), ("proxy", 1)):
                if rung == "proxy" and seed == 1 and parent:
                    continue
                seq, trial = seq + 1, trial + 1
                value = values[id] + random.Random(seed).gauss(0, 0.01) + rng.gauss(0, 0.002)
                shown = measures if rung == "smoke" else {}
                store.append_trial(TrialRow(trial, id, rung, seed, "f", "finished", value, measures=shown, seq=seq))
            estimates.append(EstimateRow(id, "proxy", values[id], 0.01, values[id] - 0.02, values[id] + 0.02, 1))
        store.put_estimates(estimates)


def overhead(programs: int) -> dict[str, float]:
    """Milliseconds per birth and seconds of replay and of the reading commands, at that many programs."""
    folder = Path(tempfile.mkdtemp(prefix="evolve-overhead-"))
    config = Config()
    write_run(folder / "population.db", config, programs)
    rungs = {name: RUNGS[name] for name in RUNGS}
    with Store.open(folder / "population.db", write=True) as store:
        began = time.perf_counter()
        state = replay(store, config, rungs)
        replayed = time.perf_counter() - began
        budget = Budget(births=state.births + BIRTHS)
        runner = SimulatedRunner(value=lambda source: 2.4 + zlib.crc32(source.encode()) % 1000 / 1e4)
        engine = Engine(store, state, runner, Instant(), Inbox(folder / "inbox"), budget, Silent())
        began = time.process_time()
        engine.run()
        spent = time.process_time() - began
    found = {"ms per birth": 1000 * spent / BIRTHS, "replay s": replayed}
    for command in ("status", "ls"):
        times = []
        for _ in range(3):
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "evolve", command, "--run", str(folder), "--json"],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            times.append(time.perf_counter() - began)
        found[f"{command} --json s"] = statistics.median(times)
    return found


def operators() -> dict[str, float]:
    """Median milliseconds of each operator's own work on the seed programs."""
    sources = [seed.source for seed in shipped()]
    found = {}
    for name in Config().operators:
        times = []
        for attempt in range(40):
            rng = random.Random(attempt)
            pair = tuple(rng.sample(sources, 2))
            began = time.process_time()
            vary(0, Variation(attempt, name, pair, ()))
            times.append(time.process_time() - began)
        found[name] = 1000 * statistics.median(times)
    return found


def help_seconds() -> float:
    """Median seconds of `evolve -h`."""
    times = []
    for _ in range(10):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-m", "evolve", "-h"], check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, nargs="+", default=[100, 100_000])
    arguments = parser.parse_args()
    columns = {programs: overhead(programs) for programs in arguments.programs}
    lines = [
        "# What the engine costs",
        "",
        f"Date {datetime.date.today()}, {len(os.sched_getaffinity(0))} cores; `python benchmarks/overhead.py`.",
        "",
        "| figure | " + " | ".join(f"{programs:,} programs" for programs in columns) + " |",
        "| --- | " + "--- | " * len(columns),
    ]
    for key in next(iter(columns.values())):
        lines.append(f"| {key} | " + " | ".join(f"{found[key]:.3g}" for found in columns.values()) + " |")
    lines += [
        "",
        f"`evolve -h`: {help_seconds():.3f} s (median of 10, whole process).",
        "",
        "Milliseconds per birth are CPU time of the engine's process over "
        f"{BIRTHS} births with their trials (smoke, proxy, replicates, confirm): deciding, writing, estimates.",
        "",
        "| operator | own work, ms (median over pairs of seed programs) |",
        "| --- | --- |",
    ]
    lines += [f"| {name} | {ms:.1f} |" for name, ms in operators().items()]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text("\n".join(lines) + "\n")
    print(RESULT.read_text())


if __name__ == "__main__":
    main()

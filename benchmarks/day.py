"""Does a long search stay what it was: 24 hours' worth of births, with a kill in each quarter.

    python -m benchmarks.day [--births 10000]

Seven births a minute for a day are 10,000. Here the engine, its store and the operators' process are real and the
trials simulated, each tenth genome failing, so that a day takes minutes. The engine is killed four times; each sitting
replays what the one before has written. Writes `benchmarks/results/day.md`.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zlib
from collections import deque
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "evolve"))
from simulated import RUNGS, SimulatedRunner

from benchmarks.sandbox import family
from evaluator.records import Trial, TrialRequest
from evolve.budget import Budget
from evolve.config import Config
from evolve.engine import Engine, replay
from evolve.genomes import shipped
from evolve.inbox import Inbox
from evolve.variation import VariationWorker
from evolve.views.silent import Silent
from population.store import Store

RESULT = Path(__file__).parent / "results" / "day.md"
SITTINGS = 5
TRIALS_A_BIRTH = 2
"""About; decides when the kills come."""
FAILING = 0.1


def value(source: str) -> float:
    """A landscape in which children resemble their parents: each line of a genome is worth something."""
    lines = {line.strip() for line in source.splitlines() if line.strip()}
    return 2.3 + 0.2 * statistics.fmean(zlib.crc32(line.encode()) / 2**32 for line in lines)


class Runner(SimulatedRunner):
    """Keeps no requests; may be told when to end everything."""

    def __init__(self, last_words: Callable[[], None], kill_at: int | None) -> None:
        super().__init__(jobs=2, failing=FAILING, value=value)
        self._last_words, self._end, self._submitted = last_words, kill_at, 0
        self._pending: deque[tuple[int, TrialRequest]] = deque()

    @property
    def idle(self) -> int:
        """Free slots."""
        return self.jobs - len(self._pending)

    def filenos(self) -> list[int]:
        """Ready while there is something to give."""
        return [self._fd] if self._pending else []

    def submit(self, request: TrialRequest) -> int:
        """Take a request."""
        self._submitted += 1
        self._pending.append((self._submitted, request))
        return self._submitted

    def wait(self, timeout: float | None = None) -> list[tuple[int, Trial]]:
        """Answer the oldest request."""
        if not self._pending:
            return []
        if self._submitted == self._end:
            self._last_words()
            os.kill(os.getpid(), signal.SIGKILL)
        ticket, request = self._pending.popleft()
        return [(ticket, self._trial(request))]


def sit(folder: Path, births: int, kill_at: int | None) -> None:
    """One sitting, in a process of its own: replay, search, perhaps be killed; prints what it cost."""
    with Store.open(folder / "population.db", write=True) as store:
        config = Config.from_dict(store.run)
        with VariationWorker(config.rng_seed) as worker:
            began = time.perf_counter()
            state = replay(store, config, dict(RUNGS))
            replayed, before = time.perf_counter() - began, state.births
            own, wall = time.process_time(), time.perf_counter()

            def report() -> None:
                made = max(1, state.births - before)
                pages = int(Path("/proc/self/statm").read_text().split()[1])
                row = {
                    "births so far": state.births,
                    "programs": len(state.programs),
                    "trials": state.trials,
                    "replay s": replayed,
                    "engine's CPU ms a birth": 1e3 * (time.process_time() - own) / made,
                    "wall ms a birth": 1e3 * (time.perf_counter() - wall) / made,
                    "engine's resident MiB": pages * os.sysconf("SC_PAGE_SIZE") >> 20,
                    "database MiB": (folder / "population.db").stat().st_size >> 20,
                    "descriptors": len(os.listdir("/proc/self/fd")),
                    "processes": len(family(os.getpid())),
                }
                print(json.dumps(row), flush=True)

            runner, inbox = Runner(report, kill_at), Inbox(folder / "inbox")
            engine = Engine(store, state, runner, worker, inbox, Budget(births=births), Silent())
            engine.seed(shipped())
            engine.run()
            report()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--births", type=int, default=10_000)
    parser.add_argument("--sit", nargs=2, metavar=("FOLDER", "TRIALS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    births = options.births
    if options.sit:
        sit(Path(options.sit[0]), births, int(options.sit[1]) or None)
        return
    folder = Path(tempfile.mkdtemp(prefix="evolve-day-"))
    Store.create(folder / "population.db", Config().as_dict()).close()
    rows = []
    for sitting in range(SITTINGS):
        last = sitting == SITTINGS - 1
        trials = 0 if last else TRIALS_A_BIRTH * births // SITTINGS
        command = [
            sys.executable,
            "-P",
            "-m",
            "benchmarks.day",
            "--births",
            str(births),
            "--sit",
            str(folder),
            str(trials),
        ]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        assert done.returncode == (0 if last else -signal.SIGKILL), done
        rows.append(json.loads(done.stdout))
        print(rows[-1], flush=True)
    with Store.open(folder / "population.db") as store:
        best = min(value(program.source) for program in store.programs())
        again = replay(store, Config(), dict(RUNGS))
    assert (again.births, again.trials) == (rows[-1]["births so far"], rows[-1]["trials"])
    seeds = min(value(genome.source) for genome in shipped())
    lines = [
        "# A day of births",
        "",
        f"Date {datetime.date.today()}, {os.cpu_count()} cores; `python -m benchmarks.day`. Real engine, store and "
        "operators; simulated trials.",
        "",
        "| | " + " | ".join(f"sitting {place + 1}" for place in range(SITTINGS)) + " |",
        "| --- | " + "---: | " * SITTINGS,
        *(f"| {name} | " + " | ".join(f"{row[name]:,.4g}" for row in rows) + " |" for name in rows[0]),
        "",
        "Each sitting but the last was ended by SIGKILL with trials under way; the next one began from the rows that "
        f"were there. Best program {best:.4f} against {seeds:.4f} of the best seed program.",
        "",
    ]
    RESULT.write_text("\n".join(lines))
    print(RESULT.read_text())


if __name__ == "__main__":
    main()

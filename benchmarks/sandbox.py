"""What the sandbox and the split into trainer and candidate cost, what trials leave behind, whom the rules hold up.

    python -m benchmarks.sandbox [--parts cost split leaks honest]

Cost: the same tiny trial under no sandbox and under each, in turn. Split: the same proxy trial by trainer and candidate
and by a loop in one process, in turn. Leaks: 1,000 tiny trials in a row; processes, descriptors, mounts, shared memory
and files before and after. Honest: all seed programs and 500 children of the operators that need no model on the smoke
rung; how many are rejected? Writes `benchmarks/results/sandbox.md`.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import os
import random
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "evaluator"))
from test_pool import plain_loop

from benchmarks.attacks import LIMITS, NONE, TASK, nursery_for
from benchmarks.operators import smoke
from evaluator.devices import get_device
from evaluator.pool import Evaluator
from evaluator.records import Outcome, Trial, TrialRequest
from evaluator.sandbox import SANDBOXES
from evaluator.sandbox.probe import reason_against
from evaluator.tasks import get_task
from evaluator.trial import run_trial
from evaluator.workplace import Workplace
from evolve.genomes import shipped
from evolve.operators import OPERATORS
from evolve.operators.base import NoVariationError
from population.genome import digest
from tests.evaluator.tiny_genomes import SGD
from tests.evolve.operators.barnacles import overgrown

RESULT = Path(__file__).parent / "results" / "sandbox.md"
ROUNDS, PAIRS, TRIALS, CHILDREN = 60, 8, 1000, 500


def main() -> None:
    parts: dict[str, Callable[[], list[str]]] = {"cost": cost, "split": split, "leaks": leaks, "honest": honest}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=parts, default=list(parts))
    options = parser.parse_args()
    torch.set_num_threads(1)
    lines = [
        "# What confinement costs, and what it leaves behind",
        "",
        f"Date {datetime.date.today()}, {os.cpu_count()} cores; `python -m benchmarks.sandbox`.",
        "",
    ]
    for name in options.parts:
        lines += [*parts[name](), ""]
        print("\n".join(lines), flush=True)
    RESULT.write_text("\n".join(lines))


def cost() -> list[str]:
    """Milliseconds of a tiny trial under each sandbox, and against none."""
    for module in ("torch._dynamo", "evaluator.devices.cpu"):  # else each candidate does
        importlib.import_module(module)
    sandboxes = [NONE, *(each for each in SANDBOXES if not reason_against(each))]
    nurseries = [nursery_for(sandbox)[0] for sandbox in sandboxes]
    workplace = Workplace(TASK, get_device("cpu"))
    rung = replace(TASK.rung("proxy"), limits=LIMITS)
    walls: list[list[float]] = [[] for _ in sandboxes]
    for turn in range(ROUNDS):
        for place, nursery in enumerate(nurseries):
            began = time.perf_counter()
            trial = run_trial(workplace, nursery, TrialRequest("", SGD, rung, turn), "")
            walls[place].append(1e3 * (time.perf_counter() - began))
            assert trial.outcome is Outcome.FINISHED, trial
    lines = [
        f"## A trial of {rung.train_steps} tiny steps, {ROUNDS} rounds",
        "",
        "| sandbox | median ms | median difference to none, ms |",
        "| --- | ---: | ---: |",
    ]
    for sandbox, each in zip(sandboxes, walls, strict=True):
        apart = statistics.median(one - none for one, none in zip(each, walls[0], strict=True))
        lines.append(f"| {sandbox.name} | {statistics.median(each):.1f} | {apart:+.1f} |")
    return lines


def split() -> list[str]:
    """A proxy trial by two processes and by one."""
    task = get_task("charlm")
    rung = task.rung("proxy")
    source = next(genome.source for genome in shipped() if genome.name == "normuon")
    walls, cpus = [], []
    with Evaluator(task, 1) as evaluator:
        for turn in range(PAIRS + 1):
            began, cpu = time.perf_counter(), time.process_time()
            plain_loop(task, source, rung, turn)  # type: ignore[arg-type]
            one = time.perf_counter() - began, time.process_time() - cpu
            began = time.perf_counter()
            evaluator.submit(TrialRequest("", source, rung, turn))
            ((_, trial),) = evaluator.wait()
            if turn:  # the first pair warms up
                walls.append((time.perf_counter() - began) / one[0])
                cpus.append(trial.cpu_seconds / one[1])
    return [
        f"## Trainer and candidate against one process: a proxy trial of normuon, {PAIRS} pairs",
        "",
        f"Ratio of wall-clock times, median {statistics.median(walls):.3f} ({min(walls):.3f} to {max(walls):.3f}); "
        f"of CPU times {statistics.median(cpus):.3f} ({min(cpus):.3f} to {max(cpus):.3f}). Start-up of a candidate "
        "included; the one process parses and prepares nothing anew.",
    ]


def leaks() -> list[str]:
    """What is there before and after many trials."""
    rung = replace(TASK.rung("proxy"), limits=LIMITS)
    with Evaluator(TASK, 1) as evaluator:

        def run(seed: int) -> Trial:
            evaluator.submit(TrialRequest("", SGD, rung, seed))
            return evaluator.wait()[0][1]

        for seed in range(20):
            run(seed)
        before = there(evaluator)
        outcomes = Counter(run(seed).outcome for seed in range(TRIALS))
        after = there(evaluator)
    lines = [
        f"## {TRIALS:,} trials in a row",
        "",
        f"Outcomes: {', '.join(f'{name} {count}' for name, count in outcomes.items())}.",
        "",
        "| | before | after |",
        "| --- | ---: | ---: |",
    ]
    return [*lines, *(f"| {name} | {before[name]} | {after[name]} |" for name in before)]


def there(evaluator: Evaluator) -> dict[str, int]:
    """Processes below us, their descriptors, mounts, shared memory, files and resident memory."""
    below = family(os.getpid())
    scratch = evaluator._server._scratch.path
    resident = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in below)
    return {
        "processes": len(below),
        "descriptors": sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in below),
        "mounts": len(Path("/proc/mounts").read_text().splitlines()),
        "segments of shared memory": len(Path("/proc/sysvipc/shm").read_text().splitlines()) - 1,
        "files in /dev/shm": len(os.listdir("/dev/shm")),
        "files in the scratch folder": sum(1 for _ in scratch.rglob("*")),
        "files in the temporary folder": len(os.listdir(tempfile.gettempdir())),
        "resident MiB": resident * os.sysconf("SC_PAGE_SIZE") >> 20,
    }


def family(root: int) -> list[int]:
    """A process and all below it."""
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                parents[int(name)] = int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1])
            except FileNotFoundError:
                continue
    found = [root]
    for pid in found:
        found += [child for child, parent in parents.items() if parent == pid]
    return found


def honest() -> list[str]:
    """Smoke trials of what is meant well."""
    seeds = {genome.name: genome.source for genome in shipped()}
    sources, index = dict.fromkeys(seeds.values()), 0
    while len(sources) < len(seeds) + CHILDREN:
        rng = random.Random(index)
        operator = OPERATORS[sorted(OPERATORS)[index % len(OPERATORS)]]
        parents = [seeds[name] for name in rng.sample(sorted(seeds), operator.parents)]
        parents = [overgrown(parent, rng, 3) for parent in parents] if operator.name == "prune" else parents
        index += 1
        try:
            sources[operator.vary(parents, rng, ()).source] = None
        except NoVariationError:
            continue
    trials = smoke(list(sources), os.cpu_count() or 1)
    outcomes = Counter(trial.outcome for trial in trials.values())
    reasons = {trial.reason for trial in trials.values() if trial.outcome is Outcome.REJECTED}
    return [
        f"## {len(seeds)} seed programs and {CHILDREN} children of operators, smoke rung",
        "",
        f"Outcomes: {', '.join(f'{name} {count}' for name, count in outcomes.items())}. Rejected: "
        f"{'; '.join(sorted(reasons)) or 'none'}. ({len({digest(source) for source in sources})} different genomes.)",
    ]


if __name__ == "__main__":
    main()

"""What the store costs in small and large runs: appending a birth, reports, ancestors, bytes on disk.

    python benchmarks/scale.py                          # 100 and 100,000 programs, some minutes
    python benchmarks/scale.py --programs 100 2000      # quicker

The programs are synthetic, their texts are not: each is a seed program with numbers changed, generation upon
generation. Every program has three trials and an estimate, revised after each trial together with its
parents'; one in ten fails its first trial and leaves a traceback. Parents are drawn from 200 living programs,
and one newborn in seven takes its main parent's place.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import platform
import random
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from population import codec  # noqa: E402
from population.rows import EstimateRow, EventRow, Move, ProgramRow, TrialRow  # noqa: E402
from population.store import Store  # noqa: E402

OPERATORS = ("perturb", "perturb", "crossover", "ablate")
STDERR = "Traceback (most recent call last):\n" + '  File "genome.py", line 71, in step\n    update = x\n' * 8
FINGERPRINT = hashlib.sha256(b"charlm").hexdigest()[:16]
TIMED = 1_000
BLOCK = 200
LIVING = 200
REPLACES = 1 / 7


@dataclass(frozen=True)
class Birth:
    """Everything that the engine writes for one program."""

    program: ProgramRow
    trials: tuple[TrialRow, ...]
    estimates: tuple[EstimateRow, ...]


def seed_programs() -> list[tuple[str, str]]:
    """Names and texts."""
    files = sorted((ROOT / "seed_programs").glob("[a-z]*.py"))
    return [(file.stem, file.read_text(encoding="utf-8")) for file in files]


def changed(text: str, rng: random.Random) -> str:
    """The text with two of its decimal numbers changed."""
    numbers = list(re.finditer(r"\b\d+\.\d+\b", text))
    for found in sorted(rng.sample(numbers, 2), key=lambda one: -one.start()):
        number = f"{rng.uniform(0.01, 0.99):.4f}"
        text = text[: found.start()] + number + text[found.end() :]
    return text


def births(count: int, rng: random.Random) -> Iterator[Birth]:
    """So many programs with what belongs to them; the first are seed programs."""
    seeds = seed_programs()
    living: list[tuple[int, str]] = []
    digests: set[str] = set()
    id = 0
    while id < count:
        seed = id < len(seeds)
        operator = "seed" if seed else rng.choice(OPERATORS)
        wanted = 0 if seed else 2 if operator == "crossover" else 1
        places = rng.sample(range(len(living)), min(wanted, len(living)))
        parents = tuple(living[place][0] for place in places)
        name, source = seeds[id] if seed else ("", changed(living[places[0]][1], rng))
        digest = hashlib.sha256(source.encode()).hexdigest()[:20]
        if digest in digests:
            continue
        digests.add(digest)
        id += 1
        if len(living) < LIVING:
            living.append((id, source))
        elif rng.random() < REPLACES:
            living[places[0]] = (id, source)
        program = ProgramRow(
            id=id,
            digest=digest,
            source=source,
            operator=operator,
            island=id % 4,
            birth=None if seed else id - len(seeds),
            parents=parents,
            component="" if seed else "matrix_lr",
            note="" if seed else "matrix_lr 0.0213 -> 0.0187, beta2 0.95 -> 0.962",
            moves=() if seed else (Move("matrix_lr", 0.0213, rng.random()), Move("beta2", 0.95, rng.random())),
            name=name,
            elapsed=float(id),
            seq=5 * id,
        )
        yield Birth(program, trials(id, rng), estimates((id, *parents), rng))


def trials(id: int, rng: random.Random) -> tuple[TrialRow, ...]:
    """A smoke trial and two proxy trials."""
    rows = []
    for place, rung in enumerate(("smoke", "proxy", "proxy")):
        crashed = place == 0 and rng.random() < 0.1
        value = rng.gauss(2.1, 0.05)
        row = TrialRow(
            id=3 * id - 2 + place,
            program=id,
            rung=rung,
            rng_seed=place,
            fingerprint=FINGERPRINT,
            outcome="crashed" if crashed else "finished",
            value=None if crashed else value,
            reason="RuntimeError: expected dtype float for end but got dtype bfloat16" if crashed else "",
            stderr=STDERR if crashed else "",
            cpu_seconds=rng.uniform(2, 5),
            wall_seconds=rng.uniform(2, 5),
            curve=tuple((step, value + 3.0 / (1 + step)) for step in range(0, 200, 25)),
            measures={"state_bytes_per_parameter": 8.0, "effective_rank": rng.random()} if place == 0 else {},
            elapsed=float(id),
            seq=5 * id + 1 + place,
        )
        rows.append(row)
    return tuple(rows)


def estimates(ids: tuple[int, ...], rng: random.Random) -> tuple[EstimateRow, ...]:
    """The program's estimate and its parents', which its trials revise."""
    means = [(id, rng.gauss(2.1, 0.05)) for id in ids]
    return tuple(EstimateRow(id, "proxy", mean, 0.01, mean - 0.02, mean + 0.02, 2) for id, mean in means)


def blocks(every: Iterator[Birth], count: int) -> Iterator[list[Birth]]:
    """The first so many in blocks, to be written in one commit each, then one by one as a run has them."""
    while count > 0:
        yield list(islice(every, min(count, BLOCK)))
        count -= BLOCK
    for birth in every:
        yield [birth]


def append(store: Store, birth: Birth) -> float:
    """Writes a birth in four commits, one for the program and one for each trial; seconds it took."""
    begin = time.perf_counter()
    id = birth.program.id
    with store.commit():
        store.append_program(birth.program)
        store.append_event(EventRow(id, "attempt", {"operator": birth.program.operator}, float(id), 5 * id + 4))
    for trial in birth.trials:
        with store.commit():
            store.append_trial(trial)
            store.put_estimates(birth.estimates)
    return time.perf_counter() - begin


def clock(work: Callable[[], object], repeats: int = 5) -> str:
    """Milliseconds that a piece of work takes: wall clock and, in brackets, CPU; medians of some repeats."""
    taken = []
    for _ in range(repeats):
        begin = time.perf_counter(), time.process_time()
        work()
        taken.append((time.perf_counter() - begin[0], time.process_time() - begin[1]))
    wall, cpu = (1e3 * statistics.median(seconds) for seconds in zip(*taken, strict=True))
    return f"{wall:,.1f} ms ({cpu:,.1f})"


def measure(count: int, folder: Path) -> dict[str, str]:
    """All figures of a run of so many programs."""
    path = folder / f"{count}.db"
    rng = random.Random(0)
    written, packed, seconds = 0, 0, []
    with Store.create(path, {"purpose": "scale"}) as store:
        for block in blocks(births(count, rng), max(0, count - TIMED)):
            with store.commit() if len(block) > 1 else nullcontext():
                seconds += [append(store, birth) for birth in block]
            written += sum(len(birth.program.source.encode()) for birth in block)
            packed += sum(len(codec.pack(birth.program.source)) for birth in block)
    last = sorted(seconds[-TIMED:])
    figures = {
        "append a birth (4 commits), median of the last 1,000": f"{1e3 * statistics.median(last):.2f} ms",
        "append a birth, 99th percentile": f"{1e3 * last[int(len(last) * 0.99)]:.2f} ms",
        "database, bytes a program": f"{path.stat().st_size / count:,.0f}",
        "of these, compressed source (as it is)": f"{packed / count:,.0f} ({written / count:,.0f})",
        "open for reading": clock(lambda: Store.open(path).close()),
    }
    with Store.open(path) as store:
        return figures | read(store, count)


def read(store: Store, count: int) -> dict[str, str]:
    """How long the questions take that commands ask."""
    ancestors, youngest = max((len(store.ancestors(id)), id) for id in range(max(1, count - 50), count + 1))
    failed = {"island": 1, "outcome": "crashed", "limit": 20}
    everything = list(store.listing())
    return {
        "summary": clock(store.summary),
        "tallies of operators": clock(store.tallies),
        "leaders of islands": clock(lambda: store.leaders(4)),
        "best 10 of a rung": clock(lambda: store.best("proxy", 10)),
        "listing, the first 20": clock(lambda: list(store.listing(limit=20))),
        "listing, 20 that crashed on an island": clock(lambda: list(store.listing(**failed))),
        "listing, all": clock(lambda: list(store.listing())),
        "listing, all as JSON": clock(lambda: list(store.listing_json())),
        "the same through Python's json": clock(lambda: json.dumps([row._asdict() for row in everything])),
        "ancestors, the longest of 50": f"{clock(lambda: store.ancestors(youngest))}, {ancestors:,} of them",
        "every program with its source": clock(lambda: sum(1 for _ in store.programs()), 1),
        "every trial": clock(lambda: sum(1 for _ in store.trials()), 1),
    }


def table(columns: dict[int, dict[str, str]]) -> str:
    """A Markdown table with a column for each size."""
    lines = ["| | " + " | ".join(f"{count:,} programs" for count in columns) + " |"]
    lines.append("| --- |" + " ---: |" * len(columns))
    for figure in next(iter(columns.values())):
        lines.append(f"| {figure} | " + " | ".join(column[figure] for column in columns.values()) + " |")
    return "\n".join(lines)


def main() -> None:
    """Measures and prints the page, with what it was measured on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=int, nargs="+", default=[100, 100_000], metavar="N")
    parser.add_argument("-o", "--output", type=Path, help="write the page here instead of printing it")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        columns = {count: measure(count, Path(folder)) for count in arguments.programs}
    load = os.getloadavg()[1]
    page = f"""# What the store costs

{datetime.date.today()}, {os.cpu_count()} cores ({platform.machine()}, {platform.system()}), load {load:.1f}
while measuring, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}. Times are wall clock,
CPU in brackets.

    python {" ".join(["benchmarks/scale.py", *sys.argv[1:]])}

{table(columns)}

{(__doc__ or "").split("quicker")[1].strip()}
"""
    if arguments.output:
        arguments.output.write_text(page, encoding="utf-8")
    else:
        print(page)


if __name__ == "__main__":
    main()

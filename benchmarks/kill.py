"""30 random `kill -9`s of a live run: is anything acknowledged lost, does a process of ours live on, does resume work?

    python benchmarks/kill.py [--kills 30]

A row counts as acknowledged once another process could read it. A process of ours is any descendant of the command, as
/proc shows it right before the kill; it must be gone two seconds later.
"""

from __future__ import annotations

import argparse
import datetime
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RESULT = Path(__file__).parent / "results" / "kill.md"


def processes() -> dict[int, tuple[int, str]]:
    """Parent and start time of every live process."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                found[int(entry.name)] = (int(fields[1]), fields[19])
    return found


def family(root: int) -> set[tuple[int, str]]:
    """(pid, start time) of a process and its descendants."""
    table = processes()
    members = {root}
    while True:
        more = {pid for pid, (parent, _) in table.items() if parent in members} - members
        if not more:
            return {(pid, table[pid][1]) for pid in members if pid in table}
        members |= more


def alive(members: set[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those of a family that still live."""
    table = processes()
    return {(pid, start) for pid, start in members if pid in table and table[pid][1] == start}


def trials(database: Path) -> dict[int, tuple[object, ...]]:
    """What another process can read now."""
    if not database.exists():
        return {}
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    try:
        rows = connection.execute("select id, program, rung, rng_seed, outcome, value from trials").fetchall()
    finally:
        connection.close()
    return {row[0]: row[1:] for row in rows}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=30)
    arguments = parser.parse_args()
    rng = random.Random(20261122)
    folder = Path(tempfile.mkdtemp(prefix="evolve-kill-"))
    database = folder / "run" / "population.db"
    options = ["--run", str(folder / "run"), "--budget-trials", "1000000", "--quiet"]
    start, resume = ([sys.executable, "-m", "evolve", verb, *options] for verb in ("start", "resume"))
    lost = survivors = failed_resumes = 0
    slowest = 0.0
    command = start
    for number in range(1, arguments.kills + 1):
        before = trials(database)
        engine = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
        acknowledged = dict(before)
        # Half of the kills fall on a process that is starting, half on one that has begun to write trials.
        wait_for_trial = number % 2 == 0
        delay = rng.uniform(0.3, 8.0)
        deadline = None if wait_for_trial else time.monotonic() + delay
        while engine.poll() is None and (deadline is None or time.monotonic() < deadline):
            acknowledged |= trials(database)
            if deadline is None and len(acknowledged) > len(before):
                deadline = time.monotonic() + delay
            time.sleep(0.02)
        if engine.poll() is not None:
            failed_resumes += 1
            print(number, "ended by itself:", engine.stderr.read().decode() if engine.stderr else "")
        members = family(engine.pid)
        acknowledged |= trials(database)
        os.kill(engine.pid, signal.SIGKILL)
        killed = time.monotonic()
        engine.wait()
        while alive(members) and time.monotonic() - killed < 2.0:
            time.sleep(0.01)
        left = alive(members)
        slowest = max(slowest, time.monotonic() - killed)
        after = trials(database)
        missing = [id for id, row in acknowledged.items() if after.get(id) != row]
        lost += len(missing)
        survivors += len(left)
        counts = f"{len(members)} processes, {len(after)} trials, lost {len(missing)}, alive {len(left)}"
        print(f"kill {number}: {counts}", flush=True)
        if database.exists():
            command = resume
    check = sqlite3.connect(database).execute("pragma integrity_check").fetchone()[0]
    table = f"""# 30 random kills

Date {datetime.date.today()}, {len(os.sched_getaffinity(0))} cores;
`python benchmarks/kill.py --kills {arguments.kills}`.

| what | figure |
| --- | --- |
| kills (`kill -9` of the engine, 0.3-8 s after its start, every other one after its first trial) | {arguments.kills} |
| acknowledged trials at the end | {len(trials(database))} |
| acknowledged trials lost | {lost} |
| processes alive 2 s after a kill | {survivors} |
| slowest end of all processes | {slowest:.2f} s |
| resumes that did not go on | {failed_resumes} |
| integrity check of the database at the end | {check} |
"""
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(table)
    print(table)


if __name__ == "__main__":
    main()

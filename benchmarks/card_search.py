"""A search on one card as a user starts it: what came of it, and how busy the card was all the while.

    python -m benchmarks.card_search SHARDS FOLDER [--gpu 0] [--time 480s] [START OPTIONS...]

Runs `evolve start --task nanogpt` with the given budget of time and options, asks the card once a second for its
utilisation, power and memory, and writes to FOLDER `run`, what the command printed, `card.csv` (second, percent, watts,
MiB), and `card.svg`, a plot of it with the ends of trials. Prints births, outcomes, and the best program beside the
best seed program. "Utilisation" is the share of time in which anything ran on the card, as NVIDIA counts it; power
tells how much of it was busy.
"""

from __future__ import annotations

import argparse
import json
import math
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from evaluator.devices.found import gpus

_ASKED = "utilization.gpu,power.draw,memory.used"
_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 900, 110, 60, 30, 36

Sample = tuple[float, float, float, float]
"""Seconds since the start, percent, watts, MiB."""


def watch(command: Sequence[str], gpu: int, folder: Path) -> list[Sample]:
    """Run a command to its end; the card's samples meanwhile."""
    samples: list[Sample] = []
    with open(folder / "start.log", "w") as output, open(folder / "card.csv", "w", buffering=1) as table:
        table.write("second,percent,watts,MiB\n")
        began = time.monotonic()
        with subprocess.Popen(command, stdout=output, stderr=output) as process:
            while process.poll() is None:
                samples.append((time.monotonic() - began, *ask(gpu)))
                table.write(",".join(f"{number:.1f}" for number in samples[-1]) + "\n")
                time.sleep(1.0)
    return samples


def ask(gpu: int) -> tuple[float, float, float]:
    """Percent, watts and MiB of a card now."""
    command = ["nvidia-smi", f"--id={gpu}", f"--query-gpu={_ASKED}", "--format=csv,noheader,nounits"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    try:
        percent, watts, memory = (float(part) for part in answer.split(","))
    except ValueError:  # the card does not answer now and then; the search goes on
        return math.nan, math.nan, math.nan
    return percent, watts, memory


def plot(samples: Sequence[Sample], ends: Sequence[float], title: str) -> Iterator[str]:
    """An SVG: utilisation and power over time, and a stroke at the end of each trial."""
    last = samples[-1][0]
    height = _TOP + 2 * (_HEIGHT + _GAP)
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#1b1d20">'
    )
    yield f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/><text x="{_LEFT}" y="18">{title}</text>'
    across = (_WIDTH - _LEFT - 20) / last
    for row, (name, column, most) in enumerate((("utilisation, %", 1, 100.0), ("power, W", 2, 700.0))):
        bottom = _TOP + row * (_HEIGHT + _GAP) + _HEIGHT
        for share in (0.0, 0.5, 1.0):
            y = bottom - share * (_HEIGHT - 14)
            yield f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - 20}" stroke="#e3e3df"/>'
            yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#6d737c">{share * most:g}</text>'
        points = " ".join(
            f"{_LEFT + across * sample[0]:.1f},{bottom - min(1.0, sample[column] / most) * (_HEIGHT - 14):.1f}"
            for sample in samples
        )
        yield f'<polyline points="{points}" fill="none" stroke="#2f45b0" stroke-width="1.2"/>'
        yield f'<text x="{_LEFT}" y="{bottom - _HEIGHT + 8}" fill="#6d737c">{name}</text>'
        for end in ends:
            yield f'<path d="M{_LEFT + across * end:.1f} {bottom}v5" stroke="#d9981a" stroke-width="1.5"/>'
    ticks = range(0, int(last) + 1, 60)
    yield from (
        f'<text x="{_LEFT + across * tick:.1f}" y="{height - 12}" text-anchor="middle" fill="#6d737c">{tick} s</text>'
        for tick in ticks
    )
    yield "</svg>"


def told(database: Path) -> list[float]:
    """Print what came of the run; returns when trials ended, in seconds since it started."""
    rows = sqlite3.connect(database)
    for question in (
        "select operator, count(*) from programs group by 1",
        "select rung, outcome, count(*), round(avg(wall_seconds), 1) from trials group by 1, 2",
        "select rung, program, operator, mean, sd, n from estimates e join programs p on p.id = program order by 1, 4",
    ):
        print(question.split(" from")[0].removeprefix("select "), rows.execute(question).fetchall())
    return [row[0] for row in rows.execute("select elapsed from trials where rung != 'smoke'")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gpu", type=int, default=0)
    parser.add_argument("--time", default="480s")
    options, others = parser.parse_known_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    run = options.folder / "run"
    command = [
        *(sys.executable, "-P", "-m", "evolve", "start", "--task", "nanogpt", "--data", str(options.shards)),
        *("--gpus", str(options.gpu), "--budget-time", options.time, "--run", str(run), *others),
    ]
    samples = [sample for sample in watch(command, options.gpu, options.folder) if not math.isnan(sample[1])]
    print(" ".join(command[3:]), (options.folder / "start.log").read_text()[-3000:], sep="\n")
    for view in ("status", "ls"):
        subprocess.run([*command[:4], view, "--run", str(run)], check=False)
    ends = told(run / "population.db")
    title = f"{gpus()[options.gpu].model}: a search of {options.time}; strokes are the ends of trials"
    (options.folder / "card.svg").write_text("\n".join(plot(samples, ends, title)) + "\n")
    busy = [sample[1] for sample in samples]
    print(json.dumps({"seconds": samples[-1][0], "mean percent": sum(busy) / len(busy)}))


if __name__ == "__main__":
    main()

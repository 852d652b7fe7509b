"""Does an exported script, run alone, give the losses of the engine's trials? And does the genome come out again?

    python -m benchmarks.exported

Every seed program is trained by the engine on `nanogpt-tiny`, with the standard library's text as token shards, and by
its exported script in a fresh process; all validation losses are compared to the last bit.
"""

from __future__ import annotations

import datetime
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from evaluator.pool import Evaluator
from evaluator.records import TrialRequest
from evaluator.tasks.nanogpt import NanoGPT
from evaluator.tasks.shards import write_note, write_shard
from evaluator.tasks.text import load_text
from evolve.exporting.found import found_in
from evolve.exporting.script import Numbers, complete_script
from evolve.genomes import shipped
from evolve.promoting.terms import rung_of

RESULT = Path(__file__).parent / "results" / "exported.md"
STEPS, EVERY, RNG_SEEDS = 60, 10, (3000, 3001)

Curve = tuple[tuple[int, float], ...]


def make_shards(folder: Path) -> None:
    text = load_text(None, need=1 << 16)
    tokens = [np.frombuffer(part.tobytes(), dtype=np.uint8).astype(np.uint16) for part in (text.train, text.test)]
    write_shard(folder / "text_train_000000.bin", tokens[0][:5000])
    write_shard(folder / "text_train_000001.bin", tokens[0][5000:30000])
    write_shard(folder / "text_val_000000.bin", tokens[1][:5000])
    write_note(folder, 256)


def trained(task: NanoGPT) -> dict[tuple[str, int], Curve]:
    rung = rung_of(task.promotion_rung(), STEPS, EVERY, len(RNG_SEEDS))
    found: dict[tuple[str, int], Curve] = {}
    with Evaluator(task, 2) as evaluator:
        tickets = {
            evaluator.submit(TrialRequest(genome.digest, genome.source, rung, seed)): (genome.name, seed)
            for genome in shipped()
            for seed in RNG_SEEDS
        }
        while len(found) < len(tickets):
            found |= {tickets[ticket]: trial.curve for ticket, trial in evaluator.wait()}
    return found


def alone(script: str, shards: Path) -> list[Curve]:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "train_gpt_simple.py").write_text(script)
        done = subprocess.run(
            [sys.executable, "-P", "train_gpt_simple.py", str(len(RNG_SEEDS))],
            cwd=folder,
            env={**os.environ, "DATA": str(shards)},
            capture_output=True,
            text=True,
            check=True,
        )
    points = [(int(a), float(b)) for a, b in re.findall(r"step:(\d+)/\d+ val_loss:(\S+)", done.stdout)]
    each = STEPS // EVERY + 1
    return [tuple(points[place : place + each]) for place in range(0, len(points), each)]


def main() -> None:
    rows = []
    with tempfile.TemporaryDirectory() as name:
        shards = Path(name)
        make_shards(shards)
        task = NanoGPT(shards, tiny=True)
        problem = dict(task.problem(task.promotion_rung()).describe())
        curves = trained(task)
        for genome in shipped():
            script = complete_script(genome.source, genome.name, Numbers(STEPS, EVERY, RNG_SEEDS[0], problem))
            expected = [curves[genome.name, seed] for seed in RNG_SEEDS]
            points = [point for curve in expected for point in curve]
            got = [point for curve in alone(script, shards) for point in curve]
            equal = sum(a == b for a, b in zip(points, got, strict=True))
            found = found_in(script)
            same = "the same text" if found is not None and found.source == genome.source else "another"
            rows.append((genome.name, f"{expected[0][-1][1]:.6f}", f"{equal} of {len(points)}", same))
    lines = [
        "# Exported scripts",
        "",
        f"Date {datetime.date.today().isoformat()}, two shared cores, `python -m benchmarks.exported`. Each seed "
        f"program on `nanogpt-tiny`, {STEPS} steps, rng_seeds {RNG_SEEDS[0]} and {RNG_SEEDS[1]}: the engine's trials, "
        "and the exported single-file script in a process of its own. Losses are equal if they are to the last bit.",
        "",
        f"| program | last loss, rng_seed {RNG_SEEDS[0]} | equal validation losses | genome taken out of the script |",
        "| --- | --- | --- | --- |",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    RESULT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()

"""A promotion as a folder from which anybody can check it: plan, genome, one log a run, verdict.

Derived from the run's rows: writing it again changes nothing. Must not decide anything.

The logs have the benchmark's form: the source, a line of `=`, what it ran on, a line of `=`, then
`step:N/T val_loss:X`; all digits, so that judging the logs is judging the rows.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evolve.promoting.outcome import Promoted, plain, told_curve
from evolve.promoting.terms import Terms
from population.rows import TrialRow

PLAN, GENOME, VERDICT, LOGS = "plan.json", "genome.py", "verdict.json", "logs"
RULE_LINE = "=" * 100


def folder_name(terms: Terms) -> str:
    """What a promotion's folder is called."""
    return f"{terms.program:04d}-{terms.task}"


def files(found: Promoted, source: str) -> Mapping[str, str]:
    """Texts by path inside the folder.

    Args:
        found: The promotion.
        source: The genome.
    """
    terms = found.terms
    told = {**terms.to_dict(), "redo": _redo(terms)}
    texts = {PLAN: _json(told), GENOME: source, VERDICT: _json(plain(found))}
    for row in found.runs:
        texts[f"{LOGS}/{log_name(terms, row)}"] = log_text(source, terms, row)
    return texts


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write texts where they are not yet, each whole or not at all."""
    for name, text in texts.items():
        path = folder / name
        if path.is_file() and path.read_bytes() == text.encode():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.part")
        with unfinished.open("wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)


def log_name(terms: Terms, row: TrialRow) -> str:
    """A log's file name: in order of names the logs are in the plan's order."""
    return f"run-{terms.rng_seeds.index(row.rng_seed) + 1:03d}-rng-seed-{row.rng_seed}.txt"


def log_text(source: str, terms: Terms, row: TrialRow) -> str:
    """A run's log.

    Args:
        source: What it begins with.
        terms: The plan.
        row: The run.
    """
    return "\n".join([source.rstrip("\n"), RULE_LINE, *_about(terms, row), RULE_LINE, *_steps(terms, row)]) + "\n"


def _about(terms: Terms, row: TrialRow) -> Iterator[str]:
    yield f"Trained by evolve, task {terms.task}, genome {terms.digest}, rng_seed {row.rng_seed}"
    yield from (f"{name}: {value}" for name, value in terms.conditions.items() if name != "problem")
    yield f"outcome: {row.outcome}, {row.wall_seconds:.1f} s of wall-clock time"
    if row.reason:
        yield f"reason: {' '.join(row.reason.split())}"
    if row.value is None:
        yield "This run failed. It counts as infinitely bad: validations it never reached are written as nan."


def _steps(terms: Terms, row: TrialRow) -> Iterator[str]:
    for step, loss in sorted(told_curve(terms, row).items()):
        yield f"step:{step}/{terms.plan.train_steps} val_loss:{loss if math.isfinite(loss) else 'nan'}"


def _redo(terms: Terms) -> list[str]:
    data = "" if terms.task == "nanogpt-tiny" else " --data SHARDS"
    return [
        "evolve verdict .   # judges the logs by this plan and by the benchmark's rule",
        f"evolve eval . --rng-seed {terms.rng_seeds[0]}{data}   # makes a run again",
        f"evolve eval . --check{data}   # makes all runs again, and compares them (bitwise, on a processor)",
    ]


def _json(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=2, allow_nan=False) + "\n"

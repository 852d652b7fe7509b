"""A promotion's folder read back: terms, genome, and the runs as their logs tell them. Must not make runs."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

from evolve.promoting.folder import GENOME, LOGS, PLAN
from evolve.promoting.terms import Terms
from evolve.promoting.trials import PromotionError
from evolve.verdict.text_logs import read_text_log
from population.rows import TrialRow

_OUTCOME = re.compile(r"^outcome: (\w+)", re.MULTILINE)


def is_folder(path: Path) -> bool:
    """Whether a path is the folder of a promotion."""
    return (path / PLAN).is_file() and (path / GENOME).is_file()


def read_folder(folder: Path) -> tuple[Terms, str, tuple[TrialRow, ...]]:
    """The terms, the genome, and the runs in the plan's order.

    Raises:
        PromotionError: Something is missing or cannot be read.
    """
    try:
        terms = Terms.from_dict(json.loads((folder / PLAN).read_text(encoding="utf-8")))
        source = (folder / GENOME).read_text(encoding="utf-8")
        logs = {path: path.read_text(encoding="utf-8") for path in sorted((folder / LOGS).glob("*.txt"))}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise PromotionError(f"{folder} cannot be read as the folder of a promotion: {error}") from error
    return terms, source, tuple(_run(terms, path, text) for path, text in logs.items())


def _run(terms: Terms, path: Path, text: str) -> TrialRow:
    """One run as its log tells it."""
    reading = read_text_log(text, str(path), terms.program)
    seed = re.search(r"rng-seed-(\d+)", path.name)
    outcome = _OUTCOME.search(text)
    if len(reading.runs) != 1 or seed is None or outcome is None:
        raise PromotionError(f"{path} is no log that `evolve promote` wrote")
    curve = reading.runs[0].curve
    last = curve.get(terms.plan.train_steps, math.nan)
    finished = outcome[1] == "finished" and math.isfinite(last)
    return TrialRow(
        id=0,
        program=terms.program,
        rung="full",
        rng_seed=int(seed[1]),
        fingerprint=terms.fingerprint,
        outcome=outcome[1],
        value=last if finished else None,
        curve=tuple(curve.items()),
    )

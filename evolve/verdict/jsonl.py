"""Reads runs from JSON lines: a row a run with `curve`, a list of [step, loss], and optionally `record` and claims.

Must not know of folders or rules.
"""

from __future__ import annotations

import json
import math
from typing import Any

from evolve.verdict.problems import Problem, Reading, quoted
from evolve.verdict.runs import Claim, Name, Run

EXPECTED = '{"record": ..., "curve": [[step, loss], ...]}'


class _Unusable(Exception):
    """A row that cannot be used; the message says what was expected and what came."""


def read_jsonl(text: str, file: str, record: Name) -> Reading:
    """The runs of a file of JSON lines.

    Args:
        text: The whole file.
        file: What it is called in messages.
        record: The group of rows that name none.
    """
    runs: list[Run] = []
    problems: list[Problem] = []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{file}:{number}"
        try:
            runs.append(_run(line, where, record))
        except _Unusable as error:
            problems.append(Problem(where, f"{error}; this row was left out"))
    if not runs and not problems:
        problems.append(Problem(file, f"the file is empty; expected a row {EXPECTED} for each run"))
    return Reading(tuple(runs), tuple(problems))


def _run(line: str, where: str, record: Name) -> Run:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _Unusable(f"expected a JSON object {EXPECTED}, got {quoted(line)} ({error})") from error
    if not isinstance(row, dict) or "curve" not in row:
        raise _Unusable(f"expected a JSON object {EXPECTED}, got {quoted(line)}")
    name = row.get("record", record)
    if isinstance(name, bool) or not isinstance(name, (str, int)):
        raise _Unusable(f"expected a text or a whole number as `record`, got {quoted(repr(name))}")
    steps, mean, n = (_number(row, key) for key in ("record_steps", "claimed_mean", "claimed_n"))
    whole = {"record_steps": steps, "claimed_n": n}
    for key, value in whole.items():
        if value is not None and value != int(value):
            raise _Unusable(f"expected a whole number as `{key}`, got {value}")
    claim = Claim(None if steps is None else int(steps), mean, None if n is None else int(n))
    return Run(name, where, _curve(row["curve"]), claim=claim)


def _number(row: dict[str, Any], key: str) -> float | None:
    value = row.get(key)
    if value is None:
        return None
    if not _is_number(value) or not math.isfinite(value):
        raise _Unusable(f"expected a number as `{key}`, got {quoted(repr(value))}")
    return float(value)


def _curve(points: Any) -> dict[int, float]:
    if not isinstance(points, list):
        raise _Unusable(f"expected a list of [step, loss] as `curve`, got {quoted(repr(points))}")
    curve: dict[int, float] = {}
    for point in points:
        step, loss = _point(point)
        if step in curve and curve[step] != loss:
            raise _Unusable(f"step {step} has two losses, {curve[step]} and {loss}")
        curve[step] = loss
    return dict(sorted(curve.items()))


def _point(point: Any) -> tuple[int, float]:
    """A step and its loss; null stands for a loss that is not finite, which JSON cannot write."""
    if not isinstance(point, list) or len(point) != 2:
        raise _Unusable(f"expected [step, loss] in `curve`, got {quoted(repr(point))}")
    step, loss = point
    if not _is_number(step) or not math.isfinite(step) or step != int(step):
        raise _Unusable(f"expected a whole number as step, got {quoted(repr(step))}")
    if step < 0:
        raise _Unusable(f"expected a step of 0 or more, got {step}")
    if loss is None:
        return int(step), math.nan
    if not _is_number(loss):
        raise _Unusable(f"expected a number or null as loss at step {step}, got {quoted(repr(loss))}")
    if loss <= 0:
        raise _Unusable(f"expected a loss above 0 at step {step}, got {quoted(repr(loss))}")
    return int(step), float(loss)


def _is_number(value: Any) -> bool:
    """Whether a value is a number that a float can hold; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True

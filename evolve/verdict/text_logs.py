"""Reads text logs of the benchmark's form: the full source, a line of `=`, then `step:N/T val_loss:X ...` lines.

Several trials may follow one another; a step counter that goes back begins the next. Captured output without a source
reads alike. Must not know of folders or rules; never executes what it reads.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field

from evolve.verdict.problems import Problem, Reading, quoted
from evolve.verdict.runs import Name, Run

RULE_LINE = re.compile(r"={10,}\s*$")
CODE_LINE = re.compile(r"\s*(import|from|def|class)\s")
STEP_LINE = re.compile(r"\s*step:(\d{1,9})(?:/(\d{1,9}))?(?=\s|$)(.*)")
LOSS = re.compile(r"\bval_loss:\s*(\S*)")
LEAST_CODE = 3
OTHER_LOSS = re.compile(r"\b(val_\w+):")

EXPECTED = "a line of the form `step:N/T val_loss:X`"


@dataclass
class _Trial:
    """A trial while it is being read."""

    line: int
    length: int | None
    curve: dict[int, float] = field(default_factory=dict)
    reached: int = 0


def read_text_log(text: str, file: str, record: Name) -> Reading:
    """The runs of one text log.

    Args:
        text: The whole log.
        file: What the log is called in messages.
        record: The group that its runs belong to.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    start = _end_of_source(lines)
    source = "\n".join(lines[: start - 1]).strip() if start else ""
    digest = hashlib.sha256(source.encode()).hexdigest() if source else ""
    trials: list[_Trial] = []
    problems: list[Problem] = []
    for number, line in enumerate(lines[start:], start + 1):
        match = STEP_LINE.match(line)
        if match is None:
            continue
        step, length = int(match[1]), int(match[2]) if match[2] else None
        found = LOSS.search(match[3])
        loss, problem = _loss(found[1]) if found else (None, None)
        if problem is None and found and number == len(lines) and _cut_off(text, found[1], lines[start:]):
            loss, problem = None, f"the last line is cut off at {quoted(line.strip())}; it was left out"
        if problem is not None:
            problems.append(Problem(f"{file}:{number}", problem))
        _take(trials, number, step, length, loss)
    trials = _without_echoes(trials)
    others = _other_losses(lines[start:])
    if not any(trial.curve for trial in trials):
        named = f"; its step lines name {', '.join(others)}" if others else ""
        problems.append(Problem(file, f"no validation was found; expected {EXPECTED}{named}", not others and not start))
        return Reading((), tuple(problems))
    runs = (Run(record, f"{file}:{t.line}", dict(sorted(t.curve.items())), t.length, digest, others) for t in trials)
    return Reading(tuple(runs), tuple(problems))


def _end_of_source(lines: list[str]) -> int:
    """Number of lines up to and with the first line of `=`, if what stands before it is a source; else 0.

    Captured output may hold such a line after trials, or none at all; a source begins with code, and more of it than
    the line or two that warnings quote.
    """
    code = 0
    for i, line in enumerate(lines):
        if RULE_LINE.match(line):
            return i + 1 if code >= LEAST_CODE else 0
        if code < LEAST_CODE and STEP_LINE.match(line):
            return 0
        code += CODE_LINE.match(line) is not None
    return 0


def _loss(text: str) -> tuple[float | None, str | None]:
    """The number after `val_loss:`, or what is wrong with it."""
    try:
        loss = float(text.rstrip(",;"))
    except ValueError:
        return None, f"expected a number after val_loss:, got {quoted(text)}; this validation was left out"
    if loss <= 0:
        return None, f"expected a loss above 0, got {quoted(text)}; this validation was left out"
    return loss, None


def _cut_off(text: str, number: str, lines: list[str]) -> bool:
    """Whether an unfinished last line ends in a number with fewer digits than the others have: 3.2 of 3.27913."""
    if text.endswith("\n") or not lines[-1].rstrip().endswith(number):
        return False
    others = [found[1] for line in lines[:-1] if (found := LOSS.search(line)) and STEP_LINE.match(line)]
    return bool(others) and _decimals(number) < min(map(_decimals, others))


def _decimals(number: str) -> int:
    return len(number.partition(".")[2])


def _take(trials: list[_Trial], number: int, step: int, length: int | None, loss: float | None) -> None:
    """Add one step line to the trial that it belongs to, which may be a new one."""
    trial = trials[-1] if trials else None
    if trial is not None and loss is not None and step == trial.reached and trial.curve.get(step, loss) == loss:
        trial.curve[step] = loss  # the first validation there, or the same line once more
        return
    went_back = trial is not None and (step < trial.reached or (loss is not None and step in trial.curve))
    if trial is None or went_back or length != trial.length:
        trial = _Trial(number, length)
        trials.append(trial)
    trial.reached = step
    if loss is not None:
        trial.curve[step] = loss


def _without_echoes(trials: list[_Trial]) -> list[_Trial]:
    """Leave out lines that launchers print once more after a trial: they begin late and only repeat it."""
    kept: list[_Trial] = []
    for trial in trials:
        before = kept[-1].curve if kept else {}
        late = bool(trial.curve) and bool(before) and min(trial.curve) > min(before)
        if not (late and all(before.get(step) == loss for step, loss in trial.curve.items())):
            kept.append(trial)
    return kept


def _other_losses(lines: list[str]) -> tuple[str, ...]:
    """Which other validation losses the step lines name."""
    names = {found[1] for line in lines if (m := STEP_LINE.match(line)) for found in OTHER_LOSS.finditer(m[3])}
    return tuple(sorted(names - {"val_loss"}))

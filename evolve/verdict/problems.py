"""What could not be read, and where. A problem never hides the runs around it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evolve.verdict.runs import Run


@dataclass(frozen=True)
class Problem:
    """Something that could not be read.

    Attributes:
        where: `file` or `file:line`.
        text: What was expected, what came, what became of it.
        no_log: Whether the whole file is something else than a log, as files beside logs may be.
    """

    where: str
    text: str
    no_log: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


@dataclass(frozen=True)
class Reading:
    """What came of reading: runs, what could not be read, and files that were no logs and stood beside some."""

    runs: tuple[Run, ...] = ()
    problems: tuple[Problem, ...] = ()
    passed_over: tuple[str, ...] = ()


def joined(readings: Iterable[Reading]) -> Reading:
    """Several readings as one, in order."""
    runs: list[Run] = []
    problems: list[Problem] = []
    for reading in readings:
        runs += reading.runs
        problems += reading.problems
    return Reading(tuple(runs), tuple(problems))


def quoted(text: str, most: int = 60) -> str:
    """A piece of somebody's file, short and on one line, for a message."""
    shown = "".join(c if c.isprintable() else " " for c in text[: most + 1])
    return repr(shown if len(shown) <= most else shown[:most] + "...")

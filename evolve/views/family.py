"""Programs with their trials and estimates, indexed for drawing. Must not know how anything is drawn.

The one place in the views that decides what became of a program: "failed" is an outcome and never a number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from population.rows import EstimateRow, ProgramRow, TrialRow

RUNGS = ("smoke", "proxy", "confirm", "full")
"""The rungs from cheap to dear; other names come after them."""

FINISHED = "finished"
LOST = "lost"
"""Our fault and retried: says nothing about the program."""


def rung_order(name: str) -> tuple[int, str]:
    """Sort key of a rung's name."""
    return (RUNGS.index(name) if name in RUNGS else len(RUNGS), name)


@dataclass(frozen=True)
class Family:
    """The programs of a run, or of a part of it.

    Attributes:
        programs: In order of arrival (by id).
        by_id: The same by id.
        children: Ids of the children by the id of any parent, in order of birth.
        trials: Trials by program id, sorted by rung, rng_seed and id.
        estimates: Estimates by program id, sorted by rung.
        failures: By program id, the outcome that stopped it on the drawn rung or below it.
        rung: The rung whose values are drawn; values of different rungs are never mixed.
    """

    programs: tuple[ProgramRow, ...]
    by_id: Mapping[int, ProgramRow]
    children: Mapping[int, Sequence[int]]
    trials: Mapping[int, Sequence[TrialRow]]
    estimates: Mapping[int, Sequence[EstimateRow]]
    failures: Mapping[int, str]
    rung: str = "proxy"

    def estimate(self, program: int, rung: str | None = None) -> EstimateRow | None:
        """A program's estimate on a rung (the drawn one by default)."""
        wanted = self.rung if rung is None else rung
        return next((each for each in self.estimates.get(program, ()) if each.rung == wanted), None)

    def failure(self, program: int) -> str:
        """The outcome that stopped a program, or ""."""
        return self.failures.get(program, "")

    def value(self, program: int) -> float | None:
        """Posterior mean on the drawn rung; None without an estimate or after a failure."""
        at = self.estimate(program)
        return None if at is None or self.failure(program) else at.mean

    def main_parent(self, program: int) -> int | None:
        """Id of the main parent if the family knows it."""
        row = self.by_id.get(program)
        parents = row.parents if row is not None else ()
        return parents[0] if parents and parents[0] in self.by_id else None

    def path(self, program: int | None) -> tuple[int, ...]:
        """Ids from the first ancestor along main parents down to the program itself."""
        found: list[int] = []
        at = program if program in self.by_id else None
        while at is not None and at not in found[-1:]:
            found.append(at)
            at = self.main_parent(at)
        return tuple(reversed(found))


def family(
    programs: Iterable[ProgramRow],
    trials: Iterable[TrialRow] = (),
    estimates: Iterable[EstimateRow] = (),
    rung: str = "proxy",
    failures: Mapping[int, str] | None = None,
) -> Family:
    """Index rows for drawing.

    Args:
        programs: The programs, in any order.
        trials: Their trials; those of other programs are ignored.
        estimates: Their estimates; the same.
        rung: The rung whose values are drawn.
        failures: By program id, the outcome that stopped it; None reads them off the trials. For callers that
            list outcomes without reading every trial.
    """
    ordered = tuple(sorted(programs, key=lambda row: row.id))
    by_id = {row.id: row for row in ordered}
    children: dict[int, list[int]] = defaultdict(list)
    for row in ordered:
        for parent in dict.fromkeys(row.parents):
            children[parent].append(row.id)
    trial_lists: dict[int, list[TrialRow]] = defaultdict(list)
    for trial in trials:
        if trial.program in by_id:
            trial_lists[trial.program].append(trial)
    for rows in trial_lists.values():
        rows.sort(key=lambda row: (rung_order(row.rung), row.rng_seed, row.id))
    estimate_lists: dict[int, list[EstimateRow]] = defaultdict(list)
    for estimate in estimates:
        if estimate.program in by_id:
            estimate_lists[estimate.program].append(estimate)
    for found in estimate_lists.values():
        found.sort(key=lambda row: rung_order(row.rung))
    if failures is None:
        failures = {id: _failure(rows, rung) for id, rows in trial_lists.items()}
    return Family(ordered, by_id, dict(children), dict(trial_lists), dict(estimate_lists), failures, rung)


def _failure(trials: Iterable[TrialRow], rung: str) -> str:
    """The first outcome on a rung or below it that is the program's own failure, or ""."""
    limit = rung_order(rung)
    for trial in trials:
        if trial.outcome not in (FINISHED, LOST) and rung_order(trial.rung) <= limit:
            return trial.outcome
    return ""


def mean_curve(trials: Iterable[TrialRow], rung: str) -> tuple[tuple[int, float], ...]:
    """The mean loss curve over the finished trials of a rung.

    Only steps that all of them have are kept: a mean over changing sets of rng_seeds would show jumps that no
    run had.

    Args:
        trials: Trials of one program.
        rung: Which of them to take.

    Returns:
        (step, mean loss) pairs, or nothing if no trial of the rung finished.
    """
    curves = [dict(trial.curve) for trial in trials if trial.rung == rung and trial.outcome == FINISHED]
    curves = [curve for curve in curves if curve]
    if not curves:
        return ()
    steps = sorted(set(curves[0]).intersection(*curves[1:]))
    return tuple((step, sum(curve[step] for curve in curves) / len(curves)) for step in steps)

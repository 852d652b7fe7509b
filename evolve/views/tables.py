"""The tables of `ls`, `status`, `seeds`, `doctor` and `promote`: records in, `Grid`s out.

Pure: must not open the database, read the machine or print.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from evolve.views import numbers
from evolve.views.grid import Column, Grid
from evolve.views.progress import ClassProgress, Progress
from population.rows import EstimateRow, ProgramRow


@dataclass(frozen=True)
class ProgramLine:
    """One line of `ls`.

    Attributes:
        program: The program.
        estimate: Its estimate on the rung of the table; None if it has none.
        finished: Its finished trials, all rungs.
        trials: Its trials, all rungs.
        outcome: What stopped it ("crashed", ...), or "" if nothing did.
    """

    program: ProgramRow
    estimate: EstimateRow | None
    finished: int
    trials: int
    outcome: str = ""


@dataclass(frozen=True)
class Check:
    """One line of `doctor`.

    Attributes:
        name: What was looked at.
        found: What is there.
        state: "ok", "warn" or "fail".
        advice: What to do about it, or "".
    """

    name: str
    found: str
    state: str = "ok"
    advice: str = ""


@dataclass(frozen=True)
class PromotionLine:
    """One promotion of the run.

    Attributes:
        program: Id of the promoted program.
        against: Id of the seed program it is compared with.
        planned: Rng_seeds fixed beforehand.
        finished: Pairs in which both trials finished.
        failed: Trials that ended without a value.
        gain: Mean paired difference on the test split (seed program minus promoted; positive is better).
        low: Lower end of its 95 % interval.
        high: Upper end.
        p: p-value of the paired test, or None.
        p_adjusted: The same, Holm-adjusted over all promotions of the run.
        verdict: "better", "not shown" or "running".
    """

    program: int
    against: int
    planned: int
    finished: int
    failed: int
    gain: float | None
    low: float | None
    high: float | None
    p: float | None
    p_adjusted: float | None
    verdict: str


VERDICT_STYLES = {"better": "green", "not shown": "yellow", "running": "dim"}
CHECK_STYLES = {"ok": "", "warn": "yellow", "fail": "red"}


def programs_grid(lines: Iterable[ProgramLine], rung: str, best: int | None = None) -> Grid:
    """`ls`: one line a program, in the order given.

    Args:
        lines: The programs.
        rung: Name of the rung that the estimates belong to.
        best: Id of the best program, marked with a star.
    """
    rows, styles = [], []
    for line in lines:
        program, at = line.program, line.estimate
        mean, low, high = (at.mean, at.low, at.high) if at else (None, None, None)
        rows.append(
            (
                f"{'*' if program.id == best else ''}{program.id}",
                numbers.plus_minus(mean, low, high) if not line.outcome else line.outcome,
                str(at.n if at else 0),
                f"{line.finished}/{line.trials}",
                str(program.island),
                program.operator,
                ",".join(f"{parent}" for parent in program.parents) or numbers.NOTHING,
                program.digest[:8],
                program.name or program.note,
            )
        )
        styles.append("bold" if program.id == best else "red" if line.outcome else "")
    columns = (
        Column("id", "right"),
        Column(f"value ({rung})", "right"),
        Column("n", "right"),
        Column("finished", "right", optional=True),
        Column("island", "right"),
        Column("operator"),
        Column("parents"),
        Column("digest", style="dim", optional=True),
        Column("note", flexible=True),
    )
    return Grid(columns, tuple(rows), styles=tuple(styles))


def status_grids(progress: Progress, facts: Mapping[str, str]) -> tuple[Grid, ...]:
    """`status`: facts of the run, standings, islands, operators.

    Args:
        progress: Where the run stands.
        facts: Name to text, in the order shown: folder, task, state, ...
    """
    pairs = [
        *facts.items(),
        ("running time", numbers.duration(progress.elapsed)),
        ("births", f"{numbers.count(progress.births)} ({progress.births_per_minute:.1f}/min)"),
        ("trials", numbers.count(progress.trials)),
        *((f"  {name}", numbers.count(number)) for name, number in progress.outcomes.items()),
    ]
    return (
        Grid((Column("run", style="dim"), Column("", flexible=True)), tuple(pairs)),
        standings_grid(progress),
        islands_grid(progress),
        operators_grid(progress),
        *([arms_grid(progress)] if progress.arms else []),
        *([classes_grid(progress.classes)] if progress.classes else []),
    )


def standings_grid(progress: Progress) -> Grid:
    """The best program beside the best seed program, and their difference."""
    rows = []
    for label, standing in (("best", progress.best), ("best_seed", progress.best_seed)):
        if standing is None:
            rows.append((label, *(numbers.NOTHING,) * 5))
            continue
        at = standing.estimate
        rows.append(
            (
                label,
                f"#{standing.id}",
                numbers.plus_minus(at.mean, at.low, at.high),
                at.rung,
                str(at.n),
                standing.name or standing.operator,
            )
        )
    gain = progress.gain
    if gain is not None:
        text = numbers.difference(gain.mean, gain.low, gain.high)
        rows.append(("gain", "", text, "", "", ""))
    columns = (
        Column("", style="dim"),
        Column("id", "right"),
        Column("value", "right"),
        Column("rung"),
        Column("n", "right"),
        Column("made by", flexible=True),
    )
    return Grid(columns, tuple(rows))


def islands_grid(progress: Progress) -> Grid:
    """One line an island: its best program with the 95 % interval."""
    rows = tuple(
        (
            island.name,
            f"#{island.best_id}" if island.best_id is not None else numbers.NOTHING,
            numbers.plus_minus(island.mean, island.low, island.high),
            numbers.interval(island.low, island.high),
            str(island.members),
        )
        for island in progress.islands
    )
    columns = (
        Column("island"),
        Column("best", "right"),
        Column("value (proxy)", "right"),
        Column("95 % interval", "right"),
        Column("members", "right"),
    )
    return Grid(columns, rows)


def operators_grid(progress: Progress) -> Grid:
    """One line an operator: births, how many beat their parent, how many failed."""
    rows = tuple(
        (
            operator.name,
            str(operator.births),
            f"{operator.improved}",
            numbers.percent(operator.improved, operator.births),
            f"{operator.failed}",
            numbers.percent(operator.failed, operator.births),
        )
        for operator in progress.operators
    )
    columns = (
        Column("operator"),
        Column("births", "right"),
        Column("improved", "right"),
        Column("share", "right"),
        Column("failed", "right"),
        Column("share", "right"),
    )
    return Grid(columns, rows)


def arms_grid(progress: Progress) -> Grid:
    """One line for each operator and language model: what asking has cost and brought."""
    rows = tuple(
        (
            arm.operator,
            arm.model,
            str(arm.attempts),
            str(arm.births),
            str(arm.improved),
            numbers.value(arm.gain),
            str(arm.calls),
            numbers.count(arm.tokens),
            f"{arm.usd:.4f}",
            numbers.NOTHING if arm.next is None else f"{arm.next:.0%}",
        )
        for arm in progress.arms
    )
    columns = (
        Column("asked by"),
        Column("model", flexible=True),
        Column("attempts", "right"),
        Column("births", "right"),
        Column("improved", "right"),
        Column("sum of gains", "right"),
        Column("calls", "right"),
        Column("tokens", "right"),
        Column("USD", "right"),
        Column("next", "right"),
    )
    return Grid(columns, rows, note="next: share of the next attempts, as the bandit would draw them now")


def classes_grid(classes: Sequence[ClassProgress]) -> Grid:
    """One line for each class of change."""
    rows = tuple(
        (each.depth, each.provenance, str(each.births), str(each.improved), numbers.value(each.gain))
        for each in classes
    )
    columns = (
        Column("depth"),
        Column("idea"),
        Column("births", "right"),
        Column("improved", "right"),
        Column("sum of gains", "right"),
    )
    return Grid(columns, rows)


def seeds_grid(seeds: Sequence[tuple[str, str, int]], estimates: Mapping[str, EstimateRow]) -> Grid:
    """`seeds`: the seed programs.

    Args:
        seeds: (name, first line of its docstring, number of lines) each.
        estimates: Estimate by name, for those that have one.
    """
    rows = []
    for name, summary, lines in seeds:
        at = estimates.get(name)
        text = numbers.plus_minus(at.mean, at.low, at.high) if at else numbers.NOTHING
        rows.append((name, str(lines), text, summary))
    columns = (
        Column("name"),
        Column("lines", "right"),
        Column("value", "right"),
        Column("what it is", flexible=True),
    )
    return Grid(columns, tuple(rows))


def doctor_grid(checks: Sequence[Check]) -> Grid:
    """`doctor`: what this machine offers."""
    rows = tuple((check.state, check.name, check.found, check.advice) for check in checks)
    styles = tuple(CHECK_STYLES.get(check.state, "") for check in checks)
    columns = (Column(""), Column("what"), Column("found"), Column("advice", flexible=True))
    return Grid(columns, rows, styles=styles)


def promotions_grid(lines: Sequence[PromotionLine], this: int | None = None) -> Grid:
    """`promote`: all promotions of the run, since the p-values are adjusted over all of them.

    Args:
        lines: The promotions, in the order made.
        this: Id of the program that was just promoted, shown in bold.
    """
    rows, styles = [], []
    for line in lines:
        rows.append(
            (
                f"#{line.program}",
                f"#{line.against}",
                f"{line.finished}/{line.planned}",
                str(line.failed),
                _gain(line),
                numbers.p_value(line.p),
                numbers.p_value(line.p_adjusted),
                line.verdict,
            )
        )
        styles.append(("bold " if line.program == this else "") + VERDICT_STYLES.get(line.verdict, ""))
    columns = (
        Column("id", "right"),
        Column("against", "right"),
        Column("pairs", "right"),
        Column("failed", "right"),
        Column("gain, 95 %", "right"),
        Column("p", "right"),
        Column("p (Holm)", "right"),
        Column("verdict"),
    )
    note = "gain: test loss of the seed program minus the promoted one's, on the same rng_seeds"
    return Grid(columns, tuple(rows), styles=tuple(styles), note=note)


def _gain(line: PromotionLine) -> str:
    if line.gain is None or line.low is None or line.high is None:
        return numbers.NOTHING
    return numbers.difference(line.gain, line.low, line.high)

"""The tables of `verdict`: verdicts in, `Grid`s out. Pure: must not read files or print."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.verdict.judge import PASS, Ruling, Verdict
from evolve.verdict.rival import Comparison
from evolve.verdict.runs import Name
from evolve.views import numbers
from evolve.views.grid import Column, Grid

STYLES = {PASS: "green"}


def verdicts_grid(verdicts: Sequence[Verdict]) -> Grid:
    """One line a group: the losses at the judged step, the verdict, and the earliest step that passes."""
    others = verdicts[0].others if verdicts else ()
    rows, styles = [], []
    for verdict in verdicts:
        here = verdict.evidence
        rows.append(
            (
                str(verdict.record),
                str(len(verdict.group.runs)),
                _step(verdict.steps),
                _loss(here.mean if here else None),
                _loss(here.sd if here else None),
                f"{here.statistic:.5f}" if here else numbers.NOTHING,
                numbers.p_value(here.p if here else None),
                numbers.p_value(here.p_t if here else None),
                verdict.ruling.verdict,
                _step(verdict.ruling.earliest),
                *(cell for other in verdict.others for cell in (other.verdict, _step(other.earliest))),
            )
        )
        styles.append(STYLES.get(verdict.ruling.verdict, "yellow"))
    columns = (
        Column("record", flexible=True),
        Column("n", "right"),
        Column("steps", "right"),
        Column("mean", "right"),
        Column("sd", "right"),
        Column("statistic", "right"),
        Column("p", "right", optional=True),
        Column("p (t)", "right", optional=True),
        Column("verdict"),
        Column("from step", "right"),
        *(column for other in others for column in _other_columns(other)),
    )
    return Grid(columns, tuple(rows), styles=tuple(styles), note=_note(verdicts))


def _other_columns(ruling: Ruling) -> tuple[Column, Column]:
    name = f"at {ruling.rule.margin:g}"
    return Column(name, optional=True), Column("from step", "right", optional=True)


def _note(verdicts: Sequence[Verdict]) -> str:
    if not verdicts:
        return ""
    rule = verdicts[0].ruling.rule
    return (
        f"pass: statistic = ({rule.target:g} - mean) * sqrt(n) >= {rule.margin:g} at this and every later validated "
        f"step; p with the sd {rule.sigma:g}, p (t) with the estimated one"
    )


def comparisons_grid(rows: Sequence[tuple[Name, Comparison]]) -> Grid:
    """One line a group that was compared with the rival."""
    cells = tuple(
        (
            str(record),
            str(each.rival),
            f"{each.loss:+.5f}",
            f"{each.steps:+d}",
            f"{each.statistic:+.5f}",
            numbers.p_value(each.p),
            each.verdict,
        )
        for record, each in rows
    )
    columns = (
        Column("record", flexible=True),
        Column("rival", flexible=True),
        Column("loss won", "right"),
        Column("steps saved", "right"),
        Column("statistic", "right"),
        Column("p", "right"),
        Column("better"),
    )
    worth = rows[0][1].step_worth if rows else 0.0
    styles = tuple(STYLES.get(each.verdict, "yellow") for _, each in rows)
    return Grid(columns, cells, styles=styles, note=f"a step saved counts as {worth:g} nats")


def notes(verdicts: Sequence[Verdict]) -> list[str]:
    """What a reader must know about the groups, a line each."""
    return [f"{verdict.record}: {note}" for verdict in verdicts for note in verdict.notes]


def _step(step: int | None) -> str:
    return numbers.NOTHING if step is None else str(step)


def _loss(loss: float | None) -> str:
    """Five decimals: the benchmark logs and argues with five."""
    return numbers.NOTHING if loss is None or loss != loss else f"{loss:.5f}"

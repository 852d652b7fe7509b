"""The tables of a promotion by the benchmark's rule. Pure: records in, grids out."""

from __future__ import annotations

from evolve.promoting.outcome import Promoted
from evolve.sequential.decide import Outcome
from evolve.verdict.rule import CURRENT, EARLIER
from evolve.views import numbers
from evolve.views.grid import Column, Grid
from population.rows import TrialRow

WORDS = {Outcome.ACCEPT: "accepted", Outcome.GIVE_UP: "given up", Outcome.CONTINUE: "to be continued"}
STYLES = {Outcome.ACCEPT: "green", Outcome.GIVE_UP: "yellow", Outcome.CONTINUE: ""}


def runs_grid(found: Promoted) -> Grid:
    """Every run, failed ones too."""
    claim, last = found.terms.plan.claim, found.terms.plan.train_steps
    rows, styles = [], []
    for row in found.runs:
        cells = (str(row.rng_seed), row.outcome, _at(row, claim), *((_at(row, last),) if claim != last else ()))
        rows.append((*cells, numbers.duration(row.wall_seconds), row.reason))
        styles.append("" if row.value is not None else "red")
    columns = (
        Column("rng_seed", "right"),
        Column("outcome"),
        Column(f"loss at {claim}", "right"),
        *((Column(f"loss at {last}", "right"),) if claim != last else ()),
        Column("time", "right", optional=True),
        Column("reason", flexible=True),
    )
    return Grid(columns, tuple(rows), title=f"#{found.terms.program}: all runs", styles=tuple(styles))


def rulings_grid(found: Promoted) -> Grid:
    """The plan's test, and the benchmark's with its fixed sd and with the estimated one, on the same runs."""
    plan, decision, here = found.terms.plan, found.decision, found.verdict.evidence
    test = "t" if plan.sd == "estimated" else "z"
    rows = [
        (
            f"the plan: {test} after {decision.n} runs, {plan.sd} sd",
            _number(decision.value, 3),
            _number(decision.critical, 3),
            f"level {plan.level:g} over all looks",
            WORDS[decision.outcome],
        )
    ]
    if here is not None and here.n:
        for name, rule in (("the rule", plan.rule), ("the rule, earlier", EARLIER)):
            if name == "the rule" or plan.rule == CURRENT:
                rows.append(
                    (
                        f"{name}: (target - mean) sqrt(n), sd {rule.sigma:g}",
                        _number(here.statistic, 5),
                        f"{rule.margin:g}",
                        f"p {numbers.p_value(_p(here.statistic, rule.sigma))}",
                        "holds" if here.holds(rule) else "does not hold",
                    )
                )
        told = "n - 1 degrees of freedom" if here.sd is None else f"sd {here.sd:.5f}, {here.n - 1} degrees of freedom"
        rows.append((f"t test of these runs: {told}", _number(here.t, 3), "", f"p {numbers.p_value(here.p_t)}", ""))
    columns = (
        Column("test", flexible=True),
        Column("statistic", "right"),
        Column("must reach", "right"),
        Column("error"),
        Column("verdict"),
    )
    note = "p-values are of these runs as if their number had been fixed; the plan's level holds with all its looks"
    styles = (STYLES[decision.outcome], *("" for _ in rows[1:]))
    return Grid(columns, tuple(rows), title=_title(found), styles=styles, note=note)


def outcome_line(found: Promoted) -> str:
    """The verdict in words."""
    decision, plan = found.decision, found.terms.plan
    target = f"{plan.rule.target:g}"
    if decision.outcome is Outcome.ACCEPT:
        said = f"accepted: shown to reach {target} from step {decision.earliest} on, with {decision.n} runs"
    elif decision.outcome is Outcome.GIVE_UP:
        said = f"given up: not shown to reach {target} by step {plan.claim}; {decision.reason}"
    else:
        said = f"to be continued: {decision.reason}"
    failed = sum(row.value is None for row in found.runs)
    parts = [f"#{found.terms.program} {said}."]
    if failed:
        parts.append(f"{failed} of {len(found.runs)} runs failed; every one counts.")
    if found.terms.number > 1:
        parts.append(f"It is promotion {found.terms.number} of its run: the level is for each of them.")
    return " ".join(parts)


def _title(found: Promoted) -> str:
    plan = found.terms.plan
    looks = ", ".join(map(str, plan.looks))
    return (
        f"step {plan.claim} of {plan.train_steps}, target {plan.rule.target:g}; looks after {looks} runs, "
        "frozen before the first"
    )


def _at(row: TrialRow, step: int) -> str:
    loss = dict(row.curve).get(step)
    return numbers.NOTHING if loss is None or row.value is None else f"{loss:.5f}"


def _number(value: float | None, digits: int) -> str:
    return numbers.NOTHING if value is None or abs(value) == float("inf") else f"{value:.{digits}f}"


def _p(statistic: float, sigma: float) -> float:
    from evolve.verdict.rule import upper_tail

    return upper_tail(statistic / sigma)

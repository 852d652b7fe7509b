"""`evolve verdict`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

from evolve.cli.common import json_option, print_json

if TYPE_CHECKING:
    from evolve.sequential.decide import Decision
    from evolve.verdict.judge import Verdict
    from evolve.verdict.problems import Problem
    from evolve.verdict.rival import Comparison
    from evolve.verdict.rule import Rule
    from evolve.verdict.runs import Group, Name

DEFAULT = click.core.ParameterSource.DEFAULT
RULE = ("target", "margin", "sigma")
"""Options that say which rule is applied."""


@click.command("verdict")
@click.argument("logs", nargs=-1, required=True)
@click.option("--target", type=float, default=3.28, show_default=True, help="Loss to get below.")
@click.option(
    "--margin", type=float, default=0.004, show_default=True, help="What (target - mean) * sqrt(n) must reach."
)
@click.option(
    "--sigma",
    type=float,
    default=0.0013,
    show_default=True,
    help="Per-run sd of the rule's own p-value (once 0.0016, with the margin 0.005).",
)
@click.option("--rival", metavar="LOGS", help="Compare with this one: a record among LOGS, or a log or folder.")
@click.option(
    "--step-worth",
    type=float,
    default=4.5e-5,
    show_default=True,
    help="Loss that one step of planned length is worth, to compare recipes that stop at different steps.",
)
@json_option
def command(
    logs: tuple[str, ...],
    target: float,
    margin: float,
    sigma: float,
    rival: str | None,
    step_worth: float,
    as_json: bool,
) -> None:
    """Apply the public benchmark's statistical rules to LOGS, anyone's.

    LOGS are text logs (lines `step:N/T val_loss:X`; several trials in one file are several runs), JSON lines (a row a
    run with `record` and `curve`, a list of [step, loss]), folders of them, or globs in quotes. A folder is one group
    of runs of one recipe; so are files of one folder, as long as they name the same T; rows are grouped by `record`.
    Every distinct run counts; a log that repeats another to the last digit does not. (Of fewer
    than eight validations with few digits nobody can tell; such logs all count.)

    The rule must hold at the judged step and at every later step that all runs validated. Judged is the claimed step
    (`record_steps` of a row); without a claim the earliest that passes, else the last.

    Where `plan.json` of a promotion lies beside the logs, its plan, frozen before the first run, has to accept them
    too, and its target and margin hold unless others are given.

    --json prints a list with an object for each group: record, n, steps, mean, sd, verdict ("pass" or "not shown") and
    more. What could not be read is told on stderr, and the exit code is then 1 (2 if nothing could be); all the rest is
    still reported.
    """
    from evolve.verdict.read import read_all
    from evolve.verdict.rule import Rule
    from evolve.verdict.runs import group_runs
    from evolve.views.console import show
    from evolve.views.verdicts import comparisons_grid, notes, verdicts_grid

    try:
        rule = Rule(target, margin, sigma)
        if not 0 <= step_worth < math.inf:
            raise ValueError(f"--step-worth: expected nats per step, 0 or more; got {step_worth}")
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    reading = read_all(logs)
    problems = list(reading.problems)
    decisions: dict[Name, Decision] = {}
    asked = any(click.get_current_context().get_parameter_source(name) is not DEFAULT for name in RULE)
    verdicts = [_judged(group, rule, asked, decisions, problems) for group in group_runs(reading.runs)]
    against = _rival(rival, verdicts, rule, problems) if rival is not None else None
    compared = _compare(verdicts, against, rule, step_worth) if against is not None else [None] * len(verdicts)
    for problem in problems:
        click.echo(str(problem), err=True)
    if reading.passed_over:
        click.echo(f"passed over, since no validation is in them: {', '.join(reading.passed_over)}", err=True)
    if as_json:
        print_json([_plain(v, pair, decisions.get(v.record)) for v, pair in zip(verdicts, compared, strict=True)])
    elif verdicts:
        pairs = [(v.record, pair) for v, pair in zip(verdicts, compared, strict=True) if pair is not None]
        said = notes(verdicts)
        show(
            verdicts_grid(verdicts), *([comparisons_grid(pairs)] if pairs else []), *(["\n".join(said)] if said else [])
        )
    if problems:
        raise SystemExit(1 if verdicts else 2)


def _judged(group: Group, rule: Rule, asked: bool, decisions: dict[Name, Decision], problems: list[Problem]) -> Verdict:
    """A group's verdict; where a frozen plan lies beside its logs, that decides too, with its own rule unless asked."""
    from evolve.verdict.judge import judge
    from evolve.verdict.planned import find_plan, judge_planned

    plan, problem = find_plan(group)
    if problem is not None:
        problems.append(problem)
    if plan is None:
        return judge(group, rule)
    verdict, decisions[group.record] = judge_planned(group, plan, rule if asked else plan.rule)
    return verdict


def _rival(name: str, verdicts: list[Verdict], rule: Rule, problems: list[Problem]) -> Verdict:
    """The group to compare with: one that was read anyway, or the one in other logs."""
    from evolve.verdict.judge import judge
    from evolve.verdict.read import read_all
    from evolve.verdict.runs import group_runs

    for verdict in verdicts:
        if str(verdict.record) == name:
            return verdict
    reading = read_all([name])
    groups = group_runs(reading.runs)
    if len(groups) != 1:
        known = ", ".join(str(verdict.record) for verdict in verdicts)
        raise click.UsageError(
            f"--rival: expected one of the records read ({known or 'none'}) or logs of one recipe; got {name}, "
            f"which holds {len(groups)}"
        )
    problems += reading.problems
    return judge(groups[0], rule)


def _compare(verdicts: list[Verdict], rival: Verdict, rule: Rule, step_worth: float) -> list[Comparison | None]:
    from evolve.verdict.rival import compare

    return [None if verdict is rival else compare(verdict, rival, rule, step_worth) for verdict in verdicts]


def _plain(verdict: Verdict, compared: Comparison | None, decision: Decision | None) -> dict[str, Any]:
    """A verdict for scripts; numbers that are not finite become null."""
    from dataclasses import asdict

    here = verdict.evidence
    group = verdict.group
    return {
        "record": verdict.record,
        "n": len(group.runs),
        "steps": verdict.steps,
        "mean": _finite(here.mean if here else None),
        "sd": _finite(here.sd if here else None),
        "verdict": verdict.ruling.verdict,
        "statistic": _finite(here.statistic if here else None),
        "p": _finite(here.p if here else None),
        "t": _finite(here.t if here else None),
        "p_t": _finite(here.p_t if here else None),
        "earliest": verdict.ruling.earliest,
        "rules": [
            {**asdict(ruling.rule), "level": ruling.rule.level, "verdict": ruling.verdict, "earliest": ruling.earliest}
            for ruling in (verdict.ruling, *verdict.others)
        ],
        "tail_slope": verdict.tail_slope,
        "logs": len(group.runs) + len(group.repeated),
        "claimed": asdict(group.claim),
        "rival": asdict(compared) if compared else None,
        "plan": _decided(decision) if decision else None,
        "notes": list(verdict.notes),
        "runs": [
            {"where": run.where, "last": run.last, "loss": _finite(run.curve.get(verdict.steps or 0))}
            for run in group.runs
        ],
    }


def _decided(decision: Decision) -> dict[str, Any]:
    """What the plan beside the logs says."""
    return {
        "outcome": decision.outcome.value,
        "n": decision.n,
        "earliest": decision.earliest,
        "statistic": _finite(decision.value),
        "critical": _finite(decision.critical),
        "reason": decision.reason,
    }


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None

"""Logs that come with a frozen plan: the plan's own decision on them. Must not know who made the plan.

A folder of logs holds it as `plan.json`, beside the logs or one level above. With it the claimed step is known, and the
number of runs is no accident: what the rule says of as many runs as there happen to be does not count.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path

from evolve.sequential.decide import Decision, Outcome, decide
from evolve.sequential.plan import LEVEL, Plan
from evolve.verdict.judge import NOT_SHOWN, Verdict, judge
from evolve.verdict.problems import Problem
from evolve.verdict.rule import Rule, upper_tail
from evolve.verdict.runs import Claim, Group
from population.verdict import t_cdf

NAME = "plan.json"
_LARGEST = 1 << 20
_ROUNDING = 0.01
"""Share of the level that the grid of critical values may be wrong by."""
_PLACE = re.compile(r"run-(\d+)-rng-seed-\d+\.txt")
"""How a promotion calls its logs: by their place in the plan."""


def find_plan(group: Group) -> tuple[Plan | None, Problem | None]:
    """The plan that lies beside a group's logs, None without one; or what is wrong with it."""
    folders = {Path(run.where.rpartition(":")[0]).parent for run in group.runs}
    if len(folders) != 1:
        return None, None
    (folder,) = folders
    path = next((each / NAME for each in (folder, folder / "..") if (each / NAME).is_file()), None)
    if path is None:
        return None, None
    try:
        if path.stat().st_size > _LARGEST:
            raise ValueError("it is too large")
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or "plan" not in data:
            return None, None  # somebody else's file
        plan = Plan.from_dict(data["plan"])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        return None, Problem(
            str(path), f"expected a frozen plan as `evolve promote` writes it: {error}; it was left out"
        )
    return plan, None


def judge_planned(group: Group, plan: Plan, rule: Rule) -> tuple[Verdict, Decision]:
    """Judge logs by the rule and by their plan; they pass only if both say so.

    Args:
        group: The runs, in the order of their files, which is the plan's.
        plan: As frozen.
        rule: The rule that the user asked for.
    """
    runs = [run.curve if any(map(math.isfinite, run.curve.values())) else None for run in group.runs]
    whole = _without_gap(group)
    decision = decide(plan, runs[: min(whole, plan.most)])
    verdict = judge(replace(group, claim=Claim(plan.claim)), rule)
    note = f"by the plan beside the logs, at most {plan.most} runs to show step {plan.claim}: {decision.outcome.value}"
    notes = [f"{note} ({decision.reason})"]
    if whole < len(runs):
        notes.append(f"the log of run {whole + 1} is missing or repeats another: the plan decides on those before it")
    lax = _is_lax(plan)
    if lax:
        notes.append(f"its bounds are laxer than a level of {LEVEL:g} allows, as no plan of `evolve promote` is")
    verdict = replace(verdict, notes=(*verdict.notes, *notes))
    if decision.outcome is not Outcome.ACCEPT or lax:
        verdict = replace(verdict, ruling=replace(verdict.ruling, verdict=NOT_SHOWN))
    return verdict, decision


def _without_gap(group: Group) -> int:
    """How many runs there are up to the first that is missing: a log may not be left out for what it shows.

    Logs that somebody has renamed count as they come.
    """
    found = [_PLACE.fullmatch(Path(run.where.rpartition(":")[0]).name) for run in group.runs]
    places = [int(name[1]) for name in found if name is not None]
    if len(places) < len(found):
        return len(found)
    return next((i for i, place in enumerate(places) if place != i + 1), len(places))


def _is_lax(plan: Plan) -> bool:
    """Whether one look alone spends more than the level: somebody has written the plan anew."""
    tails = (
        t_cdf(-bound, look - 1) if plan.sd == "estimated" else upper_tail(bound)
        for look, bound in zip(plan.looks, plan.critical, strict=True)
    )
    return any(tail > LEVEL * (1 + _ROUNDING) for tail in tails)

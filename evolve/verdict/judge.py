"""From a group of runs to a verdict: at which steps the rule holds, and whether it holds where it was claimed.

The steps are tested as a fixed sequence from the end (Westfall 2001 <https://doi.org/10.1016/S0378-3758(01)00077-5>): a
step counts only if the rule holds there and at every later validated one. So looking at many steps needs no correction:
of the steps that a recipe should fail, the last has to be passed first. Must not know where runs come from.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from evolve.verdict.rule import CURRENT, EARLIER, Evidence, Rule, evidence
from evolve.verdict.runs import Group, Name

PASS = "pass"
NOT_SHOWN = "not shown"
TAIL = 0.05
"""Share of the steps before the judged one over which the slope of the mean curve is fitted."""


@dataclass(frozen=True)
class Ruling:
    """A group under one rule.

    Attributes:
        rule: The rule.
        verdict: `PASS` if the rule holds at the judged step and every later validated one, else `NOT_SHOWN`.
        earliest: The earliest step from which it holds at every validated one, None if it does not at the last.
    """

    rule: Rule
    verdict: str
    earliest: int | None


@dataclass(frozen=True)
class Verdict:
    """What a group of runs shows.

    Attributes:
        group: The group.
        steps: The judged step: the claimed one; without a claim the earliest that passes, else the last that all runs
            validated. None if there is no such step.
        evidence: Losses at the judged step, None if not every run was validated there.
        ruling: Under the chosen rule.
        others: Under the other rules.
        tail_slope: Nats that the mean curve falls per step just before the judged step. No worth of a step: a run that
            is planned shorter loses less (see `rival`).
        notes: What a reader must know, a sentence each.
    """

    group: Group
    steps: int | None
    evidence: Evidence | None
    ruling: Ruling
    others: tuple[Ruling, ...]
    tail_slope: float | None
    notes: tuple[str, ...]

    @property
    def record(self) -> Name:
        """The group's name."""
        return self.group.record


def judge(group: Group, rule: Rule = CURRENT, others: tuple[Rule, ...] = (EARLIER,)) -> Verdict:
    """Judge a group.

    Args:
        group: Its runs; all of them count.
        rule: The rule that decides; the judged step of a group without a claim depends on it.
        others: Rules to report beside it.
    """
    by_step = {step: evidence(group.losses(step), rule) for step in group.grid()}
    earliest = earliest_pass(by_step, rule)
    claimed = group.claim.steps
    steps = claimed if claimed is not None else earliest if earliest is not None else max(by_step, default=None)
    here = by_step.get(steps) if steps is not None else None
    return Verdict(
        group=group,
        steps=steps,
        evidence=here,
        ruling=_ruling(by_step, rule, steps),
        others=tuple(_ruling(by_step, other, steps) for other in others if other != rule),
        tail_slope=tail_slope({step: each.mean for step, each in by_step.items()}, steps),
        notes=(*group.notes, *_notes(group, steps, here, rule)),
    )


def earliest_pass(by_step: Mapping[int, Evidence], rule: Rule) -> int | None:
    """The earliest step from which the rule holds at every validated one, None if it does not hold at the last."""
    earliest = None
    for step in sorted(by_step, reverse=True):
        if not by_step[step].holds(rule):
            break
        earliest = step
    return earliest


def tail_slope(means: Mapping[int, float], end: int | None) -> float | None:
    """How much a mean curve falls per step before `end`: least squares over the last `TAIL` of the steps.

    None with fewer than three finite means there.
    """
    if end is None:
        return None
    points = [(s, m) for s, m in means.items() if (1 - TAIL) * end <= s <= end and math.isfinite(m)]
    if len(points) < 3:
        return None
    x = math.fsum(step for step, _ in points) / len(points)
    y = math.fsum(mean for _, mean in points) / len(points)
    return -math.fsum((s - x) * (m - y) for s, m in points) / math.fsum((s - x) ** 2 for s, _ in points)


def _ruling(by_step: Mapping[int, Evidence], rule: Rule, steps: int | None) -> Ruling:
    earliest = earliest_pass(by_step, rule)
    passes = earliest is not None and steps in by_step and steps is not None and earliest <= steps
    return Ruling(rule, PASS if passes else NOT_SHOWN, earliest)


def _notes(group: Group, steps: int | None, here: Evidence | None, rule: Rule) -> list[str]:
    if steps is None:
        return ["no step was validated in every run: nothing can be judged"]
    if here is None:
        has = [run.curve[steps] for run in group.runs if steps in run.curve]
        mean = f" (their mean is {math.fsum(has) / len(has):.5f})" if has else ""
        return [f"step {steps} was validated in {len(has)} of {len(group.runs)} runs only{mean}: it cannot be judged"]
    notes = []
    if here.sd is not None and here.sd > rule.sigma:
        notes.append(f"the sd over runs, {here.sd:.5f}, is above the {rule.sigma:g} that the rule takes for granted")
    if here.p_t is not None and here.holds(rule) and here.p_t > rule.level:
        notes.append(
            f"with the estimated sd the level {rule.level:.4f} is not reached: p = {here.p_t:.2g} ({here.n} runs)"
        )
    return notes

"""What to do after each run of a promotion: go on, accept, or give up. A pure function of the plan and the losses.

Level. At one step, the plan's critical values keep the probability of ever crossing them at or below its level if the
mean there is the target or worse. Several steps are tested as a fixed sequence from the end, each at the full level and
at the same looks: to accept, the last of the steps that should fail would have to cross first, so the probability that
any step is wrongly shown stays at or below the level (Glimm 2010 <https://doi.org/10.1002/sim.3748>). Giving up early
only ever takes acceptances away.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from statistics import NormalDist

from evolve.sequential.plan import Plan
from evolve.verdict.rule import Evidence, evidence

Losses = Mapping[int, float] | None
"""A run that ended: its validation losses by step, or None if it failed."""


class Outcome(Enum):
    """What to do next."""

    CONTINUE = "continue"
    """Make more runs, up to the next look."""
    ACCEPT = "accept"
    """The claim is shown: stop."""
    GIVE_UP = "give up"
    """The claim is not shown and no more runs are made."""


@dataclass(frozen=True)
class Decision:
    """What follows from the runs so far.

    Attributes:
        outcome: What to do next.
        n: Runs that the decision rests on: those up to the latest look, or up to the one that ended it.
        needed: Runs that must have ended before the next look, 0 if there is none.
        earliest: The earliest validated step from which every one passes at this look, None if the last does not.
        evidence: The losses at the claimed step at this look, None before the first.
        value: The statistic there (t or z), None before the first look or without any scatter.
        critical: What it had to reach, None before the first look.
        chance: Probability of accepting at the last look, given what was seen; None before the first look.
        failed: Which runs failed, by their place in the plan; they count as infinitely bad.
        reason: One sentence for people.
    """

    outcome: Outcome
    n: int
    needed: int
    earliest: int | None
    evidence: Evidence | None
    value: float | None
    critical: float | None
    chance: float | None
    failed: tuple[int, ...]
    reason: str


def decide(plan: Plan, runs: Sequence[Losses]) -> Decision:
    """Decide after some runs.

    Args:
        plan: The plan, as frozen before the first run.
        runs: The runs that ended, in the plan's order and without gaps: what a later run showed must not be looked at
            while an earlier one is under way. A run that was lost through no fault of its own is made again, not
            passed as None.

    Raises:
        ValueError: There are more runs than planned.
    """
    if len(runs) > plan.most:
        raise ValueError(f"{len(runs)} runs, but the plan has {plan.most} at most")
    failed = tuple(i for i, run in enumerate(runs) if _failed(plan, run))
    latest: Decision | None = None
    for k, look in enumerate(plan.looks):
        if look > len(runs):
            break
        latest = _at_look(plan, k, runs[:look], tuple(i for i in failed if i < look))
        if latest.outcome is not Outcome.CONTINUE:
            return latest
    if failed:
        first = failed[0]
        reason = f"run {first + 1} failed, and with it the claim: every run counts"
        return Decision(Outcome.GIVE_UP, first + 1, 0, None, None, None, None, 0.0, failed, reason)
    if latest is not None:
        return latest
    return Decision(
        Outcome.CONTINUE, len(runs), plan.looks[0], None, None, None, None, None, (), "the first look is still to come"
    )


def _failed(plan: Plan, run: Losses) -> bool:
    """Whether a run lacks a finite loss at a step that must pass."""
    return run is None or not all(math.isfinite(run.get(step, math.inf)) for step in plan.tested())


def _at_look(plan: Plan, k: int, runs: Sequence[Losses], failed: tuple[int, ...]) -> Decision:
    by_step = {
        step: evidence([run.get(step, math.inf) if run is not None else math.inf for run in runs], plan.rule)
        for step in plan.steps
    }
    earliest = None
    for step in reversed(plan.steps):
        if not crosses(plan, k, by_step[step]):
            break
        earliest = step
    here = by_step[plan.claim]
    accepted = earliest is not None and earliest <= plan.claim
    left = chance(plan, here)
    last = k == len(plan.looks) - 1
    if accepted:
        outcome, reason = Outcome.ACCEPT, f"the rule holds from step {earliest} on, after {len(runs)} runs"
    elif failed:
        outcome, reason = Outcome.GIVE_UP, f"run {failed[0] + 1} failed, and with it the claim: every run counts"
    elif last:
        outcome, reason = Outcome.GIVE_UP, f"the claim is not shown after all {len(runs)} runs"
    elif left < plan.give_up:
        outcome, reason = Outcome.GIVE_UP, f"after {len(runs)} runs the chance of accepting is {left:.3f}"
    else:
        outcome, reason = Outcome.CONTINUE, f"not shown after {len(runs)} runs; the chance of accepting is {left:.2f}"
    needed = plan.looks[k + 1] if outcome is Outcome.CONTINUE else 0
    return Decision(
        outcome, len(runs), needed, earliest, here, statistic(plan, here), plan.critical[k], left, failed, reason
    )


def statistic(plan: Plan, found: Evidence) -> float | None:
    """The plan's statistic: t, or z with the rule's sigma. None without any scatter to estimate an sd from."""
    return found.t if plan.sd == "estimated" else found.statistic / plan.rule.sigma


def crosses(plan: Plan, k: int, found: Evidence) -> bool:
    """Whether losses pass at look k: the statistic reaches its critical value and the benchmark's rule holds."""
    value = statistic(plan, found)
    return value is not None and value >= plan.critical[k] and found.holds(plan.rule)


def chance(plan: Plan, found: Evidence) -> float:
    """Probability that the last look accepts, given the losses so far.

    Predictive power with a flat prior on the mean (Spiegelhalter 1986 <https://doi.org/10.1016/0197-2456(86)90003-6>),
    the sd taken as seen where it decides, else as the rule has it.
    """
    if not math.isfinite(found.statistic):
        return 0.0
    n, most = found.n, plan.most
    sd = found.sd if plan.sd == "estimated" and found.sd else plan.rule.sigma
    need = max(plan.critical[-1] * sd, plan.rule.margin) / math.sqrt(most)
    gap = plan.rule.target - found.mean
    if n >= most:
        return 1.0 if gap >= need else 0.0
    return NormalDist().cdf((gap - need) / (sd * math.sqrt(1.0 / n - 1.0 / most)))

"""Is one recipe better than another? The benchmark's pairwise rule. Must not know where runs come from.

Recipes stop at different steps, so a difference in steps is turned into one in loss:
`(final_loss_diff + exp_stepbased_loss_diff) / sqrt(1/n1 + 1/n2) >= margin`, with the rival's numbers minus our own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from evolve.verdict.judge import NOT_SHOWN, PASS, Verdict
from evolve.verdict.rule import ROUNDING, Rule, upper_tail
from evolve.verdict.runs import Name

STEP_WORTH = 4.5e-5
"""Nats that one step of planned length is worth: one recipe trained again for 200 steps fewer ended at 3.2881 (n = 8)
instead of 3.2790 (n = 20), as the benchmark's rules report. The tail of a curve falls faster, because it shows the end
of a cooldown and not a shorter run; taken for the worth of a step it would favour whoever stops earlier."""


@dataclass(frozen=True)
class Comparison:
    """One recipe against a rival.

    Attributes:
        rival: The rival's name.
        steps: Steps that it needs more than we do.
        loss: Its mean loss minus ours, each at its own step.
        step_worth: Nats per step that were used.
        statistic: What the rule compares with its margin, in nats.
        p: One-sided p-value with the rule's fixed sd.
        verdict: `PASS` if we are shown to be better, else `NOT_SHOWN`.
    """

    rival: Name
    steps: int
    loss: float
    step_worth: float
    statistic: float
    p: float
    verdict: str


def compare(ours: Verdict, rival: Verdict, rule: Rule, step_worth: float = STEP_WORTH) -> Comparison | None:
    """Compare two recipes at their judged steps; None if one of them has no mean there."""
    if ours.steps is None or ours.evidence is None or rival.steps is None or rival.evidence is None:
        return None
    if not (math.isfinite(ours.evidence.mean) and math.isfinite(rival.evidence.mean)):
        return None
    steps = rival.steps - ours.steps
    loss = rival.evidence.mean - ours.evidence.mean
    statistic = pairwise(loss, steps * step_worth, ours.evidence.n, rival.evidence.n)
    verdict = PASS if statistic >= rule.margin - ROUNDING else NOT_SHOWN
    return Comparison(rival.record, steps, loss, step_worth, statistic, upper_tail(statistic / rule.sigma), verdict)


def pairwise(loss_difference: float, step_difference: float, n: int, n_rival: int) -> float:
    """The statistic of the pairwise rule, in nats.

    Args:
        loss_difference: The rival's mean loss minus ours.
        step_difference: Loss that our saving in steps is worth.
        n: Our runs.
        n_rival: The rival's runs.

    Raises:
        ValueError: One of them has no runs.
    """
    if n < 1 or n_rival < 1:
        raise ValueError(f"a comparison needs runs on both sides; got {n} and {n_rival}")
    return (loss_difference + step_difference) / math.sqrt(1 / n + 1 / n_rival)

"""The benchmark's rule as pure functions of losses: must not know of steps or files.

The rule (Jordan 2026 <https://github.com/KellerJordan/modded-nanogpt/tree/master/records/track_3_optimization>): the
mean over n runs, none chosen by its result, must satisfy `(target - mean) * sqrt(n) >= margin`. That is a one-sided
z-test with a fixed per-run sd: 0.004 is 3.08 times 0.0013, a level of 0.001. An earlier form had 0.005 and 0.0016.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from population.verdict import t_cdf

ABSURD = 1e6
"""Nats above which a loss is none, but a run that diverged."""
ROUNDING = 1e-9
"""Slack of comparisons in nats: a mean of exactly 3.278 over four runs passes, whatever binary fractions make of it."""


@dataclass(frozen=True)
class Rule:
    """What a mean must satisfy.

    Attributes:
        target: Loss to get below, in nats per token.
        margin: What `(target - mean) * sqrt(n)` must reach, in nats.
        sigma: Per-run sd that the rule takes for granted, in nats.
    """

    target: float = 3.28
    margin: float = 0.004
    sigma: float = 0.0013

    def __post_init__(self) -> None:
        if not (math.isfinite(self.target) and math.isfinite(self.margin)):
            raise ValueError(f"target {self.target} and margin {self.margin} must be finite")
        if not (math.isfinite(self.sigma) and self.sigma > 0):
            raise ValueError(f"sigma {self.sigma} must be a positive number of nats")

    @property
    def level(self) -> float:
        """Probability of passing for a recipe whose mean is the target, if its sd is `sigma`."""
        return upper_tail(self.margin / self.sigma)


CURRENT = Rule()
EARLIER = Rule(margin=0.005, sigma=0.0016)


@dataclass(frozen=True)
class Evidence:
    """What the losses of n runs at one step say against a target.

    Attributes:
        n: Runs.
        mean: Their mean loss; not finite if one of them is not.
        sd: Their estimated sd, None with fewer than two runs.
        statistic: `(target - mean) * sqrt(n)`, in nats; minus infinity if a loss is not finite.
        p: One-sided p-value with the rule's fixed sd.
        t: Student's t with the estimated sd, None with fewer than two runs or without any scatter.
        p_t: One-sided p-value of `t` with n - 1 degrees of freedom.
    """

    n: int
    mean: float
    sd: float | None
    statistic: float
    p: float
    t: float | None
    p_t: float | None

    def holds(self, rule: Rule) -> bool:
        """Whether the rule's condition is met."""
        return self.statistic >= rule.margin - ROUNDING


def evidence(losses: Sequence[float], rule: Rule) -> Evidence:
    """Weigh the losses of all runs at one step.

    A loss that is not finite, or absurd, counts as infinitely bad: leaving the run out would reward a recipe for
    diverging.

    Raises:
        ValueError: There are no losses.
    """
    n = len(losses)
    if n == 0:
        raise ValueError("no losses to weigh; expected one for each run")
    if not all(math.isfinite(loss) and loss < ABSURD for loss in losses):
        return Evidence(n, math.nan, None, -math.inf, 1.0, None, None)
    mean = math.fsum(losses) / n
    statistic = (rule.target - mean) * math.sqrt(n)
    p = upper_tail(statistic / rule.sigma)
    if n < 2:
        return Evidence(n, mean, None, statistic, p, None, None)
    sd = math.sqrt(math.fsum((loss - mean) ** 2 for loss in losses) / (n - 1))
    if sd == 0.0:
        return Evidence(n, mean, sd, statistic, p, None, None)
    t = statistic / sd
    return Evidence(n, mean, sd, statistic, p, t, t_cdf(-t, n - 1))


def upper_tail(z: float) -> float:
    """Probability that a standard normal exceeds `z`."""
    return 0.5 * math.erfc(z / math.sqrt(2.0))

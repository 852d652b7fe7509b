"""The frozen plan of a promotion: how many runs at most, when to look, what must be reached. Made before the first run.

A plan is plain data: it can be written down, read back and checked by anyone. Must not know which runs came of it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Literal

from evolve.sequential.spending import SPENDING
from evolve.verdict.rule import CURRENT, Rule

Sd = Literal["estimated", "fixed"]

LOOKS = (6, 9, 12, 16, 20, 24)
LEVEL = 0.00095
"""Probability of accepting a recipe whose mean is the target. The benchmark asks for 0.001; a twentieth less leaves
room for the grid on which critical values are computed, and lets a simulation tell the two apart."""
GIVE_UP = 0.05


@dataclass(frozen=True)
class Plan:
    """What is fixed before the first run of a promotion.

    Attributes:
        rule: The benchmark's rule, which must hold besides at the accepting look, so that the runs can be submitted.
        train_steps: Length of every run.
        steps: Steps at which every run is validated, increasing, as far as they may be claimed.
        claim: The step to be shown, one of `steps`; it and every later one must pass.
        looks: Numbers of runs at which the losses are looked at, increasing; the last is the most that are made.
        sd: "estimated": t statistics, whose level holds for normal losses of any sd. "fixed": z statistics with the
            rule's sigma, whose level holds if no recipe's sd is larger.
        critical: What the statistic must reach at each look.
        level: Most that the probability of accepting may be for a recipe whose mean is the target.
        spending: Name of the function that spread the level over the looks.
        give_up: The promotion ends when the chance of still accepting falls below this. It never makes accepting
            likelier, so it may also be ignored.
    """

    rule: Rule
    train_steps: int
    steps: tuple[int, ...]
    claim: int
    looks: tuple[int, ...]
    sd: Sd
    critical: tuple[float, ...]
    level: float
    spending: str
    give_up: float

    def __post_init__(self) -> None:
        if not self.steps or any(b <= a for a, b in pairwise((0, *self.steps))):
            raise ValueError(f"validation steps {self.steps} must increase and begin after 0")
        if self.steps[-1] > self.train_steps:
            raise ValueError(f"validation at step {self.steps[-1]} is after the {self.train_steps} steps of a run")
        if self.claim not in self.steps:
            raise ValueError(f"claimed step {self.claim} is none of the validated ones, {self.steps}")
        if not self.looks or any(b <= a for a, b in pairwise((1, *self.looks))):
            raise ValueError(f"looks {self.looks} must increase and begin with 2 runs or more")
        if len(self.critical) != len(self.looks) or any(math.isnan(value) for value in self.critical):
            raise ValueError(f"critical values {self.critical} do not fit the looks {self.looks}")
        if self.sd not in ("estimated", "fixed"):
            raise ValueError(f"sd {self.sd!r} must be 'estimated' or 'fixed'")
        if not 0 <= self.give_up < 1:
            raise ValueError(f"chance {self.give_up} at which to give up must be in [0, 1)")

    @property
    def most(self) -> int:
        """The most runs that are made."""
        return self.looks[-1]

    def tested(self) -> tuple[int, ...]:
        """The steps that must all pass: the claimed one and every later one."""
        return tuple(step for step in self.steps if step >= self.claim)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, to be written down."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Plan:
        """Read back what `to_dict` gave, through JSON or not."""
        fields = dict(data)
        for name in ("steps", "looks", "critical"):
            fields[name] = tuple(fields[name])
        return cls(**{**fields, "rule": Rule(**fields["rule"])})


def make_plan(
    train_steps: int,
    steps: Sequence[int],
    claim: int | None = None,
    *,
    rule: Rule = CURRENT,
    looks: Sequence[int] = LOOKS,
    sd: Sd = "estimated",
    level: float = LEVEL,
    spending: str = "quadratic",
    give_up: float = GIVE_UP,
) -> Plan:
    """A plan with its critical values; see `Plan` for the arguments. A claim of None means the last validated step.

    Raises:
        ValueError: Something does not fit together; the message says what.
    """
    from evolve.sequential.boundaries import EstimatedSd, FixedSd, critical_values

    if spending not in SPENDING:
        raise ValueError(f"spending {spending!r} must be one of {', '.join(SPENDING)}")
    if not 0 < level < 0.5:
        raise ValueError(f"level {level} must be between 0 and 0.5")
    if not steps or not looks:
        raise ValueError("a plan needs validation steps and looks")
    spent = [SPENDING[spending](look / looks[-1], level) for look in looks]
    chain = EstimatedSd() if sd == "estimated" else FixedSd()
    critical = critical_values(chain, looks, spent)
    grid = tuple(steps)
    return Plan(
        rule=rule,
        train_steps=train_steps,
        steps=grid,
        claim=grid[-1] if claim is None else claim,
        looks=tuple(looks),
        sd=sd,
        critical=critical,
        level=level,
        spending=spending,
        give_up=give_up,
    )

"""What a pruning may still spend: trials and time, counted from the trials themselves so that a resumed one agrees."""

from __future__ import annotations

import math
from dataclasses import dataclass

from evolve.budget import Budget

SCREENING, JOINING = 0.5, 0.7
"""Shares of a budget that may be used up after parts were tried one at a time, and after several were together."""


@dataclass
class Purse:
    """A budget and what was taken from it.

    Attributes:
        budget: Trials and seconds; cards are counted already.
        jobs: Trials at once.
        trials: Those paid.
        slot_seconds: Their time, summed over slots.
    """

    budget: Budget
    jobs: int
    trials: int = 0
    slot_seconds: float = 0.0

    def pay(self, seconds: float) -> None:
        """One trial has been run."""
        self.trials += 1
        self.slot_seconds += seconds

    def room(self, share: float = 1.0) -> float:
        """How many more trials a share of the budget has room for; infinite without a bound."""
        room = math.inf
        if self.budget.trials is not None:
            room = min(room, share * self.budget.trials - self.trials)
        if self.budget.seconds is not None:
            left = share * self.budget.seconds * self.jobs - self.slot_seconds
            room = min(room, left / (self.slot_seconds / self.trials)) if self.trials else min(room, max(left, 0.0))
        return max(0.0, math.floor(room) if math.isfinite(room) else room)

"""How long a run may go on: running time, births and trials, whichever ends first. Pure functions of numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

DEFAULT_SECONDS = 300.0
_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Spent:
    """What a run has used so far.

    Attributes:
        seconds: Running time over all processes of the run, pauses between them left out.
        births: Programs made by operators.
        trials: Trials written or under way.
        tokens: Tokens of language models, those that calls under way may cost included.
        usd: The same in US dollars.
        under_way: Attempts at a birth that have not ended.
        reserved_tokens: Those of `tokens` that calls under way may cost.
        reserved_usd: Those of `usd`.
    """

    seconds: float
    births: int
    trials: int
    tokens: int = 0
    usd: float = 0.0
    under_way: int = 0
    reserved_tokens: int = 0
    reserved_usd: float = 0.0


@dataclass(frozen=True)
class Budget:
    """Upper bounds; None means unbounded.

    Attributes:
        seconds: Running time.
        births: Programs made by operators.
        trials: Trials.
        tokens: Tokens of language models.
        usd: US dollars for language models.
        gpu_hours: Running time, once for each graphics card.
    """

    seconds: float | None = None
    births: int | None = None
    trials: int | None = None
    tokens: int | None = None
    usd: float | None = None
    gpu_hours: float | None = None

    @classmethod
    def of(
        cls,
        seconds: float | None,
        births: int | None,
        trials: int | None,
        tokens: int | None = None,
        usd: float | None = None,
        gpu_hours: float | None = None,
    ) -> Budget:
        """The budget a user asked for; five minutes when nothing was asked."""
        asked = (seconds, births, trials, tokens, usd, gpu_hours)
        return cls(*asked) if any(bound is not None for bound in asked) else cls(seconds=DEFAULT_SECONDS)

    def on(self, cards: int) -> Budget:
        """This budget with the hours of cards as running time on so many of them; without one, as on one."""
        if self.gpu_hours is None:
            return self
        seconds = 3600.0 * self.gpu_hours / max(1, cards)
        return replace(self, seconds=min(seconds, self.seconds or seconds), gpu_hours=None)

    def allows_trial(self, spent: Spent) -> bool:
        """Whether one more trial may start."""
        return (self.seconds is None or spent.seconds < self.seconds) and (
            self.trials is None or spent.trials < self.trials
        )

    def allows_birth(self, spent: Spent) -> bool:
        """Whether one more birth may be tried."""
        begun = spent.births + spent.under_way
        return self.allows_trial(spent) and (self.births is None or begun < self.births)

    def used(self, spent: Spent) -> float:
        """Share of the budget that is used, by the bound that is nearest; 0 when there is no bound."""
        pairs = (
            (spent.seconds, self.seconds),
            (spent.births, self.births),
            (spent.trials, self.trials),
            (spent.tokens - spent.reserved_tokens, self.tokens),
            (spent.usd - spent.reserved_usd, self.usd),
        )
        return max((used / bound for used, bound in pairs if bound), default=0.0)


def seconds_from_text(text: str) -> float:
    """Seconds from "90", "90s", "5m", "1.5h" or "2d".

    Raises:
        ValueError: The text is not a positive duration; the message says what was expected.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*", text)
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if seconds <= 0:
        raise ValueError(f"expected a positive duration such as 90s, 5m, 1.5h or 2d, got {text!r}")
    return seconds

"""The live progress of `evolve start`: a panel redrawn on a terminal, a line every few seconds elsewhere.

Draws `Progress` records and nothing else; must not know the engine. There is no thread: what is on the
screen is what the last `update` said, so a search that hangs is seen to hang.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TextIO

from evolve.views import numbers
from evolve.views.panel import ProgressPanel, budget_text
from evolve.views.progress import BudgetLeft, Gain, IslandProgress, OperatorProgress, Progress, Standing

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live as RichLive

__all__ = [
    "BudgetLeft",
    "Gain",
    "IslandProgress",
    "Live",
    "OperatorProgress",
    "PlainLive",
    "Progress",
    "ProgressView",
    "Standing",
    "progress_line",
    "progress_view",
]

PLAIN_SECONDS = 10.0
"""Seconds between two lines of the plain view."""

FRAME_SECONDS = 0.2
"""Seconds between two frames of the terminal view: faster cannot be read."""


class ProgressView(Protocol):
    """Shows how a search goes on."""

    def start(self) -> None:
        """Begin."""
        ...

    def update(self, progress: Progress) -> None:
        """Tell how things stand; cheap, call it as often as you like."""
        ...

    def stop(self) -> None:
        """Show the last state and give the terminal back; may be called twice."""
        ...


class PlainLive:
    """One line every `every` seconds of the run: for logs and pipes.

    Args:
        out: Where to write.
        every: Seconds between lines.
        clock: Seconds from anywhere; only differences count.
    """

    def __init__(
        self,
        out: TextIO | None = None,
        every: float = PLAIN_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._out = out if out is not None else sys.stdout
        self._every = every
        self._clock = clock
        self._written_at: float | None = None
        self._waiting: Progress | None = None

    def start(self) -> None:
        """Begin: the first update is written at once."""
        self._written_at = None
        self._waiting = None

    def update(self, progress: Progress) -> None:
        """Write a line if the last one is old enough."""
        self._waiting = progress
        now = self._clock()
        if self._written_at is None or now - self._written_at >= self._every:
            self._written_at = now
            self._write()

    def stop(self) -> None:
        """Write what was not yet written."""
        self._write()

    def _write(self) -> None:
        if self._waiting is not None:
            self._out.write(progress_line(self._waiting) + "\n")
            self._out.flush()
            self._waiting = None


class Live:
    """A panel on the terminal that is redrawn in place.

    Args:
        console: The rich console to draw on; None makes one on stdout.
        clock: Seconds from anywhere; only differences count.
    """

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._live: RichLive | None = None
        self._drawn_at: float | None = None
        self._last: Progress | None = None

    def start(self) -> None:
        """Take the lower part of the terminal."""
        from rich.console import Console
        from rich.live import Live as RichLive

        console = self._console if self._console is not None else Console()
        self._live = RichLive(console=console, auto_refresh=False)
        self._live.start()

    def update(self, progress: Progress) -> None:
        """Redraw if the last frame is old enough."""
        self._last = progress
        now = self._clock()
        if self._drawn_at is None or now - self._drawn_at >= FRAME_SECONDS:
            self._drawn_at = now
            self._draw()

    def stop(self) -> None:
        """Draw the last state, which stays on the screen."""
        if self._live is None:
            return
        self._draw()
        self._live.stop()
        self._live = None

    def _draw(self) -> None:
        if self._live is not None and self._last is not None:
            self._live.update(ProgressPanel(self._last), refresh=True)


def progress_view(console_is_terminal: bool) -> ProgressView:
    """The view that suits where the output goes."""
    return Live() if console_is_terminal else PlainLive()


def progress_line(progress: Progress) -> str:
    """A search in one line, its parts in a fixed order: for logs and grep."""
    parts = [
        numbers.duration(progress.elapsed),
        f"births {progress.births} ({progress.births_per_minute:.1f}/min)",
        f"trials {progress.trials}",
        *(f"{name} {number}" for name, number in progress.outcomes.items() if number),
        f"best {_standing(progress.best)}",
        f"best_seed {_standing(progress.best_seed)}",
    ]
    if progress.gain is not None:
        gain = progress.gain
        parts.append(f"gain {numbers.difference(gain.mean, gain.low, gain.high)}")
    if progress.budget_left:
        left = ", ".join(budget_text(each) for each in progress.budget_left)
        parts.append(progress.ending or f"left {left}")
    return "  ".join(parts)


def _standing(standing: Standing | None) -> str:
    if standing is None:
        return numbers.NOTHING
    at = standing.estimate
    name = f" {standing.name}" if standing.name else ""
    return f"#{standing.id}{name} {numbers.plus_minus(at.mean, at.low, at.high)} ({at.rung}, n={at.n})"

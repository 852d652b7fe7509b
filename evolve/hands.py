"""What the engine works with: whoever runs trials and whoever runs operators. Must not know how they do it."""

from __future__ import annotations

from typing import Protocol

from evaluator.records import Trial, TrialRequest
from evolve.variation import Variation, Varied


class Runner(Protocol):
    """Whoever runs trials; `evaluator.pool.Evaluator` does."""

    @property
    def idle(self) -> int:
        """Trials that may be submitted now."""
        ...

    def submit(self, request: TrialRequest) -> int:
        """Begin a trial; returns its ticket."""
        ...

    def wait(self, timeout: float | None = None) -> list[tuple[int, Trial]]:
        """Trials that have ended, after at most `timeout` seconds."""
        ...

    def filenos(self) -> list[int]:
        """Descriptors that become readable when `wait` may have something to give."""
        ...


class Worker(Protocol):
    """Whoever runs operators; `evolve.variation.VariationWorker` does."""

    def fileno(self) -> int:
        """Descriptor that becomes readable when a variation has ended."""
        ...

    def submit(self, variation: Variation) -> None:
        """Begin a variation."""
        ...

    def take(self) -> Varied | None:
        """The result of the variation under way, or None while there is none yet."""
        ...

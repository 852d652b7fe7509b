"""What a sandbox is made of: layers that a candidate process puts on itself, for good."""

from __future__ import annotations

from typing import Protocol

from evaluator.records import Limits


class Layer(Protocol):
    """One restriction.

    Attributes:
        name: What it is called in `doctor` and in errors.
    """

    name: str

    def enter(self, limits: Limits, folder: str) -> None:
        """Restrict this process. Called once in the candidate, before any of its code.

        Args:
            limits: What it may use.
            folder: Its working folder, the one place where it may write.

        Raises:
            OSError: The kernel refused.
        """
        ...

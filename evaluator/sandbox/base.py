"""What every member of the sandbox is: one restriction that a candidate process puts on itself."""

from __future__ import annotations

from typing import Protocol

from evaluator.records import Limits


class Member(Protocol):
    """One restriction.

    Attributes:
        name: What it is called in `doctor` and in errors.
    """

    name: str

    def enter(self, limits: Limits) -> None:
        """Restrict this process for good. Called once in the candidate, before any of its code.

        Raises:
            OSError: The kernel refused.
        """
        ...

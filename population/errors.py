"""What can go wrong with a stored run. Must not import the store: the CLI catches these without it."""

from __future__ import annotations

from collections.abc import Sequence


class StoreError(Exception):
    """A run's database cannot be used as asked; the message says what is wrong and what to do."""


class UnknownProgramError(StoreError):
    """No program, or more than one, goes by what was given.

    Attributes:
        asked: What the caller asked for.
        near: What it may have meant: ids, digest prefixes or names.
    """

    def __init__(self, message: str, asked: str, near: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.asked = asked
        self.near = tuple(near)

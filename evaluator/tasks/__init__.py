"""The tasks an optimizer can be scored on, one file each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from evaluator.tasks.base import Task


def _charlm(text: Path | None) -> Task:
    from evaluator.tasks.charlm import CharLM

    return CharLM(text=text)


TASKS: dict[str, Callable[[Path | None], Task]] = {"charlm": _charlm}
"""Name to maker; a maker takes the path of the user's text, or None for the task's own."""


def get_task(name: str, text: Path | None = None) -> Task:
    """Make a task.

    Args:
        name: One of `TASKS`.
        text: The user's own text, or None for the task's own.

    Raises:
        KeyError: No such task; the message lists those there are.
    """
    if name not in TASKS:
        raise KeyError(f"there is no task {name!r}; there are {', '.join(sorted(TASKS))}")
    return TASKS[name](text)

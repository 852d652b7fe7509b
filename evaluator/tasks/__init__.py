"""The tasks an optimizer can be scored on, one file each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from evaluator.tasks.base import Task


def _charlm(data: Path | None, steps: int | None) -> Task:
    from evaluator.tasks.charlm import CharLM

    if steps is not None:
        raise ValueError("charlm's rungs differ in length: their steps cannot be given as one number")
    return CharLM(text=data)


def _nanogpt(data: Path | None, steps: int | None) -> Task:
    from evaluator.tasks.nanogpt import DEFAULT_DATA, NanoGPT

    return NanoGPT(data or DEFAULT_DATA.expanduser(), steps=steps)  # here: a trainer has another home


def _nanogpt_tiny(data: Path | None, steps: int | None) -> Task:
    from evaluator.tasks.nanogpt import NanoGPT

    return NanoGPT(data, tiny=True, steps=steps)


TASKS: dict[str, Callable[[Path | None, int | None], Task]] = {
    "charlm": _charlm,
    "nanogpt": _nanogpt,
    "nanogpt-tiny": _nanogpt_tiny,
}
"""Name to maker; a maker takes the path of the user's data and the steps of its rungs, or None for the task's own."""


def get_task(name: str, data: Path | None = None, steps: int | None = None) -> Task:
    """Make a task.

    Args:
        name: One of `TASKS`.
        data: The user's own data (text for `charlm`, token shards for `nanogpt`), or None for the task's own.
        steps: Of every rung but smoke, or None for the task's own.

    Raises:
        KeyError: No such task; the message lists those there are.
        ValueError: Its rungs differ in length, and `steps` were given.
    """
    if name not in TASKS:
        raise KeyError(f"there is no task {name!r}; there are {', '.join(sorted(TASKS))}")
    return TASKS[name](data, steps)

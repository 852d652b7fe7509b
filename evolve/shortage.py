"""What will be short in trials of a task on this machine: told before it costs hours, refused by nobody.

Must not know how trials are run.
"""

from __future__ import annotations

from collections.abc import Sequence

from evaluator.devices.found import gpus
from evaluator.records import Rung
from evaluator.tasks.base import Task
from evolve.slots import Slots


def shortages(task: Task, rungs: Sequence[Rung], slots: Slots) -> tuple[str, ...]:
    """What a user should know, a sentence each.

    Args:
        task: What is trained.
        rungs: On which of its rungs.
        slots: Where.
    """
    return (*_text(task, rungs), *_memory(task, rungs, slots))


def _text(task: Task, rungs: Sequence[Rung]) -> tuple[str, ...]:
    """On the rung that reads the text most often, where that is more than once."""
    times = {rung.name: rung.train_steps / (task.problem(rung).text_steps or rung.train_steps) for rung in rungs}
    most = max(times, key=times.__getitem__)
    if times[most] <= 1:
        return ()
    return (
        f"a trial of the {most} rung reads the text {times[most]:.2f} times: prepare more, or take its losses for "
        "those of a repeated text",
    )


def _memory(task: Task, rungs: Sequence[Rung], slots: Slots) -> tuple[str, ...]:
    """On the rung that takes most of a card, where that is more than the smallest has."""
    if not slots.cards:
        return ()
    there = min(gpus()[int(device.partition(":")[2])].memory_bytes for device in slots.devices)
    together = slots.jobs * slots.ranks // slots.cards
    takes = {rung.name: (1 if rung.alone else together) * task.problem(rung).card_bytes for rung in rungs}
    most = max(takes, key=takes.__getitem__)
    if takes[most] <= there:
        return ()
    return (
        f"the trials of the {most} rung that train at once on a card may take {takes[most] / 2**30:.1f} GiB of its "
        f"{there / 2**30:.1f}: a trial that runs out of it in company is tried again "
        "alone, and one that was alone ends without a value",
    )

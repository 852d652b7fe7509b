"""What will be short in trials of a task on this machine: told before it costs hours, refused by nobody.

Must not know how trials are run.
"""

from __future__ import annotations

from collections.abc import Sequence

from evaluator.devices.found import gpus
from evaluator.tasks.base import Task


def shortages(
    task: Task, rungs: Sequence[str], devices: Sequence[str], train_steps: int | None = None
) -> tuple[str, ...]:
    """What a user should know, a sentence each.

    Args:
        task: What is trained.
        rungs: On which of its rungs.
        devices: Names of the devices.
        train_steps: Length of trials, where it is not the rung's.
    """
    return (*_text(task, rungs, train_steps), *_memory(task, rungs, devices))


def _text(task: Task, rungs: Sequence[str], train_steps: int | None) -> tuple[str, ...]:
    """On the rung that reads most, where that is more than there is."""
    reads = {
        rung.name: (train_steps or rung.train_steps) * task.problem(rung).tokens_per_step
        for rung in map(task.rung, rungs)
    }
    most = max(reads, key=reads.__getitem__)
    there = task.problem(task.rung(most)).text_tokens
    if there is None or reads[most] <= there:
        return ()
    return (
        f"a trial of the {most} rung reads {reads[most]:,} tokens and the text has {there:,}, which come "
        f"{reads[most] / there:.1f} times: prepare more text, or take losses for those of a repeated one",
    )


def _memory(task: Task, rungs: Sequence[str], devices: Sequence[str]) -> tuple[str, ...]:
    """On the rung that takes most of a card, where that is more than the smallest has."""
    there = [gpus()[int(device.partition(":")[2])].memory_bytes for device in devices if device != "cpu"]
    takes = {name: task.problem(task.rung(name)).card_bytes for name in rungs}
    most = max(takes, key=takes.__getitem__)
    if not there or takes[most] <= min(there):
        return ()
    return (
        f"a trial of the {most} rung takes some {takes[most] / 2**30:.0f} GiB of a card and the smallest chosen has "
        f"{min(there) / 2**30:.0f}: it may run out of memory, which ends it without a value",
    )

"""What engine, fork server and trainers tell each other beside trials. Must not import torch."""

from __future__ import annotations

from dataclasses import dataclass

from evaluator.devices.found import Place
from evaluator.tasks.base import Task


@dataclass(frozen=True)
class StartSlot:
    """Engine to fork server: fork a trainer and its nursery.

    Comes with one file descriptor, the trainer's end of its socket to the engine.

    Attributes:
        device: Where it will train.
        further: Devices that train with it, where a batch can be cut.
    """

    device: str
    further: tuple[str, ...] = ()


@dataclass(frozen=True)
class SlotStarted:
    """The answer to `StartSlot`, in the same order; with one file descriptor, a pidfd of the trainer.

    Attributes:
        sandbox: Name of the sandbox that confines its candidates.
    """

    sandbox: str


@dataclass(frozen=True)
class Prepare:
    """Engine to trainer, before the first request: train this task.

    Attributes:
        task: The task.
        place: What the trainer's device is, and how it computes there.
    """

    task: Task
    place: Place

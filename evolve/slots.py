"""Where a run's trials are trained: how many at once, on which devices, behind which sandbox."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from evaluator.devices.found import gpus, model_of, shares
from evaluator.records import Rung
from evaluator.sandbox import usable
from evaluator.tasks.base import Task

CORES_PER_TRIAL = 2
"""A trial on a card keeps two processes waiting on it: trainer and candidate."""
SEARCH_RUNGS = ("smoke", "proxy", "confirm")
TRIALS_PER_GPU, TRIALS_PER_SHARED_GPU = 2, 6
"""Trials at once on a card that processes use by turns, and on one that they share (benchmarks/results/cards.md)."""


class SlotsError(ValueError):
    """The task cannot be trained where it was asked for; the message says what to do."""


@dataclass(frozen=True)
class Slots:
    """Where trials are trained.

    Attributes:
        jobs: Trials at once.
        devices: Names of the devices, all of one model.
        sandboxes: Names of the sandboxes that may confine candidates, in order of preference.
        ranks: Devices that train a trial together.
    """

    jobs: int
    devices: tuple[str, ...]
    sandboxes: tuple[str, ...]
    ranks: int = 1

    def __str__(self) -> str:
        on = f" on {self.cards} x {self.model.removeprefix('cuda ')}" if self.cards else ""
        together = f", {self.ranks} cards a trial" if self.ranks > 1 else ""
        return f"{self.jobs} trials at once{on}{together}"

    @property
    def cards(self) -> int:
        """Number of graphics cards."""
        return sum(device != "cpu" for device in self.devices)

    @property
    def model(self) -> str:
        """What the devices are."""
        return model_of(self.devices[0])


def slots_for(
    task: Task,
    jobs: int | None,
    wanted: Sequence[int] | None,
    trials_per_gpu: int | None,
    weak: bool,
    ranks: int = 1,
    rung: Rung | None = None,
) -> Slots:
    """The slots that a user asked for, or those that suit the task on this machine.

    Args:
        task: What is to be trained.
        jobs: Trials at once on a processor; None for one a core.
        wanted: Numbers of the cards to use; None for all, where the task wants cards.
        trials_per_gpu: Trials at once on each card; None for as many as its processor cores can serve.
        weak: Whether candidates may be confined by resource limits alone.
        ranks: Cards that train one trial together.
        rung: The rung that they are for; None for the full one.

    Raises:
        SlotsError: The task or the machine cannot do that.
    """
    cores, sandboxes = len(os.sched_getaffinity(0)), usable(weak)
    if wanted is None and task.devices[0] == "cpu":
        if trials_per_gpu is not None:
            raise SlotsError(f"--trials-per-gpu goes with --gpus: {task.name} is trained on the processor")
        if ranks > 1:
            raise SlotsError(f"--gpus-per-trial goes with --gpus: {task.name} is trained on the processor")
        return Slots(jobs or cores, ("cpu",), sandboxes)
    if "cuda" not in task.devices:
        raise SlotsError(f"--gpus: {task.name} is trained on the processor; leave the option out")
    if jobs is not None:
        raise SlotsError("--jobs counts trials on a processor; on cards say --trials-per-gpu")
    if not gpus():
        wants = "--gpus" if wanted is not None else f"{task.name} is trained on NVIDIA cards"
        raise SlotsError(
            f"{wants}: nvidia-smi shows none here; `--task nanogpt-tiny` is the same on a small model, for a processor"
        )
    chosen = tuple(dict.fromkeys(wanted if wanted is not None else range(len(gpus()))))
    strange = [index for index in chosen if not 0 <= index < len(gpus())]
    if strange:
        there = ", ".join(f"{index}: {card.model}" for index, card in enumerate(gpus()))
        raise SlotsError(f"--gpus: there is no card {strange[0]}; there are {there}")
    if len({gpus()[index].model for index in chosen}) > 1:
        names = ", ".join(f"{index}: {gpus()[index].model}" for index in chosen)
        raise SlotsError(f"--gpus: values of different models cannot be compared, choose cards of one ({names})")
    if ranks > 1 and trials_per_gpu is not None:
        raise SlotsError("--gpus-per-trial: such a trial has its cards to itself; leave --trials-per-gpu out")
    if ranks > 1:
        _check_ranks(task, rung or task.rung("full"), ranks, len(chosen))
    need = max(task.problem(task.rung(name)).card_bytes for name in SEARCH_RUNGS)
    room = min(gpus()[index].memory_bytes for index in chosen) // need
    most = TRIALS_PER_SHARED_GPU if shares() else TRIALS_PER_GPU
    each = trials_per_gpu or max(1, min(most, room, cores // (CORES_PER_TRIAL * len(chosen))))
    places = len(chosen) // ranks * (each if ranks == 1 else 1)
    return Slots(places, tuple(f"cuda:{index}" for index in chosen), sandboxes, ranks)


def _check_ranks(task: Task, rung: Rung, ranks: int, cards: int) -> None:
    parts = task.problem(rung).parts
    possible = [number for number in range(1, parts + 1) if parts % number == 0 and cards % number == 0]
    if ranks not in possible:
        raise SlotsError(
            f"--gpus-per-trial {ranks}: a step of {task.name}'s {rung.name} rung is {parts} passes, and {cards} cards "
            f"were chosen; both must come out even: choose {' or '.join(map(str, possible))}"
        )

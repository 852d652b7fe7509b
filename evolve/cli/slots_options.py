"""The options that say where trials are trained."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from evaluator.records import Rung
    from evaluator.tasks.base import Task
    from evolve.slots import Slots

R = TypeVar("R")


class Cards(click.ParamType):  # type: ignore[type-arg]
    """Numbers of graphics cards, separated by commas."""

    name = "cards"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The numbers."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in value.split(",")]
        if not all(part.isdecimal() for part in parts):
            self.fail(f"expected numbers of cards such as 0,1, got {value!r}", param, ctx)
        return tuple(int(part) for part in parts)


class TrialsPerGPU(click.ParamType):  # type: ignore[type-arg]
    """A number, or "auto"."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """The number; None for "auto"."""
        if value == "auto" or value is None:
            return None
        if not str(value).isdecimal() or int(value) < 1:
            self.fail(f'expected a number from 1 up, or "auto", got {value!r}', param, ctx)
        return int(value)


class Asked:
    """What the user said of slots; `of` makes them for a task."""

    def __init__(self, jobs: int | None, gpus: tuple[int, ...] | None, trials_per_gpu: int | None, weak: bool) -> None:
        self._asked = jobs, gpus, trials_per_gpu, weak

    def of(self, task: Task, ranks: int = 1, rungs: Sequence[Rung] | None = None) -> Slots:
        """The slots for a task; says on stderr what will be short there.

        Args:
            task: The task.
            ranks: Cards that train one trial together.
            rungs: The rungs that they are for; None for those of a search.

        Raises:
            click.UsageError: It cannot be trained there.
        """
        from evolve.shortage import shortages
        from evolve.slots import SEARCH_RUNGS, SlotsError, slots_for

        rungs = [task.rung(name) for name in SEARCH_RUNGS] if rungs is None else rungs
        try:
            slots = slots_for(task, *self._asked, ranks, rungs[-1])
        except SlotsError as error:
            raise click.UsageError(str(error)) from error
        for shortage in shortages(task, rungs, slots):
            click.echo(f"note: {shortage}", err=True)
        return slots


ranks_option = click.option(
    "--gpus-per-trial",
    "ranks",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Cards that train one trial together, where a step is several passes: on the full rung.",
)


def slots_options(function: Callable[..., R]) -> Callable[..., R]:
    """Adds the options and passes what they say as `slots`, an `Asked`."""

    @click.option("--jobs", type=click.IntRange(1, 1024), help="Trials at once on a processor; one a core by default.")
    @click.option(
        "--gpus", type=Cards(), metavar="0,1", help="Graphics cards to train on; all of them where a task wants cards."
    )
    @click.option(
        "--trials-per-gpu",
        type=TrialsPerGPU(),
        metavar="N|auto",
        help="Trials at once on each card; by default as many as pay, with two processor cores for each.",
    )
    @click.option(
        "--allow-weak-sandbox",
        is_flag=True,
        help="Where nothing better works, confine candidates by resource limits alone: for genomes that you trust.",
    )
    @functools.wraps(function)
    def wrapped(
        *args: Any,
        jobs: int | None,
        gpus: tuple[int, ...] | None,
        trials_per_gpu: int | None,
        allow_weak_sandbox: bool,
        **options: Any,
    ) -> R:
        return function(*args, slots=Asked(jobs, gpus, trials_per_gpu, allow_weak_sandbox), **options)

    return wrapped

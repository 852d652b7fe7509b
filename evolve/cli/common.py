"""What the commands share: options, and how errors reach people (a clear text and exit code 2)."""

from __future__ import annotations

import functools
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    from evaluator.tasks.base import Task
    from evolve.config import Config
    from evolve.genomes import NamedGenome
    from evolve.run import Run
    from population.store import Store

P = ParamSpec("P")
R = TypeVar("R")

run_option = click.option(
    "--run",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The run's folder; the newest under runs/ by default.",
)
train_steps_option = click.option(
    "--train-steps",
    type=click.IntRange(1),
    metavar="N",
    help="Steps of every trial but smoke ones, on nanogpt and nanogpt-tiny; by default the benchmark's 3250, and 60 on "
    "the tiny one. For genomes with absolute step numbers it must be theirs.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")


class FiniteRange(click.FloatRange):
    """A number in a range; "nan", which compares as being inside of any, and infinity are in none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"expected a number, got {value}", param, ctx)
        return number


def clear_errors(function: Callable[P, R]) -> Callable[P, R]:
    """Turn the errors a user can mend into a text on stderr and exit code 2."""

    @functools.wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        from evolve.run import RunError
        from population.genome import GenomeError
        from population.store import StoreError

        try:
            return function(*args, **kwargs)
        except (RunError, StoreError, GenomeError) as error:
            raise click.UsageError(str(error)) from error

    return wrapped


def load_task(name: str, data: Path | None, rungs: Sequence[str] | None = None, train_steps: int | None = None) -> Task:
    """The task of that name, its data read.

    Args:
        name: The task's name.
        data: The user's data, or None for the task's own.
        rungs: Those that the data must suffice for; None for those of a search.
        train_steps: Of every rung but smoke, or None for the task's own.

    Raises:
        click.UsageError: There is no such task, or the data will not do.
    """
    from evaluator.tasks import TASKS, get_task
    from evaluator.tasks.shards import ShardError
    from evaluator.tasks.text import TextError
    from evolve.slots import SEARCH_RUNGS

    if name not in TASKS:
        raise click.UsageError(f"--task: expected {', '.join(TASKS)}; got {name}")
    try:
        task = get_task(name, data, train_steps)
    except ValueError as error:
        raise click.UsageError(f"--train-steps: {error}; leave it out, or choose another --task") from error
    try:
        task.data_digest()
        for rung in SEARCH_RUNGS if rungs is None else rungs:
            task.problem(task.rung(rung))
    except (TextError, ShardError) as error:
        raise click.UsageError(str(error)) from error
    return task


def task_of(config: Config, rungs: Sequence[str] | None = None) -> Task:
    """The task of a run; arguments and errors as of `load_task`."""
    return load_task(config.task, Path(config.text) if config.text else None, rungs, config.train_steps)


def require_length(genomes: Sequence[NamedGenome], task: Task) -> None:
    """All genomes that are written for one length can run on the task's rungs.

    Raises:
        click.UsageError: One cannot.
    """
    from evaluator.check import iso_steps

    length = task.rung("proxy").train_steps
    for genome in genomes:
        steps = iso_steps(genome.source)
        if steps not in (None, length):
            raise click.UsageError(
                f"{genome.name} is written for runs of {steps} steps, and {task.name}'s proxy rung has {length} here: "
                f"begin a run with --train-steps {steps} (on nanogpt or nanogpt-tiny), or write its step numbers as "
                "shares of train_steps, as `evolve import --fractions` does"
            )


def print_json(value: Any) -> None:
    """Print one JSON document."""
    json.dump(value, sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


@contextmanager
def reading(folder: Path | None) -> Iterator[tuple[Run, Store]]:
    """A run and its database, read-only."""
    from evolve.run import find_run
    from population.store import Store

    run = find_run(folder)
    with Store.open(run.database) as store:
        yield run, store

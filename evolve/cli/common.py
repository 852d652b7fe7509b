"""What the commands share: options, and how errors reach people (a clear text and exit code 2)."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
    from evaluator.tasks.base import Task
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
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for scripts.")


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


def load_task(name: str, data: Path | None, rungs: Sequence[str] = ("smoke", "proxy", "confirm")) -> Task:
    """The task of that name, its data read.

    Args:
        name: The task's name.
        data: The user's data, or None for the task's own.
        rungs: Those that the data must suffice for.

    Raises:
        click.UsageError: There is no such task, or the data will not do.
    """
    from evaluator.tasks import TASKS, get_task
    from evaluator.tasks.shards import ShardError
    from evaluator.tasks.text import TextError

    if name not in TASKS:
        raise click.UsageError(f"--task: expected {', '.join(TASKS)}; got {name}")
    task = get_task(name, data)
    try:
        task.data_digest()
        for rung in rungs:
            task.problem(task.rung(rung))
    except (TextError, ShardError) as error:
        raise click.UsageError(str(error)) from error
    return task


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

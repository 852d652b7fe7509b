"""What the commands share: options, and how errors reach people (a clear text and exit code 2)."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

if TYPE_CHECKING:
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


def fail(message: str) -> click.UsageError:
    """An error with exit code 2; raise it."""
    return click.UsageError(message)


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

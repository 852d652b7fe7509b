"""The options that `start` and `resume` share."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from evaluator.tasks.base import Task
    from evolve.budget import Budget
    from evolve.run import Run


class Duration(click.ParamType):  # type: ignore[type-arg]
    """A positive duration: 90s, 5m, 1.5h."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        from evolve.budget import seconds_from_text

        if isinstance(value, float):
            return value
        try:
            return seconds_from_text(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


jobs_option = click.option(
    "--jobs",
    type=click.IntRange(1, 1024),
    default=lambda: len(os.sched_getaffinity(0)),
    show_default="cores",
    help="Trials at once.",
)


def search_options(function: Callable[..., None]) -> Callable[..., None]:
    """Budgets, jobs and quiet."""
    options: tuple[Callable[[Callable[..., None]], Callable[..., None]], ...] = (
        click.option(
            "--budget-time",
            type=Duration(),
            metavar="5m",
            help="Stop after this much running time, all processes of the run counted. Five minutes without a budget.",
        ),
        click.option("--budget-births", type=click.IntRange(1), metavar="N", help="Stop after N births."),
        click.option("--budget-trials", type=click.IntRange(1), metavar="N", help="Stop after N trials."),
        jobs_option,
        click.option("--quiet", is_flag=True, help="Show no progress."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def go(run: Run, task: Task, budget: Budget, jobs: int, quiet: bool) -> None:
    """Search in this terminal and say how it ended. The caller holds the run's lock."""
    from evaluator.pool import EvaluatorError
    from evolve.engine import EngineError
    from evolve.report import standing
    from evolve.session import search
    from evolve.views.live import ProgressView, progress_view
    from evolve.views.numbers import interval, value
    from evolve.views.silent import Silent

    view: ProgressView = Silent() if quiet else progress_view(sys.stdout.isatty())
    try:
        state = search(run, task, budget, jobs, view)
    except (EngineError, EvaluatorError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo(f"stopped at once; go on with: evolve resume --run {run.folder}", err=True)
        raise SystemExit(130) from None
    best, seed, gain = standing(state)
    click.echo(f"run {run.folder}: {state.births} births, {state.trials} trials")
    for name, standing_ in (("best", best), ("best seed program", seed)):
        if standing_ is not None:
            at = standing_.estimate
            click.echo(
                f"{name}: #{standing_.id} {standing_.name or standing_.operator} "
                f"{value(at.mean)} {interval(at.low, at.high)} ({at.rung}, n={at.n})"
            )
    if gain is not None:
        click.echo(f"gain: {value(gain.mean)} nats/token {interval(gain.low, gain.high)}")
    if best is not None:
        verbs = ("show", "lineage", "promote")
        click.echo("next: " + "; ".join(f"evolve {verb} {best.id} --run {run.folder}" for verb in verbs))

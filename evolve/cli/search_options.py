"""The options that `start` and `resume` share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from evolve.cli.common import FiniteRange
from evolve.cli.slots_options import slots_options

if TYPE_CHECKING:
    from evaluator.tasks.base import Task
    from evolve.budget import Budget
    from evolve.run import Run
    from evolve.slots import Slots


class WeightedModel(click.ParamType):  # type: ignore[type-arg]
    """A model's name, with a weight after "=" or without."""

    name = "model"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float]:
        """Name and weight."""
        if isinstance(value, tuple):
            return value
        name, given, weight = value.rpartition("=")
        try:
            found = (name.strip(), float(weight)) if given else (value.strip(), 1.0)
        except ValueError:
            found = ("", 0.0)
        if not found[0] or not 0.0 < found[1] < float("inf"):
            self.fail(f"expected NAME or NAME=WEIGHT with a weight above 0, got {value!r}", param, ctx)
        return found


class ModelPrice(click.ParamType):  # type: ignore[type-arg]
    """A model's price: NAME=READ,WRITE in US dollars per million tokens."""

    name = "price"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, float, float]:
        """Name, price of a million tokens read, price of a million written."""
        if isinstance(value, tuple):
            return value
        name, _, prices = value.rpartition("=")
        try:
            read, write = (float(price) for price in prices.split(","))
        except ValueError:
            read = write = -1.0
        if not name.strip() or not (0.0 <= read < float("inf") and 0.0 <= write < float("inf")):
            self.fail(f"expected NAME=READ,WRITE in US dollars per million tokens, got {value!r}", param, ctx)
        return name.strip(), read, write


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


def search_options(function: Callable[..., None]) -> Callable[..., None]:
    """Budgets, slots and quiet."""
    options: tuple[Callable[[Callable[..., None]], Callable[..., None]], ...] = (
        click.option(
            "--budget-time",
            type=Duration(),
            metavar="5m",
            help="Stop after this much running time, all processes of the run counted. Five minutes without a budget.",
        ),
        click.option("--budget-births", type=click.IntRange(1), metavar="N", help="Stop after N births."),
        click.option("--budget-trials", type=click.IntRange(1), metavar="N", help="Stop after N trials."),
        click.option(
            "--budget-usd",
            type=FiniteRange(0, min_open=True),
            metavar="USD",
            help="Stop before language models cost more.",
        ),
        click.option(
            "--budget-tokens",
            type=click.IntRange(1),
            metavar="N",
            help="Stop before language models read and write more tokens.",
        ),
        click.option(
            "--budget-gpu-hours",
            type=FiniteRange(0, min_open=True),
            metavar="H",
            help="Stop after so much running time of one graphics card; two cards spend twice as much.",
        ),
        slots_options,
        click.option("--quiet", is_flag=True, help="Show no progress."),
    )
    for option in reversed(options):
        function = option(function)
    return function


def go(
    run: Run,
    task: Task,
    budget: Budget,
    slots: Slots,
    quiet: bool,
    recorded: Run | None = None,
) -> None:
    """Search in this terminal and say how it ended. The caller holds the run's lock."""
    from evaluator.pool import EvaluatorError
    from evolve.engine import EngineError
    from evolve.llm import ModelsError
    from evolve.recorded import ReplayError
    from evolve.report import standing
    from evolve.session import search
    from evolve.views.live import ProgressView, progress_view
    from evolve.views.numbers import interval, value
    from evolve.views.silent import Silent

    view: ProgressView = Silent() if quiet else progress_view(sys.stdout.isatty())
    try:
        state = search(run, task, budget, slots, view, recorded)
    except (EngineError, EvaluatorError, ModelsError, ReplayError) as error:
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
    if state.unanswered:
        click.echo(
            f"models: {state.unanswered} of {state.calls} calls had no answer; the last: {state.unanswered_reason}"
        )
    if best is not None:
        verbs = ("show", "lineage", "promote")
        click.echo("next: " + "; ".join(f"evolve {verb} {best.id} --run {run.folder}" for verb in verbs))


def known_prices(
    models: Sequence[str], own: Mapping[str, tuple[float, float]], budget: Budget
) -> dict[str, tuple[float, float]]:
    """What each model costs, where it is known: the user's word before litellm's list. Says which keys are missing.

    Raises:
        click.UsageError: Models cannot be asked here, a price is for a model that is not used, or money is limited and
            a price unknown.
    """
    if not models:
        return {}
    from evolve.llm import ModelsError, facts_of

    strange = [name for name in own if name not in models]
    if strange:
        raise click.UsageError(f"--price: {', '.join(strange)} is not among the models {', '.join(models)}")
    try:
        found = facts_of(models)
    except ModelsError as error:
        raise click.UsageError(str(error)) from error
    prices = {name: (price.prompt, price.completion) for name, price in found.prices.items()} | dict(own)
    unknown = [name for name in models if name not in prices]
    if budget.usd is not None and unknown:
        raise click.UsageError(
            f"--budget-usd: nobody knows what {', '.join(unknown)} costs; say so with --price {unknown[0]}=READ,WRITE "
            "(US dollars per million tokens), or limit --budget-tokens instead"
        )
    for name, keys in found.missing_keys.items():
        click.echo(
            f"note: {name} is usually asked with {' or '.join(keys)}, not set here: its calls fail unless a key is "
            "given in another way or none is needed",
            err=True,
        )
    return prices

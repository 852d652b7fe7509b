"""The options that make the plan of a promotion by the benchmark's rule."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any, TypeVar

import click

from evolve.cli.common import FiniteRange

R = TypeVar("R")


class Looks(click.ParamType):  # type: ignore[type-arg]
    """Increasing numbers of runs, separated by commas."""

    name = "looks"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The numbers."""
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in value.split(",")]
        numbers = tuple(int(part) for part in parts if part.isdecimal() and len(part) < 5)
        if len(numbers) != len(parts) or numbers[0] < 2 or any(b <= a for a, b in pairwise(numbers)):
            self.fail(f"expected increasing numbers of runs from 2 up, such as 6,9,12; got {value!r}", param, ctx)
        return numbers


@dataclass(frozen=True)
class Wanted:
    """What the user said of the plan; None where nothing.

    Attributes:
        target: Loss to get below, nats per token.
        margin: What (target - mean) * sqrt(n) must reach.
        sigma: Per-run sd of the rule.
        train_steps: Length of every run.
        validate_every: Steps between two validations.
        claim: The step to be shown.
        looks: Numbers of runs at which the plan looks; the last is the most that are made.
        sd: Whether the test estimates the sd or takes the rule's.
        retune: What to tune before, on other rng_seeds.
        rival: Program or logs to compare with.
        step_worth: Loss that one step of planned length is worth.
    """

    target: float | None = None
    margin: float | None = None
    sigma: float | None = None
    train_steps: int | None = None
    validate_every: int | None = None
    claim: int | None = None
    looks: tuple[int, ...] | None = None
    sd: str | None = None
    retune: str | None = None
    rival: str | None = None
    step_worth: float | None = None

    def planned(self) -> dict[str, Any]:
        """What belongs to the frozen plan and was said, by the option's name."""
        apart = ("retune", "rival", "step_worth")
        return {
            field.name.replace("_", "-"): getattr(self, field.name)
            for field in fields(self)
            if field.name not in apart and getattr(self, field.name) is not None
        }

    def named(self) -> tuple[str, ...]:
        """Names of all options that were given."""
        return tuple(field.name.replace("_", "-") for field in fields(self) if getattr(self, field.name) is not None)

    def again(self) -> str:
        """What to say again to go on with the same plan."""
        options = {"target": self.target, **self.planned(), "retune": self.retune}
        told = {
            name: ",".join(map(str, value)) if isinstance(value, tuple) else value for name, value in options.items()
        }
        return "".join(f" --{name} {value}" for name, value in told.items() if value is not None)


def plan_options(function: Callable[..., R]) -> Callable[..., R]:
    """Adds the options and passes what they say as `wanted`, a `Wanted`."""

    @click.option("--target", type=float, metavar="LOSS", help="Loss to get below; the task's own by default.")
    @click.option(
        "--margin", type=float, metavar="NATS", help="What (target - mean) * sqrt(n) must reach; 0.004 by default."
    )
    @click.option("--sigma", type=float, metavar="NATS", help="Per-run sd of the rule; 0.0013 by default.")
    @click.option(
        "--train-steps", type=click.IntRange(1), metavar="N", help="Length of every run; the full rung's by default."
    )
    @click.option(
        "--validate-every", type=click.IntRange(1), metavar="K", help="Validate every K steps; 125 by default."
    )
    @click.option(
        "--claim", type=click.IntRange(1), metavar="STEP", help="The step to be shown; the last one by default."
    )
    @click.option(
        "--looks",
        type=Looks(),
        metavar="6,9,...",
        help="Look at the losses after so many runs; the last is the most that are made. 6,9,12,16,20,24 by default.",
    )
    @click.option(
        "--sd",
        type=click.Choice(["estimated", "fixed"]),
        help="Test with the estimated sd, whose level holds for any, or with --sigma: fewer runs, if it is true.",
    )
    @click.option(
        "--retune",
        metavar="lr,wd",
        help="Before the plan is frozen, scale these (lr, wd, or hyperparameters by name) on other rng_seeds.",
    )
    @click.option(
        "--rival", metavar="PROGRAM|LOGS", help="Compare with a promoted program, or with logs, by the pairwise rule."
    )
    @click.option(
        "--step-worth",
        type=FiniteRange(0),
        metavar="NATS",
        help="Loss that one step of planned length is worth, for --rival; 4.5e-5 by default.",
    )
    @functools.wraps(function)
    def wrapped(*args: Any, **options: Any) -> R:
        said = {field.name: options.pop(field.name) for field in fields(Wanted)}
        return function(*args, wanted=Wanted(**said), **options)

    return wrapped

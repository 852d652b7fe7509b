"""What a prompt is made from: plain records about the parent, its relatives and the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """A program as the prompt shows it.

    Attributes:
        id: Its id.
        name: File stem of a seed or added program, else the operator that made it.
        source: Its text.
        mean, low, high: Estimate on the proxy rung with its 95 % interval, nats/token; lower is better.
        n: rng_seeds behind it.
        longer: (steps, estimate, rng_seeds) on the confirm rung, if it has been there.
        island: Index of its island.
        training: (step, mean training loss since the point before) pairs of its first proxy trial.
    """

    id: int
    name: str
    source: str
    mean: float
    low: float
    high: float
    n: int
    longer: tuple[int, float, int] | None = None
    island: int = 0
    training: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Attempt:
    """A change that was tried on this lineage and what came of it.

    Attributes:
        program: Id of the child.
        parent: Id of the program that was changed.
        operator: What made the child.
        change: What was done and why, one line.
        gain: Parent's estimate minus the child's, nats/token, positive is better; None if the child failed.
        low, high: 95 % interval of the gain.
        mean: The child's estimate.
        raw: Mean difference on the proxy rng_seeds that both have, and how many these are; None without any.
        longer: The same on the confirm rung, or None.
        failure: Outcome and reason if it failed, else "".
        course: Parent's training loss minus the child's by quarters of a proxy trial, first to last.
        same_as: The known program whose behaviour the child has, or None.
    """

    program: int
    parent: int
    operator: str
    change: str
    gain: float | None = None
    low: float = 0.0
    high: float = 0.0
    failure: str = ""
    mean: float = 0.0
    raw: tuple[float, int] | None = None
    longer: tuple[float, int] | None = None
    course: tuple[float, ...] = ()
    same_as: int | None = None


@dataclass(frozen=True)
class Situation:
    """Everything that a prompt may tell.

    Attributes:
        task: Name of the task.
        brief: What the task says of itself.
        steps: Steps of a proxy trial.
        noise: Sd of the paired difference of two relatives on one rng_seed, nats/token.
        island: Index of the island that asks.
        purpose: What that island is for, where the model is free to heed it; else "".
        phase: Share of the run's budget that is used, in [0, 1].
        parent: The program to change.
        second: The second parent, if there is one.
        error: Why the program to mend failed, with its last lines; else "".
        tried: Changes tried on the parent and its ancestors, nearest first.
        responses: For each hyperparameter of the parent: (value, estimate) of relatives that differ in it alone.
        pending: What is being tried and has no result yet, one line each.
        elsewhere: Changes that models proposed on other lineages, newest first.
        inspirations: The best program of all and the best of other islands.
        leaders: The best programs of the run: what was done to make each, and its estimate.
    """

    task: str
    brief: str
    steps: int
    noise: float
    island: int
    purpose: str
    phase: float
    parent: Known
    second: Known | None = None
    error: str = ""
    tried: tuple[Attempt, ...] = ()
    responses: Mapping[str, tuple[tuple[float, float], ...]] | None = None
    pending: tuple[str, ...] = ()
    elsewhere: tuple[Attempt, ...] = ()
    inspirations: tuple[Known, ...] = ()
    leaders: tuple[tuple[Known, str], ...] = ()

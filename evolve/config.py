"""What is fixed when a run begins: everything a resumed run needs to decide as the first process would have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Config:
    """The settings of a run.

    Attributes:
        task: Name of the task.
        text: Folder or file of the user's own text, or None for the task's default.
        train_steps: Steps of every rung but smoke, or None for the task's own.
        islands: Number of islands.
        rng_seed: The run's rng_seed: all randomness of the search derives from it.
        pressure: Selection pressure: the share of a parent falls with its rank to this power; 0 is uniform.
        operators: Names of the operators that may be used.
        migrate_every: Births between two migrations along the ring.
        models: Language models with their weights.
        calls: Most calls of models under way at once.
        call_seconds: Longest time one request may take.
        answer_tokens: Most tokens of an answer.
        prices: By model: US dollars per million tokens read and written, where the user said so.
    """

    task: str = "charlm"
    text: str | None = None
    islands: int = 4
    rng_seed: int = 0
    pressure: float = 2.0
    operators: tuple[str, ...] = ("perturb", "crossover", "ablate", "prune")
    migrate_every: int = 40
    models: tuple[tuple[str, float], ...] = ()
    calls: int = 8
    call_seconds: float = 600.0
    answer_tokens: int = 8000
    prices: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    train_steps: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for the database."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Config:
        """The inverse of `as_dict`; settings of newer versions are left out."""
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        known["operators"] = tuple(known.get("operators", cls.operators))
        known["models"] = tuple((name, weight) for name, weight in known.get("models", ()))
        return cls(**known)

"""The bandit's arms: which operators ask which models, and how often while nothing is known of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from evolve.bandit import Arm
from population.island import Profile

WEIGHTS = {"llm_diff": 3.0, "llm_rewrite": 2.0, "llm_crossover": 2.0, "llm_tune": 1.5, "llm_ablate": 1.0}
"""How often an operator is drawn while nothing is known of it; `llm_repair` is never drawn: a failure calls for it."""


def arms(profile: Profile, operators: Iterable[str], models: Mapping[str, float]) -> dict[Arm, float]:
    """Every arm that an island may draw, with its weight.

    Args:
        profile: What the island is for.
        operators: Names from `WEIGHTS`.
        models: Weight by name of the model.
    """
    return {
        (name, model): weight * profile.weight(name, WEIGHTS[name])
        for name in operators
        for model, weight in models.items()
    }

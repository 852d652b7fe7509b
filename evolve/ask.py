"""Which question to put to a language model next: pure decisions from the state, the budget and the run's rng_seed.

Models are slow, so questions are put ahead of need: as long as few children wait for trials and nothing waits to be
checked. This module must not know prompts, nor do anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from evolve import money
from evolve.arms import WEIGHTS, arms
from evolve.bandit import choose
from evolve.budget import Budget, Spent
from evolve.chance import stream
from evolve.decide import Vary, due
from evolve.operators import ASKING, PARENTS
from evolve.state import State
from population.island import draw_parents

PATIENCE = 3
"""How many times in a row attempts may give no child before a model is left alone: for two attempts, then four, ..."""


def next_ask(state: State, busy: int, waiting: int, slots: int, spent: Spent, budget: Budget) -> Vary | None:
    """The next attempt to ask a model for; None for now.

    Args:
        state: What the run knows.
        busy: Highest number of an attempt under way that is not written yet, or 0.
        waiting: Trials planned and not begun.
        slots: Trials that can run at once.
        spent: What has been used, reservations of calls under way included.
        budget: What may be used.
    """
    config = state.config
    attempt = max(state.attempts, busy) + 1
    models = _willing(state, attempt, money.affordable(config, spent, budget))
    operators = [name for name in config.operators if name in ASKING]
    if not models or not operators or not budget.allows_birth(spent):
        return None
    inhabited = [island for island in state.islands if len(island.archive)]
    if not inhabited or len(state.asked) >= config.calls or waiting >= slots or due(state, spent, budget):
        return None
    rng = stream(config.rng_seed, "attempt", attempt)
    if state.to_repair and "llm_repair" in operators:
        broken = state.programs[state.to_repair[0]]
        assert broken.parent is not None
        model = rng.choices(list(models), list(models.values()))[0]
        return Vary(attempt, broken.island, "llm_repair", (broken.parent, broken.id), model=model)
    island = inhabited[attempt % len(inhabited)]
    elites = state.island_elites()[island.index]
    strangers = [id for id in state.elites() if id not in island.archive]
    able = [name for name in operators if name in WEIGHTS and ASKING[name] <= len(elites) + len(strangers)]
    weights = arms(island.profile, able, models)
    if not weights:
        return None
    operator, model = choose(weights, state.pulls, island.index, rng)
    parents = draw_parents(elites, ASKING[operator], config.pressure, rng, strangers, partial(_worth_joining, state))
    return Vary(attempt, island.index, operator, parents, model=model)


def _worth_joining(state: State, one: int, other: int) -> bool:
    """Whether two programs are neither parent and child nor have been joined before."""
    kin = other in state.programs[one].parents or one in state.programs[other].parents
    return not kin and frozenset((one, other)) not in state.joined


def _willing(state: State, attempt: int, models: Mapping[str, float]) -> Mapping[str, float]:
    """Those models, with their weights, that have not given nothing too often lately."""
    if not any(name in PARENTS for name in state.config.operators):
        return models  # nothing else would go on meanwhile
    found = {}
    for model, weight in models.items():
        failures, last = state.barren_models.get(model, (0, 0))
        if failures < PATIENCE or attempt > last + 2 ** min(failures - PATIENCE + 1, 30):
            found[model] = weight
    return found

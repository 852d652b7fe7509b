"""Where a run stands, read from its database alone: what `status` and `ls` say. Must not replay or write."""

from __future__ import annotations

from evolve.config import Config
from evolve.views.progress import Gain, IslandProgress, OperatorProgress, Progress, Standing
from population.queries import IslandLeader, OperatorTally
from population.rows import EstimateRow
from population.store import Store

CONFIRM_RNG_SEEDS = "confirm_rng_seeds"
"""Key of the run's configuration: how many rng_seeds a complete confirm has."""


def overview(store: Store) -> Progress:
    """The progress of a run as its rows tell it."""
    config = Config.from_dict(store.run)
    summary = store.summary()
    best, best_seed = standings(store)
    leaders = {each.island: each for each in store.leaders("proxy")}
    tallies = {each.operator: each for each in store.tallies("proxy")}
    return Progress(
        elapsed=summary.elapsed,
        births=summary.births,
        trials=summary.trials,
        outcomes=dict(summary.outcomes),
        islands=tuple(_island(i, leaders.get(i)) for i in range(config.islands)),
        operators=tuple(_operator(name, tallies.get(name)) for name in config.operators),
        best=best,
        best_seed=best_seed,
        gain=_gain(store, best, best_seed),
    )


def standings(store: Store) -> tuple[Standing | None, Standing | None]:
    """The best program and the best seed program at the highest rung that both have, as `evolve.report` defines it."""
    needed = int(store.run.get(CONFIRM_RNG_SEEDS, 1))
    best = [row for row in store.best("confirm", 50) if row.n >= needed]
    seeds = [row for row in store.best("confirm", 50, seeds_only=True) if row.n >= needed]
    if not seeds or {row.program for row in best} <= {row.program for row in seeds}:
        best, seeds = store.best("proxy", 1), store.best("proxy", 1, seeds_only=True)
    if not best or not seeds:
        return None, None
    return _standing(store, best[0]), _standing(store, seeds[0])


def _standing(store: Store, row: EstimateRow) -> Standing:
    program = store.program(row.program)
    return Standing(row.program, row, program.name, program.operator)


def _island(index: int, found: IslandLeader | None) -> IslandProgress:
    if found is None:
        return IslandProgress(str(index))
    at = found.leader
    return IslandProgress(str(index), at.program, at.mean, at.low, at.high, found.members)


def _operator(name: str, tally: OperatorTally | None) -> OperatorProgress:
    return OperatorProgress(name, tally.births, tally.failed, tally.improved) if tally else OperatorProgress(name)


def _gain(store: Store, best: Standing | None, best_seed: Standing | None) -> Gain | None:
    """The difference that the engine wrote down when this pair became the standing one."""
    if best is None or best_seed is None or best.id == best_seed.id:
        return None
    pair = (best.id, best_seed.id, best.estimate.rung)
    for event in reversed(list(store.events("best"))):
        data = event.data
        if (data["best"], data["best_seed"], data["rung"]) == pair and "gain" in data:
            return Gain(data["gain"], data["gain_low"], data["gain_high"])
    return None

"""Where a run stands, read from its database alone: what `status` and `ls` say. Must not replay or write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from statistics import fmean
from typing import Any

from evolve.arms import WEIGHTS, arms
from evolve.bandit import MEMORY, Arm, Pull, shares
from evolve.chance import stream
from evolve.config import Config
from evolve.replies.statement import DEPTHS
from evolve.views.progress import ArmProgress, ClassProgress, Gain, IslandProgress, OperatorProgress, Progress, Standing
from population.island import make_islands
from population.queries import ArmTally, ClassTally, IslandLeader, OperatorTally, Summary, by_class, by_operator
from population.store import Store

SEARCHED = ("smoke", "proxy", "confirm")
"""Rungs of the search; the trials of promotions are told with their verdicts."""


def overview(store: Store) -> Progress:
    """The progress of a run as its rows tell it."""
    config = Config.from_dict(store.run)
    summary = store.summary()
    best, best_seed = standings(store)
    leaders = {each.island: each for each in store.leaders(config.islands)}
    changes = store.changes("proxy")
    tallies = {each.operator: each for each in by_operator(changes)}
    outcomes = searched(summary)
    return Progress(
        elapsed=summary.elapsed,
        births=summary.births,
        trials=outcomes.total(),
        outcomes=dict(outcomes),
        islands=tuple(_island(i, leaders.get(i)) for i in range(config.islands)),
        operators=tuple(_operator(name, tallies.get(name)) for name in config.operators),
        best=best,
        best_seed=best_seed,
        gain=_gain(store),
        arms=_arms(store, config),
        classes=_classes(by_class(changes)),
    )


def classes(store: Store) -> tuple[ClassProgress, ...]:
    """What changes of each class have come to, shallow ones first."""
    return _classes(store.classes("proxy"))


def _classes(tallies: Iterable[ClassTally]) -> tuple[ClassProgress, ...]:
    return tuple(ClassProgress(*each) for each in sorted(tallies, key=_by_depth))


def searched(summary: Summary) -> Counter[str]:
    """Trials of the search by outcome, promotions' left out."""
    outcomes: Counter[str] = Counter()
    for rung, counts in summary.rungs.items():
        if rung in SEARCHED:
            outcomes.update(counts)
    return outcomes


def standings(store: Store) -> tuple[Standing | None, Standing | None]:
    """The best program and the best seed program, as the engine last wrote them down (see `evolve.report.pair`)."""
    event = _last_best(store)
    if event is None:
        return None, None
    rung = str(event["rung"])
    return _standing(store, int(event["best"]), rung), _standing(store, int(event["best_seed"]), rung)


def _standing(store: Store, id: int, rung: str) -> Standing | None:
    program = store.program(id)
    at = next(store.estimates(rung, id), None)
    return Standing(id, at, program.name, program.operator) if at is not None else None


def _island(index: int, found: IslandLeader | None) -> IslandProgress:
    if found is None:
        return IslandProgress(str(index))
    at = found.leader
    return IslandProgress(str(index), at.program, at.mean, at.low, at.high, found.members)


def _operator(name: str, tally: OperatorTally | None) -> OperatorProgress:
    return OperatorProgress(name, tally.births, tally.failed, tally.improved) if tally else OperatorProgress(name)


def _arms(store: Store, config: Config) -> tuple[ArmProgress, ...]:
    """Every operator and model: what came of asking, and how often it would be asked next."""
    if not config.models:
        return ()
    tallies = {(each.operator, each.model): each for each in store.arms("proxy")}
    pulls = [
        Pull((paid.operator, paid.model), paid.island, paid.gain, paid.usd, paid.steps)
        for paid in store.paid_attempts(MEMORY)
    ]
    drawn = [name for name in config.operators if name in WEIGHTS]
    parts = [
        shares(arms(island.profile, drawn, dict(config.models)), pulls, island.index, stream(0, "status", island.index))
        for island in make_islands(config.islands)
    ]
    following = {arm: fmean(part[arm] for part in parts) for arm in parts[0]} if drawn else {}
    return tuple(_arm(arm, tallies.get(arm), following.get(arm)) for arm in sorted({*tallies, *following}))


def _arm(arm: Arm, tally: ArmTally | None, share: float | None) -> ArmProgress:
    if tally is None:
        return ArmProgress(*arm, next=share)
    return ArmProgress(
        tally.operator,
        tally.model,
        tally.attempts,
        tally.births,
        tally.improved,
        tally.gain,
        tally.calls,
        tally.tokens,
        tally.usd,
        share,
    )


def _by_depth(tally: ClassTally) -> tuple[int, str]:
    return (DEPTHS.index(tally.depth) if tally.depth in DEPTHS else len(DEPTHS), tally.provenance)


def _gain(store: Store) -> Gain | None:
    """Their difference when it was last written down."""
    event = _last_best(store)
    return Gain(event["gain"], event["gain_low"], event["gain_high"]) if event and "gain" in event else None


def _last_best(store: Store) -> Mapping[str, Any] | None:
    last = None
    for event in store.events("best"):
        last = event.data
    return last

"""What to do next: pure decisions from the state, the budget and the run's rng_seed.

The order: what is planned first, then migration, then a climb to the confirm rung, then another rng_seed for a
promising program or a new birth (`population.allocation`). This module must not do anything: no I/O, no clock.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass

from evolve import money
from evolve.budget import Budget, Spent
from evolve.chance import stream
from evolve.operators import PARENTS
from evolve.state import Planned, State
from population.allocation import Candidate, birth_gain, choose
from population.island import draw_operator, draw_parents, pruning_due
from population.migration import migrants

WEIGHTS = {"perturb": 3.0, "crossover": 2.0, "ablate": 1.0, "prune": 0.1}
"""How often an operator is used before an island's bias; prune changes no value, so it mostly waits for its rounds."""
CONFIRM_SHARE = 0.15
"""Largest share of all steps that the confirm rung may take before the finale."""
FINALE = 0.7
"""Share of the budget after which whoever may be the best is confirmed before anything more is born: a run that has not
told its best program from its luckiest one has found nothing."""
CONFIRMED_SEEDS = 2
"""Seed programs that go to the confirm rung: the one to beat is sought there, not guessed from the proxy."""
CHECKED = 2
"""Proxy rng_seeds that a program needs before it climbs."""
RACERS = 8
"""Programs that may be in the race on the confirm rung at a time: those that have rng_seeds left there."""
MOST_REPLICATES = 32
"""Most proxy rng_seeds of one program."""
CANDIDATES = 50
"""Programs looked at for another rng_seed."""


@dataclass(frozen=True)
class Run:
    """Run a planned trial."""

    plan: Planned


@dataclass(frozen=True)
class Plan:
    """Plan one more rng_seed of a program on a rung."""

    program: int
    rung: str
    why: str


@dataclass(frozen=True)
class Migrate:
    """Let programs join a neighbouring island: (program, from, to) each."""

    moves: tuple[tuple[int, int, int], ...]


@dataclass(frozen=True)
class Vary:
    """Try to make a child.

    Attributes:
        attempt: Running number.
        island: Where the child will live.
        operator: What makes it.
        parents: Ids, the main parent first.
        pruning: Whether this is the island's pruning round.
        model: The language model that is asked, or "".
    """

    attempt: int
    island: int
    operator: str
    parents: tuple[int, ...]
    pruning: bool = False
    model: str = ""


Action = Run | Plan | Migrate | Vary


def next_action(
    state: State, in_flight: Set[Planned], spent: Spent, budget: Budget, may_vary: bool, busy: int = 0
) -> Action | None:
    """What to begin now that a slot is free; None to wait, or to end when nothing is under way.

    Args:
        state: What the run knows.
        in_flight: Trials under way.
        spent: What has been used.
        budget: What may be used.
        may_vary: Whether the operators' process is free.
        busy: Highest number of an attempt under way that is not written yet, or 0.
    """
    if not budget.allows_trial(spent):
        return None
    for plan in state.queue:
        if plan not in in_flight:
            return Run(plan)
    if (
        not budget.allows_birth(spent)
        or money.is_spent(state, spent, budget)
        or not any(len(island.archive) for island in state.islands)
    ):
        return None
    finale = budget.used(spent) >= FINALE
    return _migration(state) or _check(state, finale) or (_birth(state, busy) if may_vary else None)


def due(state: State, spent: Spent, budget: Budget) -> bool:
    """Whether something should be checked before more is born."""
    return _check(state, budget.used(spent) >= FINALE) is not None


def _check(state: State, finale: bool) -> Plan | None:
    return _climb(state, finale) or _replicate(state)


def _migration(state: State) -> Migrate | None:
    every = state.config.migrate_every
    if len(state.islands) < 2 or not every or state.migrations >= state.births // every:
        return None
    elites = state.island_elites()
    residents = [set(island.archive.ranked(state.mean)) for island in state.islands]
    moves = migrants(elites, residents)
    return Migrate(tuple((move.program, move.source, move.target) for move in moves))


def _climb(state: State, finale: bool) -> Plan | None:
    """The best seed programs, and whoever may be the best program, go to the confirm rung, one rng_seed at a time."""
    total = sum(state.steps.values())
    queued = sum(plan.rung == "confirm" for plan in state.queue) * state.rungs["confirm"].train_steps
    if not total or (not finale and state.steps["confirm"] + queued > CONFIRM_SHARE * (total + queued)):
        return None
    ready = [seed.id for seed in state.seed_programs() if seed.complete("proxy")]
    for rank, program in enumerate(sorted(ready, key=lambda id: (state.mean(id), id))[:CONFIRMED_SEEDS]):
        if _may_climb(state, program) and (rank == 0 or _plausible(state, program)):
            return Plan(program, "confirm", "one of the best seed programs")
    racer = _racer(state)
    return None if racer is None else Plan(racer, "confirm", "it may be the best")


def _racer(state: State) -> int | None:
    """Who runs next in the race on the confirm rung: newcomers once, then again and again whoever leads.

    What gains on the proxy often loses on longer runs, so that one rng_seed for many says more than many for one.
    """
    proxy, confirm = state.estimates["proxy"], state.estimates["confirm"]
    elites = state.elites()
    free, racing = [], 0
    for program in elites:
        if proxy.mean(program) - proxy.sd(program) > proxy.mean(elites[0]) or racing == RACERS:
            break
        if state.programs[program].finished("proxy") < CHECKED:
            continue
        may_climb = _may_climb(state, program)
        racing += may_climb or _pending(state, program, "confirm")
        free += [program] if may_climb else []
    for program in free:
        if not state.programs[program].planned.get("confirm", 0):
            return program
    free.sort(key=lambda id: (confirm.mean(id), id))
    return next((program for program in free if _plausible(state, program)), None)


def _may_climb(state: State, program: int) -> bool:
    """Whether there is another confirm rng_seed for a program, and none under way."""
    planned = state.programs[program].planned.get("confirm", 0)
    return planned < state.rungs["confirm"].rng_seeds and not _pending(state, program, "confirm")


def _plausible(state: State, program: int) -> bool:
    """Whether the confirm trials so far (if any) leave room for the program to beat the best confirmed one."""
    confirm = state.estimates["confirm"]
    if not state.programs[program].finished("confirm"):
        return True
    rivals = [id for id in state.confirmed if id != program]
    if not rivals:
        return True
    best = min(rivals, key=lambda id: (confirm.mean(id), id))
    return confirm.difference(program, best).low < 0


def _replicate(state: State) -> Plan | None:
    proxy = state.estimates["proxy"]
    if _pending(state, state.elites()[0], "proxy"):
        return None  # whoever leads is being checked already; nobody else is the incumbent meanwhile
    candidates = []
    for program in state.elites()[:CANDIDATES]:
        n = state.programs[program].finished("proxy")
        if n < MOST_REPLICATES and not _pending(state, program, "proxy"):
            candidates.append(Candidate(program, proxy.mean(program), proxy.replicate_reduction(program), n))
    if not candidates:
        return None
    leader = min(candidate.mean for candidate in candidates)
    gain = birth_gain(leader, leader, proxy.effect(""), proxy.noise().paired_sd)
    share = state.replicates / max(1, state.births + state.replicates)
    chosen = choose(candidates, gain, share)
    return None if chosen is None else Plan(chosen, "proxy", "another rng_seed is worth more than a birth")


def _birth(state: State, busy: int) -> Vary | None:
    attempt = max(state.attempts, busy) + 1
    rng = stream(state.config.rng_seed, "attempt", attempt)
    # An island is empty only when every seed program has failed; then its neighbours go on.
    inhabited = [island for island in state.islands if len(island.archive)]
    island = inhabited[attempt % len(inhabited)]
    elites = state.island_elites()[island.index]
    if "prune" in state.config.operators and pruning_due(island.accepted_since):
        return Vary(attempt, island.index, "prune", (elites[0],), pruning=True)
    weights = {name: WEIGHTS.get(name, 1.0) for name in state.config.operators if name in PARENTS}
    if not weights:
        return None
    operator = draw_operator(island.profile, weights, rng)
    strangers = [id for id in state.elites() if id not in island.archive]
    parents = draw_parents(elites, PARENTS[operator], state.config.pressure, rng, strangers)
    return Vary(attempt, island.index, operator, parents)


def _pending(state: State, program: int, rung: str) -> bool:
    known = state.programs[program]
    return known.planned.get(rung, 0) > known.finished(rung)

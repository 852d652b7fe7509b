"""What a run has to tell: its standing and its progress. Pure; reads the state, draws nothing."""

from __future__ import annotations

from collections.abc import Iterable

from evolve.budget import Budget, Spent
from evolve.state import Known, State
from evolve.views.progress import BudgetLeft, Gain, IslandProgress, OperatorProgress, Progress, Standing
from population.rows import EstimateRow


def pair(state: State) -> tuple[int, int, str] | None:
    """Ids of the best program and the best seed program, and the highest rung that both have.

    That is the confirm rung once a seed program and another program have been there with every planned rng_seed, and
    the proxy rung before that. The best program may be a seed program.
    """
    seeds = {known.id for known in state.seed_programs()}
    seeds_there = seeds.intersection(state.confirmed)
    if seeds_there and len(seeds_there) < len(state.confirmed):
        return _lowest(state, "confirm", state.confirmed), _lowest(state, "confirm", seeds_there), "confirm"
    candidates = _on_proxy(state)
    seeds_there = seeds.intersection(candidates)
    if seeds_there:
        return _lowest(state, "proxy", candidates), _lowest(state, "proxy", seeds_there), "proxy"
    return None


def standing(state: State) -> tuple[Standing | None, Standing | None, Gain | None]:
    """The best program, the best seed program and their difference (None when they are the same), see `pair`."""
    found = pair(state)
    if found is None:
        return None, None, None
    best, best_seed, rung = found
    gain = None
    if best != best_seed:
        difference = state.estimates[rung].difference(best_seed, best)
        gain = Gain(difference.mean, difference.low, difference.high)
    return _standing(state, best, rung), _standing(state, best_seed, rung), gain


def progress(state: State, budget: Budget, spent: Spent, running: tuple[str, ...], message: str) -> Progress:
    """The record that the live view draws."""
    best, best_seed, gain = standing(state)
    return Progress(
        elapsed=spent.seconds,
        budget_left=tuple(
            BudgetLeft(name, max(0.0, limit - used), limit)
            for name, limit, used in (
                ("time", budget.seconds, spent.seconds),
                ("births", budget.births, spent.births),
                ("trials", budget.trials, spent.trials),
                ("tokens", budget.tokens, spent.tokens),
                ("usd", budget.usd, spent.usd),
            )
            if limit is not None
        ),
        births=state.births,
        trials=state.trials,
        outcomes=dict(state.outcomes),
        islands=tuple(_island(state, i) for i in range(len(state.islands))),
        operators=tuple(
            OperatorProgress(name, counts["births"], counts["failed"], counts["improved"])
            for name, counts in state.operators.items()
        ),
        best=best,
        best_seed=best_seed,
        gain=gain,
        calls=_calls(state, spent),
        running=running,
        message=message,
    )


def _calls(state: State, spent: Spent) -> str:
    """What language models are at, in words; "" without them."""
    if not state.config.models:
        return ""
    waiting = sum(asked.reply is None for asked in state.asked.values())
    cost = f", ${spent.usd:.2f}" if spent.usd else ""
    without = f", {state.unanswered} without an answer" if state.unanswered else ""
    made = f"{waiting} calls under way, {state.calls} made{without}"
    return f"{made}, {spent.tokens:,} tokens{cost} (reserved ones included)"


def _on_proxy(state: State) -> list[int]:
    """Whoever may be the best: the archives' elites and the seed programs that have entered."""
    entered = {known.id for known in state.seed_programs() if known.complete("proxy")}
    return sorted(entered.union(state.elites()))


def _lowest(state: State, rung: str, candidates: Iterable[int]) -> int:
    estimates = state.estimates[rung]
    return min(candidates, key=lambda id: (estimates.mean(id), id))


def _standing(state: State, program: int, rung: str) -> Standing:
    known: Known = state.programs[program]
    at = state.estimates[rung].estimate(program)
    row = EstimateRow(program, rung, at.mean, at.sd, at.low, at.high, at.n)
    return Standing(program, row, known.name, known.operator)


def _island(state: State, index: int) -> IslandProgress:
    island = state.islands[index]
    elites = state.island_elites()[index]
    if not elites:
        return IslandProgress(f"{index} {island.profile.name}")
    best = elites[0]
    at = state.estimates["proxy"].estimate(best)
    name = f"{index} {island.profile.name}"
    return IslandProgress(name, best, at.mean, at.low, at.high, len(island.archive))

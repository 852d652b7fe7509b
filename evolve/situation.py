"""Collects what a prompt tells, from the state and the database. Reads only; must not know how it is worded."""

from __future__ import annotations

from evaluator.tasks.base import Task
from evolve.budget import Budget, Spent
from evolve.decide import Vary
from evolve.prompts.situation import Attempt, Known, Situation
from evolve.state import State
from population.store import Store

GENERATIONS = 5
"""Ancestors whose children are told of."""
ATTEMPTS = 24
"""Most earlier changes that are told."""
INSPIRATIONS = 2
"""Programs of other islands that are shown, at most."""
LEADERS = 6
"""The best programs of the run of which one line is told."""
ERROR_CHARACTERS = 1500
"""Of a failed program's last lines."""


def situation(state: State, store: Store, task: Task, action: Vary, spent: Spent, budget: Budget) -> Situation:
    """What there is to tell about an attempt."""
    parent = action.parents[0]
    repair = action.operator == "llm_repair"
    second = _known(state, store, action.parents[1]) if len(action.parents) > 1 else None
    return Situation(
        task=task.name,
        brief=task.brief,
        steps=state.rungs["proxy"].train_steps,
        noise=state.estimates["proxy"].noise().paired_sd,
        island=action.island,
        purpose=state.islands[action.island].profile.name,
        phase=budget.used(spent),
        parent=_known(state, store, parent),
        second=second,
        error=_error(store, action.parents[1]) if repair else "",
        tried=_tried(state, store, parent),
        responses=_responses(state, parent),
        leaders=_leaders(state, store),
        inspirations=() if second else _inspirations(state, store, action.island, parent),
    )


def _known(state: State, store: Store, id: int) -> Known:
    row = store.program(id)
    at = state.estimates["proxy"].estimate(id)
    longer = None
    if state.programs[id].finished("confirm"):
        confirmed = state.estimates["confirm"].estimate(id)
        longer = state.rungs["confirm"].train_steps, confirmed.mean, confirmed.n
    return Known(id, row.name or row.operator, row.source, at.mean, at.low, at.high, at.n, longer, row.island)


def _error(store: Store, id: int) -> str:
    failed = [trial for trial in store.trials(id) if trial.outcome not in ("finished", "lost")]
    return f"{failed[0].outcome}: {failed[0].reason}\n{failed[0].stderr[-ERROR_CHARACTERS:]}" if failed else ""


def _tried(state: State, store: Store, program: int) -> tuple[Attempt, ...]:
    """Children of the parent and of its ancestors along the main line, nearest and newest first."""
    found: list[Attempt] = []
    line: int | None = program
    own = {program}
    for _ in range(GENERATIONS):
        if line is None:
            break
        children = [id for id in state.children.get(line, ()) if id not in own and _tells(state, id)]
        for child in children[::-1][: ATTEMPTS - len(found)]:
            found.append(_attempt(state, store, line, child))
        own.add(line)
        line = state.programs[line].parent
    return tuple(found)


def _tells(state: State, id: int) -> bool:
    known = state.programs[id]
    return bool(known.failed) or known.improved is not None


def _attempt(state: State, store: Store, parent: int, child: int) -> Attempt:
    row, known = store.program(child), state.programs[child]
    if known.failed:
        failure = _error(store, child).partition("\n")[0]
        return Attempt(child, parent, row.operator, row.note, failure=failure)
    at = state.estimates["proxy"].difference(parent, child)
    return Attempt(child, parent, row.operator, row.note, at.mean, at.low, at.high)


def _responses(state: State, parent: int) -> dict[str, tuple[tuple[float, float], ...]]:
    """Estimates of programs that differ from the parent in one hyperparameter alone."""
    points: dict[str, dict[float, float]] = {}

    def add(name: str, value: float, program: int) -> None:
        if state.programs[program].improved is not None:
            points.setdefault(name, {})[value] = state.mean(program)

    for child in state.children.get(parent, ()):
        moves = state.programs[child].moves
        if len(moves) == 1:
            add(moves[0].component, moves[0].new, child)
            add(moves[0].component, moves[0].old, parent)
    above = state.programs[parent].parent
    own = state.programs[parent].moves
    if above is not None and len(own) == 1:
        add(own[0].component, own[0].new, parent)
        add(own[0].component, own[0].old, above)
        for sibling in state.children.get(above, ()):
            moves = state.programs[sibling].moves
            if len(moves) == 1 and moves[0].component == own[0].component:
                add(moves[0].component, moves[0].new, sibling)
    return {name: tuple(sorted(found.items())) for name, found in points.items() if len(found) > 1}


def _inspirations(state: State, store: Store, island: int, parent: int) -> tuple[Known, ...]:
    home = state.islands[island].archive
    strangers = [id for id in state.elites() if id not in home and id != parent]
    others = strangers or [id for id in state.elites() if id != parent]
    return tuple(_known(state, store, id) for id in others[:INSPIRATIONS])


def _leaders(state: State, store: Store) -> tuple[tuple[Known, str], ...]:
    best = [_known(state, store, id) for id in state.elites()[:LEADERS]]
    return tuple((each, store.program(each.id).note or f"the seed program {each.name}") for each in best)

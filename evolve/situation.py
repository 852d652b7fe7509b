"""Collects what a prompt tells, from the state and the database. Reads only; must not know how it is worded."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from statistics import fmean

from evaluator.tasks.base import Task
from evolve.budget import Budget, Spent
from evolve.decide import Vary
from evolve.operators import OPEN_ENDED
from evolve.prompts.situation import Attempt, Known, Situation
from evolve.state import State
from population.estimate import Estimate
from population.store import Store

GENERATIONS = 5
"""Ancestors whose children are told of."""
ATTEMPTS = 24
"""Most earlier changes that are told."""
ELSEWHERE = 16
"""Most changes of other lineages that are told."""
INSPIRATIONS = 2
"""Other good programs that are shown, at most."""
PENDING = 12
"""Most lines about what is being tried."""
LEADERS = 6
"""The best programs of the run of which one line is told."""
ERROR_CHARACTERS = 1500
"""Of a failed program's last lines."""


class Situations:
    """Tells what there is to tell about attempts of one run.

    Args:
        store: The run's database.
        task: The run's task.
    """

    def __init__(self, store: Store, task: Task) -> None:
        self._store = store
        self._task = task
        self._row = lru_cache(maxsize=256)(store.program)  # rows never change
        self._curves: dict[int, tuple[int, tuple[tuple[int, float], ...]]] = {}
        self._gains: dict[tuple[int, int], tuple[tuple[int, ...], Estimate]] = {}

    def of(self, state: State, action: Vary, spent: Spent, budget: Budget) -> Situation:
        """What there is to tell about an attempt."""
        parent = action.parents[0]
        repair = action.operator == "llm_repair"
        second = self._known(state, action.parents[1]) if len(action.parents) > 1 else None
        return Situation(
            task=self._task.name,
            brief=self._task.brief,
            steps=state.rungs["proxy"].train_steps,
            noise=state.estimates["proxy"].noise().paired_sd,
            island=action.island,
            purpose=state.islands[action.island].profile.name if action.operator in OPEN_ENDED else "",
            phase=budget.used(spent),
            parent=self._known(state, parent),
            second=second,
            error=self._error(action.parents[1]) if repair else "",
            tried=self._tried(state, parent),
            elsewhere=self._elsewhere(state, parent),
            responses=_responses(state, parent),
            leaders=self._leaders(state),
            pending=self._pending(state),
            inspirations=self._inspirations(state, action) if action.operator in OPEN_ENDED else (),
        )

    def _known(self, state: State, id: int) -> Known:
        row = self._row(id)
        at = state.estimates["proxy"].estimate(id)
        longer = None
        if state.programs[id].finished("confirm"):
            confirmed = state.estimates["confirm"].estimate(id)
            longer = state.rungs["confirm"].train_steps, confirmed.mean, confirmed.n
        about = (row.name or row.operator, row.source, at.mean, at.low, at.high, at.n, longer, row.island)
        return Known(id, *about, training=self._training(state, id)[1])

    def _training(self, state: State, id: int) -> tuple[int, tuple[tuple[int, float], ...]]:
        """rng_seed and training curve of a program's first proxy trial."""
        if not state.programs[id].finished("proxy"):
            return -1, ()
        if id not in self._curves:
            first = next(each for each in self._store.trials(id) if each.rung == "proxy" and each.value is not None)
            self._curves[id] = first.rng_seed, first.training
        return self._curves[id]

    def _course(self, state: State, parent: int, child: int) -> tuple[float, ...]:
        """By how much a child's training loss is below its parent's along a proxy trial, on one rng_seed."""
        (seed, before), (other, after) = self._training(state, parent), self._training(state, child)
        if seed != other or [step for step, _ in before] != [step for step, _ in after]:
            return ()
        gains = [old - new for (_, old), (_, new) in zip(before, after, strict=True)]
        return tuple(fmean(gains[i : i + 2]) for i in range(0, len(gains), 2))

    def _error(self, id: int) -> str:
        failed = [trial for trial in self._store.trials(id) if trial.outcome not in ("finished", "lost")]
        return f"{failed[0].outcome}: {failed[0].reason}\n{failed[0].stderr[-ERROR_CHARACTERS:]}" if failed else ""

    def _tried(self, state: State, program: int) -> tuple[Attempt, ...]:
        """How the parent and its ancestors came about, and their other children; nearest and newest first."""
        found: list[Attempt] = []
        own = {program}
        for _ in range(GENERATIONS):
            above = state.programs[program].parent
            steps = [(above, program)] if above is not None else []
            steps += [(program, id) for id in state.children.get(program, ())[::-1] if id not in own]
            telling = [step for step in steps if _tells(state, step[1])]
            found += [self._attempt(state, *step) for step in telling[: ATTEMPTS - len(found)]]
            if above is None:
                break
            own.add(above)
            program = above
        return tuple(found)

    def _elsewhere(self, state: State, program: int) -> tuple[Attempt, ...]:
        """What came of models' ideas that the parent's own history does not tell of, newest first."""
        near, above = {program}, state.programs[program].parent
        for _ in range(GENERATIONS):
            if above is not None:
                near.add(above)
                above = state.programs[above].parent
        told = []
        for child in reversed(state.by_models):
            parent = state.programs[child].parent
            if parent is not None and not near & {parent, child} and _tells(state, child):
                told.append(self._attempt(state, parent, child))
            if len(told) == ELSEWHERE:
                break
        return tuple(told)

    def _attempt(self, state: State, parent: int, child: int) -> Attempt:
        row, known = self._row(child), state.programs[child]
        if known.failed:
            failure = self._error(child).partition("\n")[0]
            return Attempt(child, parent, row.operator, row.note, failure=failure)
        if known.same_as is not None:
            return Attempt(child, parent, row.operator, row.note, same_as=known.same_as)
        at = self._gain(state, parent, child)
        course = self._course(state, parent, child)
        raw, longer = (state.gains(known, rung) for rung in ("proxy", "confirm"))
        return Attempt(
            child,
            parent,
            row.operator,
            row.note,
            at.mean,
            at.low,
            at.high,
            mean=state.mean(child),
            raw=_mean(raw),
            longer=_mean(longer),
            course=course,
        )

    def _gain(self, state: State, parent: int, child: int) -> Estimate:
        """As of the last trial of either, or the last fit of the noise."""
        estimates = state.estimates["proxy"]
        as_of = (estimates.fits, *(state.programs[id].finished("proxy") for id in (parent, child)))
        known = self._gains.get((parent, child))
        if known is None or known[0] != as_of:
            known = self._gains[parent, child] = as_of, estimates.difference(parent, child)
        return known[1]

    def _inspirations(self, state: State, action: Vary) -> tuple[Known, ...]:
        """The best program of all, then the best of other islands."""
        home = state.islands[action.island].archive
        others = [id for id in state.elites() if id != action.parents[0]]
        strangers = [id for id in others if id not in home]
        chosen = dict.fromkeys([*others[:1], *strangers, *others])
        return tuple(self._known(state, id) for id in list(chosen)[:INSPIRATIONS])

    def _pending(self, state: State) -> tuple[str, ...]:
        """Children of models without a result, and calls without an answer."""
        waiting = [id for id in state.by_models[-PENDING:] if _is_pending(state, id)]
        told = [f"#{id} from #{state.programs[id].parent}: {self._row(id).note}" for id in waiting]
        calls = [asked.last for asked in state.asked.values() if asked.reply is None]
        told += [f"{call.operator} of #{' and #'.join(map(str, call.parents))}, not answered yet" for call in calls]
        return tuple(told[:PENDING])

    def _leaders(self, state: State) -> tuple[tuple[Known, str], ...]:
        best = [self._known(state, id) for id in state.elites()[:LEADERS]]
        return tuple((each, self._row(each.id).note or f"the seed program {each.name}") for each in best)


def _mean(gains: Sequence[float]) -> tuple[float, int] | None:
    return (fmean(gains), len(gains)) if gains else None


def _is_pending(state: State, id: int) -> bool:
    return not _tells(state, id) and not state.programs[id].finished("proxy")


def _tells(state: State, id: int) -> bool:
    known = state.programs[id]
    return bool(known.failed) or known.improved is not None or known.same_as is not None


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

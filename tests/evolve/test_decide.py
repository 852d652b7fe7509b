from __future__ import annotations

import pytest
from simulated import RUNGS

from evolve.budget import Budget, Spent
from evolve.config import Config
from evolve.decide import Migrate, Plan, Run, Vary, next_action
from evolve.state import Planned, State
from population.rows import EventRow, ProgramRow, TrialRow

NOTHING = Spent(0.0, 0, 0)


class Story:
    """A state, told row by row."""

    def __init__(self, **config):
        self.state = State(Config(**config), RUNGS)
        self.trials = self.seq = 0

    def _apply(self, row):
        self.seq += 1
        self.state.apply(row)

    def program(self, id, operator="seed", parents=(), island=0, birth=None):
        self._apply(ProgramRow(id, f"d{id}", "", operator, island, birth, parents, seq=self.seq + 1, name=f"p{id}"))

    def trial(self, program, rung, rng_seed, value, outcome="finished", kind=None):
        """`kind`: programs of one kind share a cell; by default each has its own."""
        self.trials += 1
        state_bytes = 4.0 * (kind or program)
        measures = {"state_bytes_per_parameter": state_bytes, "effective_rank": 0.5} if rung == "smoke" else {}
        self._apply(
            TrialRow(self.trials, program, rung, rng_seed, "f", outcome, value, measures=measures, seq=self.seq + 1)
        )

    def seed_program(self, id, value):
        self.program(id)
        self.trial(id, "smoke", 0, 3.0)
        self.trial(id, "proxy", 0, value)
        self.trial(id, "proxy", 1, value + 0.01)

    def event(self, kind, **data):
        self._apply(EventRow(self.state.events + 1, kind, data, seq=self.seq + 1))

    def next(self, in_flight=frozenset(), spent=NOTHING, budget=None, may_vary=True):
        return next_action(self.state, in_flight, spent, budget or Budget(), may_vary)


@pytest.fixture
def story():
    story = Story(islands=2, migrate_every=4)
    story.seed_program(1, 2.0)
    story.seed_program(2, 2.2)
    return story


def test_a_new_program_is_smoked_then_tried_on_the_proxy():
    story = Story()
    story.program(1)
    assert story.next() == Run(Planned(1, "smoke", 0))
    assert story.next(in_flight=frozenset({Planned(1, "smoke", 0)})) is None
    story.trial(1, "smoke", 0, 3.0)
    assert [story.state.queue[0], story.state.queue[1]] == [Planned(1, "proxy", 0), Planned(1, "proxy", 1)]


def test_a_child_is_first_tried_on_its_parents_first_rng_seed_alone(story):
    story.program(3, "perturb", (1,), birth=1)
    story.trial(3, "smoke", 0, 3.0)
    assert list(story.state.queue) == [Planned(3, "proxy", 0)]


def test_a_failure_takes_back_what_was_planned():
    story = Story()
    story.program(1)
    story.trial(1, "smoke", 0, 3.0)
    story.trial(1, "proxy", 0, None, "diverged")
    assert story.next() is None
    assert story.state.programs[1].failed == "diverged"


def test_nothing_begins_once_the_budget_is_spent(story):
    assert story.next(spent=Spent(60.0, 0, 0), budget=Budget(seconds=60)) is None
    assert story.next(spent=Spent(0.0, 0, 9), budget=Budget(trials=9)) is None
    assert story.next(spent=Spent(0.0, 5, 0), budget=Budget(births=5)) is None


def test_what_is_queued_is_finished_after_the_last_birth(story):
    story.program(3, "perturb", (1,), birth=1)
    assert story.next(spent=Spent(0.0, 1, 0), budget=Budget(births=1)) == Run(Planned(3, "smoke", 0))


def test_the_best_seed_program_climbs_first(story):
    assert story.next() == Plan(1, "confirm", "one of the best seed programs")


def test_a_climb_takes_at_most_its_share(story):
    story.event("plan", program=1, rung="confirm")
    story.trial(1, "confirm", 1000, 1.9)
    action = story.next()
    assert not (isinstance(action, Plan) and action.rung == "confirm")


def test_in_the_finale_the_best_is_confirmed_before_anything_else(story):
    story.event("plan", program=1, rung="confirm")
    story.trial(1, "confirm", 1000, 1.9)
    late = {"spent": Spent(45.0, 0, 0), "budget": Budget(seconds=60)}
    assert story.next(**late) == Plan(1, "confirm", "one of the best seed programs")


def test_an_incumbent_is_checked_before_more_is_born(story):
    story.event("plan", program=1, rung="confirm")
    story.trial(1, "confirm", 1000, 1.9)
    assert story.next() == Plan(1, "proxy", "another rng_seed is worth more than a birth")


def test_a_change_that_does_nothing_lives_nowhere():
    story = Story(migrate_every=0)
    story.seed_program(1, 2.0)
    for id, operator, value in ((2, "perturb", 2.0), (3, "ablate", 2.0), (4, "prune", 2.0), (5, "perturb", 1.99)):
        story.program(id, operator, (1,), birth=id - 1)
        story.trial(id, "smoke", 0, 3.0, kind=1)
        story.trial(id, "proxy", 0, value)
    known = story.state.programs
    assert [known[id].same_as for id in (2, 3, 4, 5)] == [1, 1, None, None]
    assert not any(known[id].improved for id in (2, 3, 4))
    residents = story.state.islands[0].archive.ranked(story.state.mean)
    assert set(residents) == {1, 4, 5}


def test_newcomers_race_once_and_then_whoever_leads():
    story = Story(migrate_every=0)
    story.seed_program(1, 2.0)
    for rng_seed in range(3):
        story.event("plan", program=1, rung="confirm")
        story.trial(1, "confirm", 1000 + rng_seed, 1.9 + 0.001 * rng_seed)
    for id in (2, 3, 4):
        story.program(id, "perturb", (1,), birth=id - 1)
        story.trial(id, "smoke", 0, 3.0)
        story.trial(id, "proxy", 0, 1.999)
        if id < 4:
            story.event("plan", program=id, rung="proxy")
            story.trial(id, "proxy", 1, 2.009)
    late = {"spent": Spent(45.0, 0, 0), "budget": Budget(seconds=60)}
    assert not (isinstance(story.next(), Plan) and story.next().rung == "confirm")  # its share is used up
    order = []
    while isinstance(action := story.next(**late), Plan) and action.rung == "confirm":
        order.append(action.program)
        place = story.state.programs[action.program].planned.get("confirm", 0)
        story.event("plan", program=action.program, rung="confirm")
        story.trial(action.program, "confirm", 1000 + place, {2: 1.95, 3: 1.85}[action.program] + 0.001 * place)
    assert sorted(order[:2]) == [2, 3]  # 4 has not been checked on the proxy
    assert order[2:4] == [3, 3]
    assert story.state.confirmed[:2] == [1, 3]


def test_the_race_takes_newcomers_only_while_there_is_room(monkeypatch):
    monkeypatch.setattr("evolve.decide.RACERS", 3)
    story = Story(migrate_every=0)
    story.seed_program(1, 2.0)
    for rng_seed in range(3):
        story.event("plan", program=1, rung="confirm")
        story.trial(1, "confirm", 1000 + rng_seed, 1.9 + 0.001 * rng_seed)
    for id in range(2, 8):
        story.program(id, "perturb", (1,), birth=id - 1)
        story.trial(id, "smoke", 0, 3.0)
        story.trial(id, "proxy", 0, 1.999)
        story.event("plan", program=id, rung="proxy")
        story.trial(id, "proxy", 1, 2.009)
    late = {"spent": Spent(45.0, 0, 0), "budget": Budget(seconds=60)}
    entered: set[int] = set()
    while isinstance(action := story.next(in_flight=set(story.state.queue), **late), Plan) and action.rung == "confirm":
        assert action.program not in entered
        entered.add(action.program)
        story.event("plan", program=action.program, rung="confirm")
    assert len(entered) == 3


def test_births_alternate_between_islands_and_wait_for_the_operators(story):
    story.event("plan", program=1, rung="confirm")
    story.trial(1, "confirm", 1000, 1.9)
    for seed in (2, 3):
        story.event("plan", program=1, rung="proxy")
        story.trial(1, "proxy", seed, 2.0)
    actions = []
    for attempt in range(1, 5):
        action = story.next()
        assert isinstance(action, Vary)
        assert action.attempt == attempt
        actions.append(action)
        story.event("attempt", attempt=attempt, island=action.island, operator=action.operator, result="none")
    assert {action.island for action in actions} == {0, 1}
    assert story.next(may_vary=False) is None


def test_migration_comes_every_so_many_births_and_never_twice(story):
    for id in range(3, 7):
        story.program(id, "perturb", (1,), island=id % 2, birth=id - 2)
        story.trial(id, "smoke", 0, 3.0)
        story.trial(id, "proxy", 0, 1.9)
    action = story.next()
    assert isinstance(action, Migrate)
    assert action.moves
    story.event("migration", moves=[list(move) for move in action.moves])
    assert not isinstance(story.next(), Migrate)
    program, _, target = action.moves[0]
    assert program in story.state.islands[target].archive


def test_a_promotions_trial_teaches_the_search_nothing(story):
    before = (story.state.trials, dict(story.state.steps), story.state.mean(1))
    story.trial(1, "full", 3000, 1.0)
    assert (story.state.trials, dict(story.state.steps), story.state.mean(1)) == before
    assert story.state.last_trial == story.trials

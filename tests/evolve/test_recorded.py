"""Repeating a recorded run without a model."""

from __future__ import annotations

import random

import pytest
from simulated import RUNGS, InlineWorker, SimulatedRunner
from simulated_models import SimulatedModels, clever
from test_asking import CONFIG, search, told
from test_engine import SEEDS, named, rows

from evaluator.tasks.charlm import CharLM
from evolve.asker import Asker
from evolve.budget import Budget
from evolve.config import Config
from evolve.engine import Engine, replay
from evolve.inbox import Inbox
from evolve.questions import Question, Reply
from evolve.recorded import Order, Recorded, ReplayError
from evolve.situation import Situations
from evolve.views.silent import Silent
from population.store import Store

BUDGET = Budget(births=30)


class ShuffledRunner(SimulatedRunner):
    """Trials end in any order."""

    def __init__(self, seed: int, **settings) -> None:
        super().__init__(jobs=3, **settings)
        self._rng = random.Random(seed)

    def wait(self, timeout=None):
        self._queue.rotate(-self._rng.randrange(max(1, len(self._queue))))
        return super().wait(timeout)


class Clock:
    """A twentieth of a second passes between two looks."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.05
        return self.now


def repeat(recorded, folder, runner, budget=BUDGET):
    with Store.open(recorded / "population.db") as record, Store.create(folder / "population.db", record.run) as store:
        config = Config.from_dict(record.run)
        state = replay(store, config, RUNGS)
        order = Order(record, frozenset(RUNGS))
        asker = Asker(Recorded(record), Situations(store, CharLM()))
        worker, inbox = InlineWorker(config.rng_seed), Inbox(folder / "inbox")
        engine = Engine(store, state, runner, worker, inbox, budget, Silent(), asker=asker, order=order)
        engine.seed(named(source, f"seed{i}") for i, source in enumerate(SEEDS))
        engine.run()


def troubled(question: Question) -> str | Reply:
    """All that can go wrong, now and then."""
    wrong = [Reply.GARBAGE, Reply.TIMED_OUT, Reply.TRUNCATED, Reply.FAILED, "no", "no"]
    return random.Random(question.id).choice([*wrong, *[clever(question)] * 8])


@pytest.fixture
def folders(tmp_path):
    for name in ("recorded", "repeated"):
        (tmp_path / name).mkdir()
    return tmp_path / "recorded", tmp_path / "repeated"


@pytest.mark.parametrize("reply", [clever, troubled])
def test_a_repeated_run_has_the_same_programs_whatever_the_order_of_its_trials(folders, reply):
    recorded, repeated = folders
    search(recorded, BUDGET, SimulatedModels(reply), ShuffledRunner(0, failing=0.1))
    repeat(recorded, repeated, ShuffledRunner(1, failing=0.1))
    assert rows(repeated) == rows(recorded)
    assert [row.source for row in told(repeated)[0]] == [row.source for row in told(recorded)[0]]
    before, after = told(recorded), told(repeated)
    assert [(row.prompt, row.model) for row in after[1]] == [(row.prompt, row.model) for row in before[1]]
    assert [(row.text, row.usd, row.tries) for row in after[2]] == [(row.text, row.usd, row.tries) for row in before[2]]


def test_a_run_that_time_ended_is_repeated_too(folders):
    recorded, repeated = folders
    budget = Budget(seconds=60)
    search(recorded, budget, SimulatedModels(troubled), ShuffledRunner(0), clock=Clock())
    repeat(recorded, repeated, ShuffledRunner(1), budget)
    assert rows(repeated) == rows(recorded)
    assert len(told(repeated)[1]) > 10


def test_a_record_that_cannot_come_again_is_told(folders):
    recorded, repeated = folders
    search(recorded, BUDGET, SimulatedModels(), ShuffledRunner(0))
    with pytest.raises(ReplayError, match="departs from the recorded one"):
        repeat(recorded, repeated, ShuffledRunner(1), Budget(births=10))


def test_a_genome_that_was_added_is_added_at_the_same_place(folders):
    recorded, repeated = folders
    from simulated import genome

    Inbox(recorded / "inbox").put(named(genome(0.02, 0.95), "mine"))
    search(recorded, BUDGET, SimulatedModels(), ShuffledRunner(0))
    repeat(recorded, repeated, ShuffledRunner(2))
    assert rows(repeated) == rows(recorded)
    assert any(row.operator == "add" for row in told(repeated)[0])


def test_a_run_that_departs_from_the_record_says_so(folders):
    recorded, repeated = folders
    search(recorded, BUDGET, SimulatedModels(), ShuffledRunner(0))
    with pytest.raises(ReplayError, match="at call 1 the run departs from the recorded one"):
        repeat(recorded, repeated, SimulatedRunner(jobs=3, value=lambda source: 2.0 + len(source) / 1000))


def test_what_it_repeats_needs_no_model(folders):
    recorded, repeated = folders
    search(recorded, BUDGET, SimulatedModels(), config=CONFIG)
    repeat(recorded, repeated, SimulatedRunner())
    assert rows(repeated) == rows(recorded)

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from promotions import FULL

sys.path.insert(0, str(Path(__file__).parent.parent))
import test_engine
from simulated import Killed, SimulatedRunner, genome, true_value

from evolve.budget import Budget
from evolve.promoting.retune import KIND, Trials, chosen, enter, report, retuned
from evolve.promoting.trials import PromotionError
from population.components import hyperparameters
from population.store import Store

RUNG = replace(FULL, split="validation", first_rng_seed=2000, rng_seeds=2)


@pytest.fixture
def store(tmp_path):
    test_engine.search(tmp_path, Budget(births=4))
    with Store.open(tmp_path / "population.db", write=True) as store:
        yield store


def test_words_stand_for_hyperparameters_of_a_kind_or_a_name():
    assert [part.name for part in chosen(genome(), "lr")["lr"]] == ["LR"]
    assert list(chosen(genome(), "INIT_SCALE, lr")) == ["INIT_SCALE", "lr"]
    with pytest.raises(PromotionError, match="no 'wd'"):
        chosen(genome(), "lr,wd")


def test_it_follows_the_loss_downhill_and_stops():
    source = genome(lr=0.04)  # the optimum is at 0.02
    best, tried = retuned(source, "lr", true_value)
    (lr,) = (part.value for part in hyperparameters(best) if part.name == "LR")
    assert 0.015 < lr < 0.025
    assert true_value(best) < true_value(source)
    assert [each.kept for each in tried] == [False, True, True, True, False]
    assert retuned(best, "lr", true_value)[0] == best
    assert report("lr", RUNG, tried, True)["rng_seeds"] == [2000, 2001]


def test_a_program_that_fails_is_not_tuned():
    with pytest.raises(PromotionError, match="does not finish"):
        retuned(genome(), "lr", lambda source: float("inf"))


def test_trials_are_rows_and_go_on_after_a_kill(store):
    source = store.program(1).source
    first = SimulatedRunner(kill_at=4)
    with pytest.raises(Killed):
        retuned(source, "lr", Trials(store, RUNG, first, "f", lambda text: None).loss)
    done = len(list(store.events(KIND)))
    assert done == 3
    again, whole = SimulatedRunner(), SimulatedRunner()
    best, tried = retuned(source, "lr", Trials(store, RUNG, again, "f", lambda text: None).loss)
    assert len(again.requests) + done == 2 * (1 + len(tried))
    assert {request.rng_seed for request in again.requests} == {2000, 2001}
    assert retuned(source, "lr", Trials(store, RUNG, whole, "f", lambda text: None).loss) == (best, tried)
    assert whole.requests == []


def test_the_tuned_genome_is_a_child_and_the_search_takes_it_in(store, tmp_path):
    best, _ = retuned(store.program(1).source, "lr", true_value)
    id = enter(store, 1, best)
    row = store.program(id)
    assert (row.operator, row.parents, row.birth) == ("retune", (1,), None)
    assert [move.component for move in row.moves] == ["LR"]
    assert enter(store, 1, best) == id
    store.close()
    state = test_engine.search(tmp_path, Budget(births=8))
    assert state.births == 8
    assert state.programs[id].finished("proxy") > 0

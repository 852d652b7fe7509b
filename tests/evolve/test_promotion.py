from __future__ import annotations

import pytest
import test_engine
from simulated import SimulatedRunner

from evaluator.records import Limits, Rung
from evolve.budget import Budget
from evolve.overview import overview, standings
from evolve.promoting.trials import PromotionError
from evolve.promotion import carry_out, lines, plan, promotions, results
from population.store import Store

FULL = Rung("full", 1000, 200, 3000, 6, "test", Limits(1.0, 1.0))


@pytest.fixture
def folder(tmp_path):
    test_engine.search(tmp_path, Budget(births=30))
    return tmp_path


@pytest.fixture
def store(folder):
    with Store.open(folder / "population.db", write=True) as store:
        yield store


def promote(store: Store, program: int, runner: SimulatedRunner, told: list | None = None):
    fingerprint = runner.fingerprint(FULL)
    promotion = plan(store, program, FULL, fingerprint)
    carry_out(store, promotion, FULL, runner, (told if told is not None else []).append)
    return promotion


def best(store: Store) -> int:
    return next(at.program for at in store.best("proxy", 50) if store.program(at.program).parents)


def test_the_better_program_is_shown_better_with_all_runs_reported(store):
    told: list = []
    promotion = promote(store, best(store), SimulatedRunner(jobs=2), told)
    assert promotion.rng_seeds == tuple(range(3000, 3006))
    assert len(told) == 12
    (line,) = lines(store)
    assert line.verdict == "better"
    assert line.gain > 0
    assert line.low <= line.gain <= line.high
    assert line.p < 0.01


def test_the_plan_is_written_before_the_first_run_and_goes_on_after_a_kill(store):
    class Stop(Exception):
        pass

    def stop(row):
        if len(results(store, promotions(store)[0])) == 5:
            raise Stop

    runner = SimulatedRunner()
    promotion = plan(store, best(store), FULL, runner.fingerprint(FULL))
    with pytest.raises(Stop):
        carry_out(store, promotion, FULL, runner, stop)
    assert lines(store)[0].verdict == "running"
    again = SimulatedRunner()
    assert promote(store, promotion.program, again) == promotion
    assert len(again.requests) == 12 - 5
    assert lines(store)[0].verdict == "better"


def test_promoting_again_runs_nothing(store):
    promote(store, best(store), SimulatedRunner())
    runner = SimulatedRunner()
    promote(store, best(store), runner)
    assert runner.requests == []
    assert len(promotions(store)) == 1


def test_a_failed_run_makes_the_verdict_not_shown(store):
    class Fails(SimulatedRunner):
        def wait(self, timeout=None):
            self.failing = 1.0 if len(self.requests) == 3 else 0.0
            return super().wait(timeout)

    promote(store, best(store), Fails())
    (line,) = lines(store)
    assert line.failed == 1
    assert line.verdict == "not shown"


def test_p_values_are_adjusted_over_all_promotions_of_the_run(store):
    promote(store, best(store), SimulatedRunner())
    alone = lines(store)[0].p_adjusted
    children = [row.id for row in store.programs() if row.parents and row.id != best(store)]
    promote(store, children[0], SimulatedRunner())
    assert len(lines(store)) == 2
    assert lines(store)[0].p_adjusted >= alone


def test_other_conditions_and_nothing_to_compare_with_are_refused(store, tmp_path):
    program = best(store)
    plan(store, program, FULL, "one torch")
    with pytest.raises(PromotionError, match="other conditions"):
        plan(store, program, FULL, "another torch")
    seed = standings(store)[1].id
    with pytest.raises(PromotionError, match="best seed program itself"):
        plan(store, seed, FULL, "one torch")


def test_a_machine_that_loses_every_run_says_so(store):
    with pytest.raises(PromotionError, match="lost 3 times"):
        promote(store, best(store), SimulatedRunner(lose=100))


def test_a_search_goes_on_after_a_promotion_and_learns_nothing_from_it(folder, store):
    promote(store, best(store), SimulatedRunner())
    store.close()
    state = test_engine.search(folder, Budget(births=33))
    assert state.births == 33
    assert "full" not in state.steps


def test_promotions_trials_are_neither_counted_nor_charged_to_the_search(folder, store):
    def searched() -> int:
        return sum(row.rung != "full" for row in store.trials())

    before = overview(store).trials
    promote(store, best(store), SimulatedRunner())
    after = overview(store)
    assert after.trials == sum(after.outcomes.values()) == before == searched()
    store.close()
    test_engine.search(folder, Budget(trials=before + 2))
    with Store.open(folder / "population.db") as again:
        assert overview(again).trials == before + 2

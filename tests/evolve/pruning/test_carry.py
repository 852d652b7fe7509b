from __future__ import annotations

import sys
from pathlib import Path

import pytest

from evaluator.records import Limits, Rung
from evolve.budget import Budget
from evolve.genomes import NamedGenome
from evolve.pruning import carry
from evolve.pruning.parts import Part
from evolve.pruning.plan import PLAN, REPORT, confirmations, last_report, plan_for, plans, proof_of, report_about
from evolve.pruning.proof import prove
from evolve.pruning.purse import Purse
from population.genome import digest
from population.rows import ProgramRow
from population.store import Store, StoreError

sys.path.insert(0, str(Path(__file__).parents[1]))
from simulated import Killed, SimulatedRunner

PROXY = Rung("proxy", 100, 50, 0, 2, "validation", Limits(1.0, 1.0))
WHOLE = 'recipe = ["good", "idle", "tiny", "vital"]\n'
COSTS = {"good": 0.08, "idle": 0.0, "tiny": 0.0001}


def without(source: str, names) -> str:
    for name in names:
        source = source.replace(f'"{name}", ', "").replace(f', "{name}"', "")
    return source


def parts(source: str) -> tuple[Part, ...]:
    made = {name: without(source, [name]) for name in (*COSTS, "vital")}
    return tuple(Part(n, "term", "f", f"f: without {n}", s, digest(s)) for n, s in made.items())


class Runner(SimulatedRunner):
    def __init__(self, **kwargs):
        super().__init__(jobs=1, value=lambda s: 2.0 + sum(c for n, c in COSTS.items() if n not in s), **kwargs)

    def _trial(self, request):
        self.failing = 0.0 if "vital" in request.source else 1.0
        return super()._trial(request)


@pytest.fixture(autouse=True)
def _simulated_parts(monkeypatch):
    monkeypatch.setattr(carry, "parts", parts)
    monkeypatch.setattr(carry, "without", without)


@pytest.fixture
def store(tmp_path):
    with Store.create(tmp_path / "population.db", {}) as store:
        store.append_program(ProgramRow(1, digest(WHOLE), WHOLE, "seed", 0, None, name="whole", seq=1))
        yield store


def go(store, runner=None, budget=None, margin=0.02):
    runner = runner if runner is not None else Runner()
    plan = plan_for(store, 1, 1, margin, "proxy", runner.fingerprint(PROXY))
    return carry.tested(store, plan, PROXY, runner, Purse(budget or Budget(), 2), lambda *_: None)


def test_the_result_is_a_program_with_its_lineage_and_the_report_tells_of_every_part(store):
    report = go(store)
    child = store.program(report["result"])
    assert child.operator == "prune"
    assert child.parents == (1,)
    assert child.birth is None
    assert child.source == 'recipe = ["good", "vital"]\n'
    assert {part["name"]: part["fate"] for part in report["parts"]} == {
        "idle": "removed",
        "tiny": "removed",
        "good": "worth it",
        "vital": "needed",
    }
    assert report["verdict"] == "pruned"
    assert last_report(store, 1) == report
    assert report_about(store, child.id) == report
    assert last_report(store, child.id) is None
    assert list(store.trials()) == []


def test_pruning_again_runs_nothing_and_writes_nothing(store):
    report = go(store)
    rows = store.last_rows()
    again = Runner()
    assert go(store, again) == report
    assert again.requests == []
    assert store.last_rows() == rows


@pytest.mark.parametrize("kill_at", [1, 5, 8, 12, 15])
def test_a_killed_pruning_goes_on_without_a_trial_twice(store, tmp_path, kill_at):
    with pytest.raises(Killed):
        go(store, Runner(kill_at=kill_at))
    kept = sum(1 for _ in store.pruning_trials("proxy", "simulated-proxy"))
    rest = Runner()
    report = go(store, rest)
    assert kept + len(rest.requests) == report["trials"]
    with Store.create(tmp_path / "other.db", {}) as other:
        other.append_program(ProgramRow(1, digest(WHOLE), WHOLE, "seed", 0, None, name="whole", seq=1))
        assert go(other) == report


def test_the_plan_and_the_confirmation_are_written_before_their_trials(store):
    with pytest.raises(Killed):
        go(store, Runner(kill_at=1))
    assert [event.kind for event in store.events()] == [PLAN]
    go(store)
    assert [event.kind for event in store.events()][-1] == REPORT
    (terms,) = confirmations(store, plans(store)[0])
    assert terms.power >= 0.9
    assert set(terms.rng_seeds).isdisjoint(plans(store)[0].rng_seeds)


def test_another_margin_is_another_plan_that_reuses_trials_and_confirms_on_fresh_rng_seeds(store):
    go(store)
    runner = Runner()
    go(store, runner, margin=0.03)
    first, second = (confirmations(store, plan) for plan in plans(store))
    assert set(first[0].rng_seeds).isdisjoint(second[0].rng_seeds)
    assert {request.rng_seed for request in runner.requests} <= set(second[0].rng_seeds)


def test_a_larger_budget_goes_on_where_the_smaller_one_ended(store):
    few = Runner()
    short = go(store, few, Budget(trials=9))
    assert short["verdict"] == "kept"
    assert len(few.requests) <= 9
    more = Runner()
    assert go(store, more)["verdict"] == "pruned"
    assert not {(r.digest, r.rng_seed) for r in few.requests} & {(r.digest, r.rng_seed) for r in more.requests}


def test_a_machine_that_loses_every_trial_says_so(store):
    with pytest.raises(carry.PruningError, match="lost 3 times"):
        go(store, Runner(lose=100))


def test_a_trial_is_never_stored_twice(store):
    go(store)
    row = next(store.pruning_trials("proxy", "simulated-proxy"))
    with pytest.raises(StoreError):
        store.append_pruning_trial(row)


def test_what_was_proven_is_a_program_and_is_not_proven_again(store):
    grown = "SPARE = 1\n" + WHOLE.replace("recipe =", "def recipe(model, train_steps):\n    return")
    genome = NamedGenome("grown", grown, digest(grown), "")
    store.append_program(ProgramRow(2, genome.digest, grown, "add", 3, None, name="grown", seq=2))
    data = carry.enter_proof(store, 2, prove(grown, lambda one, other: True))
    child = store.program(data["result"])
    assert (child.parents, child.operator, child.island) == ((2,), "prune", 3)
    assert "SPARE" not in child.source
    assert proof_of(store, 2) == data
    assert carry.enter(store, 2, child.source, "again") == child.id

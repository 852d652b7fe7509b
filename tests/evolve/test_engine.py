from __future__ import annotations

from dataclasses import astuple, replace
from pathlib import Path

import pytest
from simulated import RUNGS, InlineWorker, Killed, SimulatedRunner, genome

from evolve.budget import Budget
from evolve.config import Config
from evolve.engine import Engine, EngineError, replay
from evolve.genomes import NamedGenome
from evolve.inbox import Inbox
from evolve.views.silent import Silent
from population.genome import digest
from population.store import Store

CONFIG = Config(islands=2, operators=("perturb",), migrate_every=5)
SEEDS = [genome(0.1), genome(0.3, 0.8), genome(0.05, 0.99)]


def named(source: str, name: str = "seed") -> NamedGenome:
    return NamedGenome(name, source, digest(source))


def search(folder: Path, budget: Budget, runner: SimulatedRunner | None = None):
    path = folder / "population.db"
    if not path.exists():
        Store.create(path, CONFIG.as_dict()).close()
    with Store.open(path, write=True) as store:
        state = replay(store, CONFIG, RUNGS)
        runner = runner or SimulatedRunner()
        engine = Engine(store, state, runner, InlineWorker(CONFIG.rng_seed), Inbox(folder / "inbox"), budget, Silent())
        engine.seed(named(source, f"seed{i}") for i, source in enumerate(SEEDS))
        engine.run()
        return state


def rows(folder: Path):
    """All rows, times aside."""
    with Store.open(folder / "population.db") as store:
        return (
            [astuple(replace(row, elapsed=0.0)) for row in store.programs()],
            [astuple(replace(row, elapsed=0.0, cpu_seconds=0.0, wall_seconds=0.0)) for row in store.trials()],
            [astuple(replace(row, elapsed=0.0)) for row in store.events()],
            store.best("confirm")[:1] + store.best("proxy")[:1],
        )


def test_a_run_finds_better_programs_than_its_seed_programs(tmp_path):
    state = search(tmp_path, Budget(births=100))
    means = {id: state.mean(id) for id in state.programs}
    assert state.births == 100
    assert min(means.values()) < min(means[id] for id in (1, 2, 3)) - 0.05
    assert state.replicates > 0
    assert state.migrations > 0
    assert state.best is not None
    assert state.best[2] == "confirm"


@pytest.mark.parametrize("budget", [Budget(births=7), Budget(trials=33)])
def test_count_budgets_are_met_exactly(tmp_path, budget):
    state = search(tmp_path, budget, SimulatedRunner(jobs=2))
    assert (state.births if budget.births else state.trials) == (budget.births or budget.trials)


@pytest.mark.parametrize("kill_at", [1, 2, 7, 20, 41, 55])
def test_killed_and_resumed_equals_uninterrupted_row_for_row(tmp_path, kill_at):
    whole, torn = tmp_path / "whole", tmp_path / "torn"
    whole.mkdir()
    torn.mkdir()
    search(whole, Budget(births=25), SimulatedRunner(failing=0.1))
    with pytest.raises(Killed):
        search(torn, Budget(births=25), SimulatedRunner(failing=0.1, kill_at=kill_at))
    search(torn, Budget(births=25), SimulatedRunner(failing=0.1))
    assert rows(torn) == rows(whole)


def test_the_same_rng_seed_gives_the_same_run(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        search(tmp_path / name, Budget(births=10))
    assert rows(tmp_path / "a") == rows(tmp_path / "b")


def test_nothing_is_paid_twice(tmp_path):
    runner = SimulatedRunner(jobs=3)
    search(tmp_path, Budget(births=30), runner)
    paid = [(request.digest, request.rung.name, request.rng_seed) for request in runner.requests]
    assert len(paid) == len(set(paid))


def test_a_program_that_failed_neither_enters_an_archive_nor_climbs(tmp_path):
    state = search(tmp_path, Budget(births=40), SimulatedRunner(failing=0.3))
    failed = {known.id for known in state.programs.values() if known.failed}
    assert failed
    assert not failed & {id for island in state.islands for id in island.archive.ranked(state.mean)}
    assert not failed & set(state.confirmed)
    assert all(state.outcomes[name] > 0 for name in ("finished", "crashed"))


def test_a_lost_trial_is_run_again_and_never_charged(tmp_path):
    state = search(tmp_path, Budget(births=3), SimulatedRunner(lose=2))
    assert state.outcomes["lost"] == 2
    assert not any(known.failed for known in state.programs.values())


def test_a_machine_that_loses_every_trial_stops_the_run_with_a_reason(tmp_path):
    with pytest.raises(EngineError, match="lost 3 times"):
        search(tmp_path, Budget(births=3), SimulatedRunner(lose=10**6))


def test_a_genome_in_the_inbox_enters_the_run_once(tmp_path):
    inbox = Inbox(tmp_path / "inbox")
    search(tmp_path, Budget(births=2))
    inbox.put(named(genome(0.02, 0.95), "mine"))
    state = search(tmp_path, Budget(births=4))
    added = [known for known in state.programs.values() if known.operator == "add"]
    assert [known.name for known in added] == ["mine"]
    assert added[0].finished("proxy") >= 1
    assert list(inbox.waiting()) == []
    inbox.put(named(genome(0.02, 0.95), "again"))
    assert len(search(tmp_path, Budget(births=5)).programs) == 3 + 5 + 1


def test_what_is_no_genome_is_set_aside(tmp_path):
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "bad.py").write_text("def recipe(:")
    search(tmp_path, Budget(births=1))
    assert [path.name for path in folder.iterdir()] == ["bad.rejected"]

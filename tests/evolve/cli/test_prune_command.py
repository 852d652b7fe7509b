"""`evolve prune` on a run of one program; training is simulated."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from evaluator.records import Trial
from evolve.cli import main
from evolve.cli.prune import Margin
from evolve.config import Config
from evolve.pruning.plan import last_report
from population.genome import digest
from population.rows import ProgramRow
from population.store import Store

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "operators"))
import test_engine
from barnacles import PROVEN
from simulated import Killed, SimulatedRunner, genome

from evolve.pruning.carry import enter

ADAMW = (Path(__file__).parents[3] / "seed_programs" / "adamw.py").read_text()
GROWN = PROVEN["wrapper"](PROVEN["idle_factor"](ADAMW, 1), 0)
USEFUL = tuple(
    """
    peak_lr*;warmup,;,decay);ifp.ndim>=2;lerp_(p.grad,;/m_weight;(v/v_weight);sqrt_;initialize(model);normal_;zero_()
    HEAD_LR;VECTOR_LR;EMBED_LR;0.5;step+1;INIT_SCALE
    """.replace("\n", ";")
    .replace(" ", "")
    .strip(";")
    .split(";")
)


class Trained(SimulatedRunner):
    """Worse by 0.1 for every useful thing that is gone; all genomes train alike where they are checked."""

    kill = None

    def __init__(self, *args: object) -> None:
        super().__init__(jobs=2, value=self.cost, kill_at=self.kill)

    @staticmethod
    def cost(source: str) -> float:
        return 2.0 + 0.1 * sum(word not in source.replace(" ", "") for word in USEFUL)

    def __enter__(self) -> Trained:
        return self

    def __exit__(self, *args: object) -> None:
        pass

    def _trial(self, request) -> Trial:
        trial = super()._trial(request)
        if request.rung.name == "smoke":
            return replace(trial, value=2.0, curve=(), training=(), measures={"trajectory": "the same"})
        return trial


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr("evaluator.pool.Evaluator", Trained)
    with Store.create(tmp_path / "population.db", Config(islands=1).as_dict()) as store:
        store.append_program(ProgramRow(1, digest(GROWN), GROWN, "add", 0, None, name="grown", seq=1))
    return tmp_path


def evolve(*args: object):
    return CliRunner().invoke(main, [str(arg) for arg in args], catch_exceptions=False)


def test_proven_alone_takes_no_trials_of_parts(run):
    done = evolve("prune", "grown", "--proven", "--run", run)
    assert done.exit_code == 0
    assert "#1, proven: kept as #2" in done.output
    assert "#2 is #1 without what changes nothing" in done.output
    assert evolve("show", 2, "--source", "--run", run).output == ADAMW
    with Store.open(run / "population.db") as store:
        assert list(store.pruning_trials("proxy", "simulated-proxy")) == []


def test_both_strengths_leave_a_chain_of_programs_and_a_table(run):
    done = evolve("prune", 1, "--run", run, "--json")
    assert done.exit_code == 0
    found = json.loads(done.stdout)
    assert found["proven"]["result"] == 2
    report = found["tested"]
    assert (report["base"], report["result"], report["verdict"]) == (2, 3, "pruned")
    assert all(part["n"] >= 2 for part in report["parts"])
    shown = json.loads(evolve("show", 3, "--json", "--run", run).output)
    assert shown["parents"] == [2]
    assert shown["operator"] == "prune"
    assert Trained.cost(shown["source"]) == Trained.cost(GROWN)
    assert len(shown["source"]) < len(ADAMW)
    with Store.open(run / "population.db") as store:
        assert last_report(store, 1) == report
    text = evolve("prune", 1, "--run", run).output
    for words in ("worth more than the margin", "taken out", "passed", "#3 is #1 without", "power"):
        assert words in text


def test_a_killed_pruning_goes_on(run, monkeypatch):
    monkeypatch.setattr(Trained, "kill", 40)
    with pytest.raises(Killed):
        evolve("prune", 1, "--run", run)
    monkeypatch.setattr(Trained, "kill", None)
    found = json.loads(evolve("prune", 1, "--run", run, "--json").stdout)
    assert found["tested"]["verdict"] == "pruned"


def test_a_budget_is_kept_and_told(run):
    found = json.loads(evolve("prune", 1, "--run", run, "--budget-trials", 20, "--json").stdout)
    assert found["tested"]["trials"] <= 20
    assert "half of the budget" in evolve("prune", 1, "--run", run, "--budget-trials", 20).output


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["99"], "No program goes by '99'"),
        (["1", "--proven", "--budget-trials", "9"], "--budget-trials is about tests of parts"),
        (["1", "--margin", "0"], "--margin"),
        (["1", "--rung", "smoke"], "smoke"),
        (["1", "--budget-time", "soon"], "expected a positive duration"),
    ],
)
def test_bad_input_is_refused_clearly(run, args, words):
    done = evolve("prune", *args, "--run", run)
    assert done.exit_code == 2
    assert words in done.output


def test_a_program_that_does_not_train_is_refused(run, monkeypatch):
    monkeypatch.setattr(
        Trained, "_trial", lambda self, r: Trial(r.digest, r.rung.name, 0, "f", "crashed", reason="bang")
    )
    done = evolve("prune", 1, "--run", run)
    assert done.exit_code == 2
    assert "bang" in done.output


def test_a_search_goes_on_with_the_pruned_program(tmp_path):
    test_engine.search(tmp_path, test_engine.Budget(births=10))
    with Store.open(tmp_path / "population.db", write=True) as store:
        id = enter(store, 1, genome(0.04, 0.93), "pruned: by hand")
    state = test_engine.search(tmp_path, test_engine.Budget(births=14))
    assert state.births == 14
    assert state.programs[id].finished("smoke") == 1
    assert state.programs[id].finished("proxy") >= 1


@pytest.mark.parametrize(("said", "nats"), [("0.002", 0.002), ("40steps", 40 * 4.5e-5), (" 40 steps", 40 * 4.5e-5)])
def test_a_margin_is_nats_or_steps(said, nats):
    assert Margin().convert(said, None, None) == pytest.approx(nats)


@pytest.mark.parametrize("said", ["0", "-1", "steps", "nan", "inf", "two", "4 stepsteps"])
def test_what_is_no_margin_is_refused(said):
    with pytest.raises(click.BadParameter, match="40steps"):
        Margin().convert(said, None, None)

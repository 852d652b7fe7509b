from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from promotions import FULL, LOOKS, made_terms

sys.path.insert(0, str(Path(__file__).parent.parent))
import test_engine
from simulated import Killed, SimulatedRunner

from evolve.budget import Budget
from evolve.promoting import folder as folders
from evolve.promoting.carry import until_decided
from evolve.promoting.outcome import decided, decision_on, plain, promoted, runs_of
from evolve.promoting.reread import is_folder, read_folder
from evolve.promoting.terms import Terms, check_unchanged, freeze, fresh_rng_seed, grid, known_terms, plans, rung_of
from evolve.promoting.trials import PromotionError
from evolve.sequential.decide import Outcome
from evolve.verdict.judge import PASS
from evolve.verdict.planned import find_plan, judge_planned
from evolve.verdict.read import read_all
from evolve.verdict.rule import Rule
from evolve.verdict.runs import group_runs
from evolve.views.promoted import outcome_line, rulings_grid, runs_grid
from population.rows import EventRow, TrialRow
from population.store import Store

RUNG = rung_of(FULL, 1000, 1000, LOOKS[-1], 3000)
EASY, HARD = 9.0, 0.5


@pytest.fixture
def folder(tmp_path):
    test_engine.search(tmp_path, Budget(births=4))
    return tmp_path


@pytest.fixture
def store(folder):
    with Store.open(folder / "population.db", write=True) as store:
        yield store


def carried(store: Store, runner: SimulatedRunner, target: float = EASY, program: int = 1):
    known = known_terms(store, program, "simulated", None)
    terms = known or freeze(store, made_terms(store, program, target))
    return terms, until_decided(store, terms, RUNG, runner)


def test_an_easy_target_is_accepted_at_the_first_look_and_a_hard_one_given_up(store):
    runner = SimulatedRunner(jobs=2)
    terms, decision = carried(store, runner)
    assert (decision.outcome, decision.n, decision.earliest) == (Outcome.ACCEPT, 3, 1000)
    assert [request.rng_seed for request in runner.requests] == list(terms.rng_seeds[:3])
    assert {request.rung.split for request in runner.requests} == {"test"}
    _, decision = carried(store, SimulatedRunner(), HARD, program=2)
    assert decision.outcome is Outcome.GIVE_UP
    assert len(plans(store)) == 2


@pytest.mark.parametrize("kill_at", [1, 2, 3, 4])
def test_a_kill_loses_nothing_and_repeats_nothing(store, kill_at):
    runner = SimulatedRunner(kill_at=kill_at)
    with pytest.raises(Killed):
        carried(store, runner, 2.45)
    done = len(runs_of(store, plans(store)[0]))
    assert done == kill_at - 1
    again = SimulatedRunner()
    terms, decision = carried(store, again, 2.45)
    assert len(plans(store)) == 1
    seeds = [row.rng_seed for row in runs_of(store, terms)]
    assert [request.rng_seed for request in again.requests] == seeds[done:]
    assert decision == decided(store, terms)


def test_a_search_goes_on_after_a_promotion_and_learns_nothing_from_it(folder, store):
    carried(store, SimulatedRunner())
    store.close()
    state = test_engine.search(folder, Budget(births=7))
    assert state.births == 7
    assert "full" not in state.steps


def test_promoting_again_runs_nothing(store):
    carried(store, SimulatedRunner())
    runner = SimulatedRunner()
    assert carried(store, runner)[1].outcome is Outcome.ACCEPT
    assert runner.requests == []


def test_a_lost_run_is_made_again_and_one_that_is_lost_for_ever_stops_the_promotion(store):
    terms, decision = carried(store, SimulatedRunner(lose=2))
    assert (decision.outcome, len(runs_of(store, terms))) == (Outcome.ACCEPT, 3)
    with pytest.raises(PromotionError, match="lost 3 times"):
        carried(store, SimulatedRunner(lose=100), program=2)


def test_a_failed_run_counts_and_is_told_everywhere(store, tmp_path):
    terms, decision = carried(store, SimulatedRunner(failing=1.0))
    assert decision.outcome is Outcome.GIVE_UP
    assert len(runs_of(store, terms)) == 1, "no more runs are begun once one has failed"
    found = promoted(store, terms)
    assert plain(found)["runs"][0]["outcome"] == "crashed"
    assert "1 of 1 runs failed" in outcome_line(found)
    assert "crashed" in runs_grid(found).to_text()
    assert "given up" in rulings_grid(found).to_text()
    target = tmp_path / "promotion"
    folders.write(target, folders.files(found, store.program(1).source))
    assert "val_loss:nan" in (target / "logs" / "run-001-rng-seed-3000.txt").read_text()


def test_the_plan_cannot_be_changed_nor_made_twice_nor_go_on_elsewhere(store):
    terms = freeze(store, made_terms(store, 1, EASY))
    assert plans(store) == (terms,)
    assert terms.number == 1
    with pytest.raises(PromotionError, match="has a frozen plan"):
        freeze(store, made_terms(store, 1, HARD))
    check_unchanged(terms, {"target": EASY, "looks": LOOKS}, terms.fingerprint)
    with pytest.raises(PromotionError, match=r"--looks: .* frozen with 3,5,8 .* cannot become 3,9"):
        check_unchanged(terms, {"looks": (3, 9)}, terms.fingerprint)
    with pytest.raises(PromotionError, match="other conditions"):
        check_unchanged(terms, {}, "another torch")


def test_a_program_under_other_names_has_no_second_chance(store):
    freeze(store, made_terms(store, 1, HARD))
    first, last, id = store.program(1), store.last_rows(), store.summary().programs + 1
    source = first.source.replace("WARMUP_FRACTION", "FRACTION_OF_WARMUP")
    assert source != first.source
    copy = replace(first, id=id, digest="copy", source=source, seq=last.seq + 1, elapsed=store.last_elapsed())
    store.append_program(copy)
    with pytest.raises(PromotionError, match="program 1 but for names"):
        freeze(store, made_terms(store, id, EASY))


def test_losses_that_a_comparison_has_shown_are_no_part_of_a_plan(store):
    assert fresh_rng_seed(store, FULL) == 3000
    last = store.last_rows()
    data = {"program": 1, "against": 2, "rng_seeds": [3000, 3007], "fingerprint": "simulated-full"}
    store.append_event(EventRow(last.event + 1, "promotion", data, store.last_elapsed(), last.seq + 1))
    assert fresh_rng_seed(store, FULL) == 3008


def test_a_plan_does_not_go_on_past_a_log_that_was_left_out(tmp_path, made):
    terms, source = made
    ends = [8.5, 9.6, 8.5001, 8.4999, 8.5002, 8.4998]
    rows = [
        TrialRow(i, 1, "full", 3000 + i, "x", "finished", end, curve=((0, 10.0), (1000, end)))
        for i, end in enumerate(ends)
    ]
    (tmp_path / "logs").mkdir()
    (tmp_path / "plan.json").write_text(json.dumps(terms.to_dict()))
    for row in rows[:1] + rows[2:]:
        (tmp_path / "logs" / folders.log_name(terms, row)).write_text(folders.log_text(source, terms, row))
    (group,) = group_runs(read_all([str(tmp_path)]).runs)
    verdict, decision = judge_planned(group, terms.plan, terms.plan.rule)
    assert decision.outcome is Outcome.CONTINUE
    assert verdict.ruling.verdict != PASS
    assert "the log of run 2 is missing" in " ".join(verdict.notes)


def test_a_plan_that_somebody_made_lax_accepts_nothing(tmp_path, made):
    terms, source = made
    lax = replace(terms, plan=replace(terms.plan, critical=(0.1,) * len(LOOKS)))
    rows = [
        TrialRow(i, 1, "full", 3000 + i, "x", "finished", end, curve=((0, 10.0), (1000, end)))
        for i, end in enumerate([8.5, 8.9, 8.2])
    ]
    (tmp_path / "logs").mkdir()
    (tmp_path / "plan.json").write_text(json.dumps(lax.to_dict()))
    for row in rows:
        (tmp_path / "logs" / folders.log_name(lax, row)).write_text(folders.log_text(source, lax, row))
    (group,) = group_runs(read_all([str(tmp_path)]).runs)
    plan, _ = find_plan(group)
    verdict, decision = judge_planned(group, plan, plan.rule)
    assert decision.outcome is Outcome.ACCEPT
    assert verdict.ruling.verdict != PASS
    assert "laxer" in " ".join(verdict.notes)


def test_the_grid_ends_with_the_last_step():
    assert grid(250, 125) == (125, 250)
    assert grid(300, 125) == (125, 250, 300)
    assert grid(60, 125) == (60,)


def test_the_folder_is_whole_idempotent_and_read_back(store, tmp_path):
    terms, _ = carried(store, SimulatedRunner())
    source = store.program(1).source
    texts = folders.files(promoted(store, terms), source)
    target = tmp_path / "promotion"
    folders.write(target, texts)
    before = {path: path.stat().st_mtime_ns for path in target.rglob("*") if path.is_file()}
    folders.write(target, texts)
    assert {path: path.stat().st_mtime_ns for path in target.rglob("*") if path.is_file()} == before
    assert json.loads((target / "plan.json").read_text())["plan"]["looks"] == list(LOOKS)
    assert is_folder(target)
    again, text, rows = read_folder(target)
    assert (again, text) == (terms, source)
    assert [(row.rng_seed, row.value, row.curve) for row in rows] == [
        (row.rng_seed, row.value, row.curve) for row in runs_of(store, terms)
    ]


@settings(max_examples=40, deadline=None)
@given(
    target=st.floats(3.2, 3.4),
    ends=st.lists(st.one_of(st.none(), st.floats(3.0, 3.5)), min_size=1, max_size=8),
)
def test_judging_the_folder_is_judging_the_rows(tmp_path_factory, made, target, ends):
    folder = tmp_path_factory.mktemp("promotion")
    terms, source = made
    terms = replace(terms, plan=replace(terms.plan, rule=Rule(target)))
    rows = tuple(
        TrialRow(i, 1, "full", 3000 + i, "x", "finished", end, curve=((0, 5.0), (1000, end)))
        if end is not None
        else TrialRow(i, 1, "full", 3000 + i, "x", "crashed", None, "boom", curve=((0, 5.0),))
        for i, end in enumerate(ends)
    )
    own = decision_on(terms, rows)
    texts = {"plan.json": json.dumps(terms.to_dict())}
    texts |= {f"logs/{folders.log_name(terms, row)}": folders.log_text(source, terms, row) for row in rows}
    (folder / "logs").mkdir()
    for name, text in texts.items():
        (folder / name).write_text(text)
    (group,) = group_runs(read_all([str(folder)]).runs)
    plan, problem = find_plan(group)
    assert problem is None
    verdict, decision = judge_planned(group, plan, plan.rule)
    if len({row.value for row in rows}) == len(rows):  # two runs alike would be one log kept twice
        assert repr(decision) == repr(own)  # not a number is not equal to itself
    # Both must say so: runs beyond those that the plan decided on can only harm.
    if decision.outcome is not Outcome.ACCEPT:
        assert verdict.ruling.verdict != PASS
    elif decision.n == len(rows):
        assert verdict.ruling.verdict == PASS


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[Terms, str]:
    """Terms and a genome."""
    folder = tmp_path_factory.mktemp("run")
    test_engine.search(folder, Budget(births=1))
    with Store.open(folder / "population.db") as store:
        return replace(made_terms(store, 1, EASY), number=1), store.program(1).source


def test_a_plan_that_cannot_be_read_is_told(tmp_path):
    log = "import a\nimport b\nimport c\n" + "=" * 20 + "\nstep:0/10 val_loss:5\nstep:10/10 val_loss:3.2\n"
    (tmp_path / "a.txt").write_text(log)
    (group,) = group_runs(read_all([str(tmp_path)]).runs)
    assert find_plan(group) == (None, None)
    for text, expected in (('{"plan": {"looks": 1}}', "frozen plan"), ("{", "frozen plan")):
        (tmp_path / "plan.json").write_text(text)
        plan, problem = find_plan(group)
        assert plan is None
        assert expected in str(problem)
    (tmp_path / "plan.json").write_text('{"other": 1}')
    assert find_plan(group) == (None, None)

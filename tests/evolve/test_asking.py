"""Searches that ask a language model, on the simulated landscape."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from simulated import RUNGS, InlineWorker, Killed, SimulatedRunner, true_value
from simulated_models import SimulatedModels, clever, program_in
from test_engine import SEEDS, named, rows
from test_novelty import measures, sketch

from evaluator.tasks.charlm import CharLM
from evolve.asker import Asker
from evolve.budget import Budget, Spent
from evolve.config import Config
from evolve.conversation import messages
from evolve.engine import Engine, replay
from evolve.inbox import Inbox
from evolve.novelty import SAME
from evolve.operators import ASKING, PARENTS
from evolve.questions import Question, Reply
from evolve.report import progress
from evolve.situation import Situations
from evolve.views.silent import Silent
from population.store import Store

CONFIG = Config(
    islands=2,
    operators=("perturb", *ASKING),
    models=(("big", 1.0), ("small", 3.0)),
    calls=3,
    prices={"big": (10.0, 50.0), "small": (1.0, 5.0)},
)


def search(folder: Path, budget: Budget, models, runner=None, config: Config = CONFIG, clock=time.monotonic):
    path = folder / "population.db"
    if not path.exists():
        Store.create(path, config.as_dict()).close()
    with Store.open(path, write=True) as store:
        config = Config.from_dict(store.run)
        state = replay(store, config, RUNGS)
        worker, inbox = InlineWorker(config.rng_seed), Inbox(folder / "inbox")
        asker = Asker(models, Situations(store, CharLM()))
        engine = Engine(store, state, runner or SimulatedRunner(), worker, inbox, budget, Silent(), clock, asker)
        engine.seed(named(source, f"seed{i}") for i, source in enumerate(SEEDS))
        engine.run()
        return state


def told(folder: Path):
    """Programs, calls, replies and attempts of a run."""
    with Store.open(folder / "population.db") as store:
        return list(store.programs()), list(store.calls()), list(store.replies()), list(store.events("attempt"))


def test_models_become_the_main_source_of_children(tmp_path):
    state = search(tmp_path, Budget(births=40), SimulatedModels())
    programs, calls, replies, _ = told(tmp_path)
    born = Counter(row.operator for row in programs if row.birth is not None)
    assert state.births == 40
    assert sum(born[name] for name in ASKING) > 25
    assert len(set(born) & set(ASKING)) >= 4
    assert min(state.mean(id) for id in state.programs) < min(state.mean(id) for id in (1, 2, 3)) - 0.05
    assert len(calls) == len(replies)
    assert {row.model for row in calls} == {"big", "small"}
    child = next(row for row in programs if row.operator == "llm_rewrite")
    assert child.hypothesis.startswith("the rate should be")
    assert (child.depth, child.provenance, child.component) == ("shallow", "invented", "LR")
    assert state.pulls
    assert any(pull.gain > 0 for pull in state.pulls)


def test_a_call_is_written_before_it_is_sent_with_what_it_had_seen(tmp_path):
    seen = []

    def reply(question: Question) -> str:
        with Store.open(tmp_path / "population.db") as store:
            call = next(row for row in store.calls() if row.id == question.id)
        seen.append(messages(call.prompt) == question.messages)
        return clever(question)

    search(tmp_path, Budget(births=5), SimulatedModels(reply))
    assert len(seen) >= 5
    assert all(seen)
    _, calls, _, _ = told(tmp_path)
    assert all(call.seen < call.seq for call in calls)
    assert all(call.most_usd and call.most_tokens > 1000 for call in calls)


def test_an_unusable_reply_gets_one_correction_and_then_counts_as_a_failed_attempt(tmp_path):
    def reply(question: Question) -> str:
        if len(question.messages) == 4:  # the correction
            assert "cannot be used" in question.messages[3].content
            return clever(question) if random.Random(question.id).random() < 0.5 else "still no"
        return "I would rather talk."

    search(tmp_path, Budget(births=10), SimulatedModels(reply))
    programs, calls, _, attempts = told(tmp_path)
    turns = Counter(row.turn for row in calls)
    asked = [event.data for event in attempts if event.data["operator"] in ASKING]
    assert turns[2] >= len(asked) > 3
    failed = [data["reason"] for data in asked if data["result"] == "none"]
    assert failed
    assert [reason for reason in failed if not reason.startswith("the reply cannot be used: no")] == []
    assert any(row.operator in ASKING for row in programs)


def test_what_may_have_been_paid_is_asked_again_and_counts_as_paid(tmp_path):
    def reply(question: Question) -> str | Reply:
        return random.Random(question.id).choice([Reply.GARBAGE, Reply.TIMED_OUT, Reply.TRUNCATED, clever(question)])

    state = search(tmp_path, Budget(births=12), SimulatedModels(reply))
    _, calls, replies, _ = told(tmp_path)
    by_call = {row.call: row for row in replies}
    lost = [call for call in calls if call.id in by_call and by_call[call.id].outcome in ("garbage", "timed out")]
    paid = sum(row.usd or 0 for row in replies if row.outcome == "answered")
    assert lost
    assert state.usd >= paid + sum(call.most_usd for call in lost) - 1e-9


def test_a_model_that_keeps_failing_is_left_alone_and_the_search_goes_on(tmp_path):
    def reply(question: Question) -> str | Reply:
        return Reply.FAILED if question.model == "big" else clever(question)

    state = search(tmp_path, Budget(births=40), SimulatedModels(reply))
    _, calls, _, _ = told(tmp_path)
    asked = Counter(row.model for row in calls)
    assert state.births == 40
    assert asked["big"] <= 12
    assert asked["small"] > 25


def test_without_any_model_that_answers_structural_operators_go_on(tmp_path):
    state = search(tmp_path, Budget(births=10), SimulatedModels(lambda question: Reply.FAILED))
    assert state.births == 10
    assert {known.operator for known in state.programs.values()} <= {"seed", *PARENTS}
    assert state.unanswered == state.calls > 0
    assert (
        f"{state.calls} made, {state.calls} without an answer"
        in progress(state, Budget(births=10), Spent(0.0, 0, 0), (), "").calls
    )


@pytest.mark.parametrize("budget", [Budget(usd=1.0), Budget(tokens=300_000), Budget(births=60, usd=0.5)])
def test_budgets_for_models_are_never_overrun_and_end_the_run(tmp_path, budget):
    state = search(tmp_path, budget, SimulatedModels(usd=None))
    assert state.births > 0
    assert budget.usd is None or state.usd <= budget.usd
    assert budget.tokens is None or state.tokens <= budget.tokens
    assert not state.asked


def test_a_child_that_fails_its_first_steps_is_mended_once(tmp_path):
    state = search(tmp_path, Budget(births=40), SimulatedModels(), SimulatedRunner(failing=0.3))
    _, calls, _, _ = told(tmp_path)
    broken = [id for id, known in state.programs.items() if known.failed and known.operator in ASKING]
    repairs = Counter(call.parents[1] for call in calls if call.operator == "llm_repair" and call.turn == 1)
    assert repairs
    assert max(repairs.values()) == 1
    assert set(repairs) <= set(broken)
    assert "It failed: [[error" in next(call.prompt for call in calls if call.operator == "llm_repair")


def test_a_killed_run_pays_no_answer_twice_and_loses_no_call(tmp_path):
    with pytest.raises(Killed):
        search(tmp_path, Budget(births=30), SimulatedModels(), SimulatedRunner(kill_at=25))
    _, calls, replies, _ = told(tmp_path)
    answered = {row.call for row in replies}
    models = SimulatedModels()
    state = search(tmp_path, Budget(births=30), models)
    assert state.births == 30
    assert not answered & {question.id for question in models.questions}
    _, _, all_replies, attempts = told(tmp_path)
    given = {row.call: row.outcome for row in all_replies}
    open_then = {call.id for call in calls} - answered
    assert all(given[id] == "lost" for id in open_then)
    numbers = [event.data["attempt"] for event in attempts]
    assert len(numbers) == len(set(numbers))


def test_the_same_answers_give_the_same_run(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        search(tmp_path / name, Budget(births=20), SimulatedModels())
    assert rows(tmp_path / "a") == rows(tmp_path / "b")


def test_keys_are_masked_wherever_they_turn_up(tmp_path, monkeypatch):
    key = "sk-live-abcdefghijklmnop"
    monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    models = SimulatedModels(lambda question: f"your key is {key}\n" + clever(question))
    search(tmp_path, Budget(births=5), models, config=replace(CONFIG, rng_seed=3))
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert key.encode() not in path.read_bytes()
    _, _, replies, _ = told(tmp_path)
    assert "your key is [key]" in replies[0].text


def test_an_outage_counts_once_and_nothing_is_paid_for_after_the_end(tmp_path):
    def reply(question: Question) -> str | Reply:
        return Reply.FAILED if question.id <= 3 else clever(question)

    state = search(tmp_path, Budget(births=20), SimulatedModels(reply))
    assert state.births == 20
    assert sum(known.operator in ASKING for known in state.programs.values()) > 8


def test_a_reply_that_has_no_encoding_is_no_harm(tmp_path):
    def reply(question: Question) -> str:
        return clever(question).replace("the rate", "the \ud83d rate")

    state = search(tmp_path, Budget(births=5), SimulatedModels(reply))
    assert state.births == 5


def test_a_refactoring_is_recognised_before_a_trial_is_paid_and_the_next_prompt_says_so(tmp_path):
    asked = []

    def reply(question: Question) -> str:
        asked.append(question.messages[-1].content)
        source = program_in(question.messages[-1].content)
        tidied = f"{source}\n\nclass Tidied{question.id}:\n    n = {question.id}\n"
        return f"HYPOTHESIS: tidier\nCOMPONENT: all\nDEPTH: shallow\nPROVENANCE: invented\n```python\n{tidied}```"

    def behave(source: str) -> dict[str, float | str]:
        return measures(*sketch(shift=true_value(source)))

    config = replace(CONFIG, operators=("perturb", "llm_rewrite"), islands=1)
    search(tmp_path, Budget(births=30), SimulatedModels(reply), SimulatedRunner(behave=behave), config)
    with Store.open(tmp_path / "population.db") as store:
        tidied = [row for row in store.programs() if row.operator == "llm_rewrite"]
        same = {event.data["program"]: event.data["as"] for event in store.events(SAME)}
        assert len(tidied) >= 10
        assert set(same) == {row.id for row in tidied}
        assert {trial.rung for row in tidied for trial in store.trials(row.id)} == {"smoke"}
        for row in tidied:
            assert true_value(store.program(same[row.id]).source) == pytest.approx(true_value(row.source), abs=1e-5)
    assert any("nothing new, it trains just as #" in prompt for prompt in asked)


def test_the_next_prompt_tells_how_training_went(tmp_path):
    asked = []

    def reply(question: Question) -> str:
        asked.append(question.messages[1].content)
        return clever(question)

    search(tmp_path, Budget(births=30), SimulatedModels(reply))
    assert any("mean of the steps up to each one named: 50: " in prompt for prompt in asked)
    assert any("; training +" in prompt or "; training -" in prompt for prompt in asked)
    assert any("What models proposed on other lineages" in prompt for prompt in asked)


def test_what_is_joined_is_neither_kin_nor_joined_before(tmp_path):
    config = replace(CONFIG, operators=("perturb", "llm_crossover"))
    search(tmp_path, Budget(births=40), SimulatedModels(), config=config)
    programs, calls, _, _ = told(tmp_path)
    parents = {row.id: row.parents for row in programs}
    pairs = [call.parents for call in calls if call.turn == 1]
    kin = [pair for pair in pairs if pair[0] in parents[pair[1]] or pair[1] in parents[pair[0]]]
    assert len(pairs) > 15
    assert len(kin) + len(pairs) - len({frozenset(pair) for pair in pairs}) <= 2  # where nothing else was left

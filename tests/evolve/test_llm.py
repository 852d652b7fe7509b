"""The real client, litellm included, against a loopback server; one process asks for all tests."""

from __future__ import annotations

import selectors

import httpx
import openai
import pytest
from fake_models import fake_models

from evolve import llm
from evolve.llm import LanguageModels, ModelsError, Settings
from evolve.questions import Message, Price, Question, Reply

KEY = "sk-test-0123456789abcdef"
MODEL = "openai/fake"


@pytest.fixture(scope="module")
def fake():
    with fake_models(lambda messages: f"you said: {messages[-1]['content']}") as server:
        yield server


@pytest.fixture(scope="module")
def models(fake):
    settings = Settings(at_once=3, timeout=2.0, prices={MODEL: Price(1.0, 10.0)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_BASE", fake.url)
        patch.setenv("OPENAI_API_KEY", KEY)
        with LanguageModels([MODEL], settings) as process:
            assert (process.listed.prices, process.listed.missing) == ({}, {})
            while ask(process)[0].outcome is not Reply.ANSWERED:
                pass  # the first call imports much, which may take longer than its time on a busy machine
            yield process


def ask(models, count=1, model=MODEL):
    """So many questions at once; answers in order."""
    answers = {}
    for id in range(count):
        models.submit(Question(id, model, (Message("user", f"question {id}"),), 500))
    with selectors.DefaultSelector() as selector:
        selector.register(models.fileno(), selectors.EVENT_READ)
        while len(answers) < count:
            selector.select(60)
            answers |= {answer.question: answer for answer in models.take()}
    return [answers[id] for id in range(count)]


def test_answers_come_with_tokens_cost_and_time(models, fake):
    answers = ask(models, 3)
    assert [answer.text for answer in answers] == [f"you said: question {id}" for id in range(3)]
    first = answers[0]
    assert (first.outcome, first.prompt_tokens, first.completion_tokens, first.tries) == (Reply.ANSWERED, 1000, 200, 1)
    assert first.usd == pytest.approx(0.003)
    assert first.seconds > 0
    assert fake.requests[0]["max_tokens"] == 500
    assert set(fake.keys) == {f"Bearer {KEY}"}


def test_only_so_many_calls_are_under_way_at_once(models, fake):
    fake.hold, fake.most_at_once = 0.05, 0
    ask(models, 8)
    fake.hold = 0.0
    assert fake.most_at_once <= 3


def test_what_costs_nothing_is_tried_again(models, fake):
    fake.faults[:] = [429, 503, 529]
    (answer,) = ask(models)
    assert (answer.outcome, answer.tries) == (Reply.ANSWERED, 4)


@pytest.mark.parametrize(
    ("fault", "outcome", "told"),
    [
        ("garbage", Reply.GARBAGE, ""),
        ("empty", Reply.GARBAGE, "no text"),
        ("truncate", Reply.TRUNCATED, "cut off after 500 tokens"),
        ("hang", Reply.TIMED_OUT, "no answer within 2 s"),
        (500, Reply.GARBAGE, ""),
        (401, Reply.FAILED, ""),
        (400, Reply.FAILED, ""),
    ],
)
def test_what_may_have_been_paid_or_is_refused_goes_back(models, fake, fault, outcome, told):
    fake.faults[:] = [fault]
    (answer,) = ask(models)
    assert answer.outcome is outcome, answer
    assert told in answer.reason
    assert answer.tries == 1
    assert KEY not in repr(answer)


def test_a_known_models_price_is_on_the_list():
    prices = llm.listed(["openai/gpt-4o", "openai/no-such-model"]).prices
    assert set(prices) == {"openai/gpt-4o"}
    assert prices["openai/gpt-4o"].completion > prices["openai/gpt-4o"].prompt > 0


@pytest.mark.parametrize(
    ("model", "key"),
    [("openai/fake", "OPENAI_API_KEY"), ("gemini/gemini-2.5-pro", "GEMINI_API_KEY"), ("azure/x", "AZURE_API_KEY")],
)
def test_what_no_key_was_there_for_was_not_sent_and_is_not_paid(monkeypatch, model, key):
    for name in ("OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "AZURE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_BASE", "http://127.0.0.1:9/v1")
    with LanguageModels([model], Settings()) as models:
        assert key in models.listed.missing[model]
        (answer,) = ask(models, model=model)
    assert (answer.outcome, answer.tries) == (Reply.FAILED, 1), answer


def test_what_reached_nobody_is_tried_again():
    question = Question(0, MODEL, (Message("user", "anyone there?"),), 500)
    error = openai.APIConnectionError(request=httpx.Request("POST", "http://127.0.0.1:9/v1"))
    assert llm._error(question, error, keyless=False)[0].outcome is Reply.GARBAGE  # broken off: it may have been paid
    error.__cause__ = httpx.ConnectError("refused")
    answer, pause = llm._error(question, error, keyless=False)
    assert (answer.outcome, pause) == (Reply.FAILED, 0.0)


def test_a_process_that_dies_says_so(fake, monkeypatch):
    monkeypatch.setenv("OPENAI_API_BASE", fake.url)
    with LanguageModels([MODEL], Settings()) as models:
        assert models.listed.prices == {}
        models._process.kill()
        models._process.join()
        models.submit(Question(7, MODEL, (Message("user", "anyone there?"),), 500))
        with pytest.raises(ModelsError, match="evolve resume"):
            models.take()

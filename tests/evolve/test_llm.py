"""The real client, litellm included, against a loopback server."""

from __future__ import annotations

import selectors

import pytest
from fake_models import fake_models

from evolve import llm
from evolve.llm import LanguageModels, Settings
from evolve.questions import Message, Price, Question, Reply

KEY = "sk-test-0123456789abcdef"
MODEL = "openai/fake"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def ask(monkeypatch, fake, count=1, settings=None):
    """So many questions at once; answers by id."""
    monkeypatch.setenv("OPENAI_API_BASE", fake.url)
    answers = {}
    with LanguageModels([MODEL], settings or Settings(prices={MODEL: Price(1.0, 10.0)})) as models:
        assert models.prices == {}
        for id in range(count):
            models.submit(Question(id, MODEL, (Message("user", f"question {id}"),), 500))
        with selectors.DefaultSelector() as selector:
            selector.register(models.fileno(), selectors.EVENT_READ)
            while len(answers) < count:
                selector.select(60)
                answers |= {answer.question: answer for answer in models.take()}
    return answers


def echo(messages):
    return f"you said: {messages[-1]['content']}"


def test_answers_come_with_tokens_cost_and_time(monkeypatch):
    with fake_models(echo) as fake:
        answers = ask(monkeypatch, fake, 3)
    assert {id: answer.text for id, answer in answers.items()} == {id: f"you said: question {id}" for id in range(3)}
    first = answers[0]
    assert (first.outcome, first.prompt_tokens, first.completion_tokens, first.tries) == (Reply.ANSWERED, 1000, 200, 1)
    assert first.usd == pytest.approx(0.003)
    assert first.seconds > 0
    assert fake.requests[0]["max_tokens"] == 500
    assert set(fake.keys) == {f"Bearer {KEY}"}


def test_only_so_many_calls_are_under_way_at_once(monkeypatch):
    with fake_models(echo, hold=0.05) as fake:
        ask(monkeypatch, fake, 8, Settings(at_once=3))
    assert fake.most_at_once <= 3


def test_what_costs_nothing_is_tried_again(monkeypatch):
    with fake_models(echo, [429, 500, 503]) as fake:
        answer = ask(monkeypatch, fake)[0]
    assert (answer.outcome, answer.tries) == (Reply.ANSWERED, 4)


@pytest.mark.parametrize(
    ("fault", "outcome", "told"),
    [
        ("garbage", Reply.GARBAGE, ""),
        ("empty", Reply.GARBAGE, "no text"),
        ("truncate", Reply.TRUNCATED, "cut off after 500 tokens"),
        ("hang", Reply.TIMED_OUT, "no answer within 2 s"),
        (401, Reply.FAILED, ""),
        (400, Reply.FAILED, ""),
    ],
)
def test_what_may_have_been_paid_or_is_refused_goes_back(monkeypatch, fault, outcome, told):
    with fake_models(echo, [fault]) as fake:
        answer = ask(monkeypatch, fake, 1, Settings(timeout=2.0))[0]
    assert answer.outcome is outcome, answer
    assert told in answer.reason
    assert answer.tries == 1
    assert KEY not in repr(answer)


def test_a_known_models_price_is_on_the_list():
    prices = llm.listed_prices(["openai/gpt-4o", "openai/no-such-model"])
    assert set(prices) == {"openai/gpt-4o"}
    assert prices["openai/gpt-4o"].completion > prices["openai/gpt-4o"].prompt > 0

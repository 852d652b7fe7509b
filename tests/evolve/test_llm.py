"""The real client, litellm included, against a loopback server; one process asks for all tests."""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys

import aiohttp
import httpx
import openai
import pytest
from fake_models import fake_models

from evolve import llm
from evolve.llm import Facts, LanguageModels, ModelsError, Settings
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
            assert process.facts == Facts()
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
        ("reset", Reply.GARBAGE, ""),
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
    prices = llm.facts_of(["openai/gpt-4o", "openai/no-such-model"]).prices
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
        assert key in models.facts.missing_keys[model]
        (answer,) = ask(models, model=model)
    assert (answer.outcome, answer.tries) == (Reply.FAILED, 1), answer


TRY = """
import asyncio, litellm
from evolve.llm import Settings, _try
from evolve.questions import Message, Question
question = Question(0, "MODEL", (Message("user", "anyone there?"),), 500)
answer, pause = asyncio.run(_try(litellm, question, Settings(timeout=20), False))
print(answer.outcome, pause, sep=",")
"""


@pytest.mark.parametrize(("model", "base"), [(MODEL, "OPENAI_API_BASE"), ("anthropic/fake", "ANTHROPIC_API_BASE")])
def test_what_reached_nobody_is_not_paid_and_tried_again(model, base):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        environment = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", base: address, base.replace("_BASE", "_KEY"): KEY}
        done = subprocess.run(
            [sys.executable, "-c", TRY.replace("MODEL", model)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, **environment},
        )
    assert done.stdout.splitlines()[-1] == "failed,0.0"


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (aiohttp.ClientOSError("reset"), aiohttp.ClientConnectorError(None, OSError("refused"))),
        (aiohttp.ClientConnectorError(None, OSError("refused")), aiohttp.ClientOSError("reset")),
    ],
)
def test_of_two_requests_one_that_was_sent_is_enough_to_be_paid(first, second):
    error = openai.APIConnectionError(request=httpx.Request("POST", "http://127.0.0.1:9/v1"))
    error.__cause__, second.__context__ = second, first
    assert llm._error(Question(0, MODEL, (), 500), error, keyless=True)[0].outcome is Reply.GARBAGE


def test_a_key_that_is_there_is_not_missed_and_nobody_is_logged_in_to(monkeypatch):
    models = ["azure/x", "gemini/gemini-2.5-pro", "github_copilot/gpt-4o"]
    monkeypatch.setenv("AZURE_API_KEY", KEY)
    monkeypatch.setenv("GOOGLE_API_KEY", KEY)
    assert llm.facts_of(models).missing_keys == {}


def test_a_process_that_dies_says_so(fake, monkeypatch):
    monkeypatch.setenv("OPENAI_API_BASE", fake.url)
    with LanguageModels([MODEL], Settings()) as models:
        assert models.facts.prices == {}
        models._process.kill()
        models._process.join()
        models.submit(Question(7, MODEL, (Message("user", "anyone there?"),), 500))
        with pytest.raises(ModelsError, match="evolve resume"):
            models.take()

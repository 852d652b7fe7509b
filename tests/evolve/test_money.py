from __future__ import annotations

from dataclasses import replace

import pytest

from evolve import money
from evolve.budget import Budget, Spent
from evolve.config import Config
from evolve.prompts.build import BOUND
from evolve.questions import Message, Price

CONFIG = Config(models=(("dear", 1.0), ("cheap", 2.0)), prices={"dear": (10.0, 50.0), "cheap": (1.0, 5.0)})
NOTHING = Spent(0.0, 0, 0)


def test_a_price_is_per_million_tokens():
    assert Price(3.0, 15.0).usd(1_000_000, 200_000) == pytest.approx(6.0)


def test_a_conversation_is_never_counted_short():
    assert money.most_tokens((Message("user", "a" * 1000),)) >= 500
    assert money.most_tokens((Message("user", "ä" * 1000),)) >= 2000


def test_only_models_whose_longest_call_fits_are_affordable():
    dear = Price(10.0, 50.0).usd(2 * BOUND, CONFIG.answer_tokens)
    cheap = Price(1.0, 5.0).usd(2 * BOUND, CONFIG.answer_tokens)
    assert set(money.affordable(CONFIG, NOTHING, Budget())) == {"dear", "cheap"}
    assert set(money.affordable(CONFIG, NOTHING, Budget(usd=dear - 0.001))) == {"cheap"}
    assert set(money.affordable(CONFIG, replace(NOTHING, usd=1.0), Budget(usd=1.0 + cheap - 0.001))) == set()
    assert set(money.affordable(CONFIG, NOTHING, Budget(tokens=BOUND))) == set()


def test_money_that_is_limited_wants_a_price():
    unknown = replace(CONFIG, prices={})
    assert not money.has_room(unknown, "dear", 10, NOTHING, Budget(usd=100.0))
    assert money.has_room(unknown, "dear", 10, NOTHING, Budget(tokens=100_000))

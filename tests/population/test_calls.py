"""Calls of language models in the store: rows, their account, classes of change."""

from __future__ import annotations

import sqlite3

import pytest
from test_store import estimate, program, trial

from population.errors import StoreError
from population.rows import CallRow, ReplyRow
from population.store import Store


def call(id: int, attempt: int, model: str = "big", **fields) -> CallRow:
    about = {"turn": 1, "island": 0, "operator": "llm_diff", "parents": (1,), "prompt": '[["user", "ä"]]'}
    rest = {"digest": "d", "seen": 3, "cut": "", "max_tokens": 100, "most_tokens": 600, "seq": id}
    return CallRow(id, attempt, model=model, **{**about, **rest, **fields})


@pytest.fixture
def store(tmp_path):
    with Store.create(tmp_path / "run.db", {}) as store:
        yield store


def test_calls_and_replies_come_back_as_they_went_in(store):
    first, second = call(1, 5, most_usd=0.25, elapsed=1.5), call(2, 6, parents=(1, 2), cut="history: 3 of 9 lines")
    reply = ReplyRow(2, "answered", "said \ud800", 10, 20, 0.01, 3.5, 2, "", 2.5, 7)
    for row in (first, second):
        store.append_call(row)
    store.append_reply(reply)
    assert list(store.calls()) == [first, second]
    assert list(store.replies()) == [reply]
    assert store.last_rows().seq == 7


def test_a_reply_wants_its_call_and_comes_once(store):
    with pytest.raises(StoreError):
        store.append_reply(ReplyRow(1, "lost"))
    store.append_call(call(1, 1))
    store.append_reply(ReplyRow(1, "lost"))
    with pytest.raises(StoreError):
        store.append_reply(ReplyRow(1, "answered"))


@pytest.mark.parametrize("change", ["UPDATE calls SET model = 'x'", "DELETE FROM calls", "DELETE FROM replies"])
def test_they_are_append_only(store, change):
    store.append_call(call(1, 1))
    store.append_reply(ReplyRow(1, "lost"))
    with sqlite3.connect(store.path) as other, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        other.execute(change)


def test_the_account_of_each_operator_and_model(store):
    store.append_program(program(1))
    for id, attempt, model in ((1, 1, "big"), (2, 1, "big"), (3, 2, "big"), (4, 3, "small")):
        store.append_call(call(id, attempt, model))
    for id, usd in ((1, 0.5), (2, None), (3, 0.25)):
        store.append_reply(ReplyRow(id, "answered", "x", 100, 50, usd))
    made = {"operator": "llm_diff", "depth": "deep", "provenance": "invented"}
    store.append_program(program(2, (1,), birth=1, attempt=1, **made))
    store.append_program(program(3, (1,), birth=2, attempt=2, **made))
    store.put_estimates([estimate(1, 2.0), estimate(2, 1.9), estimate(3, 2.5)])
    big, small = store.arms()
    assert (big.operator, big.model, big.attempts, big.calls, big.waiting) == ("llm_diff", "big", 2, 3, 0)
    assert (big.tokens, big.usd, big.births, big.improved) == (450, 0.75, 2, 1)
    assert big.gain == pytest.approx(0.1)
    assert (small.attempts, small.calls, small.waiting, small.births) == (1, 1, 1, 0)
    (found,) = store.classes()
    assert found[:4] == ("deep", "invented", 2, 1)
    assert found.gain == pytest.approx(0.1)


def test_what_the_last_attempts_came_to(store):
    store.append_program(program(1))
    for attempt in range(1, 6):
        store.append_call(call(attempt, attempt, island=attempt % 2))
        if attempt != 4:
            store.append_reply(ReplyRow(attempt, "answered", "x", 100, 50, 0.25))
    made = {"operator": "llm_diff", "depth": "deep", "provenance": "invented"}
    for id, attempt in ((2, 1), (3, 2), (4, 5)):
        store.append_program(program(id, (1,), birth=id, attempt=attempt, **made))
    store.append_trial(trial(1, 2, rung="smoke", curve=((0, 5.0), (12, 4.0))))
    store.append_trial(trial(2, 2, curve=((0, 5.0), (120, 2.0))))
    store.append_trial(trial(3, 2, curve=((0, 5.0), (120, 2.0))))
    store.append_trial(trial(4, 3, "crashed", rung="smoke"))
    store.put_estimates([estimate(1, 2.0), estimate(2, 1.9)])
    found = store.paid_attempts(10)
    assert [(each.island, each.usd, each.steps) for each in found] == [(1, 0.25, 132), (0, 0.25, 0), (1, 0.25, 0)]
    assert [each.gain for each in found] == pytest.approx([0.1, 0.0, 0.0])  # a gain, a failed child, no child
    assert store.paid_attempts(2) == []  # one waits for its answer, one for its trials

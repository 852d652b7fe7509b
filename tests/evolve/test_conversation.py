from __future__ import annotations

import pytest

from evolve import conversation
from evolve.conversation import AskAgain, Asked, Correct, GiveUp, Use, Wait, corrected, next_step
from evolve.questions import Message, Reply
from population.rows import CallRow, ReplyRow


def asked(*replies: str, turn: int = 1) -> Asked:
    """An attempt whose calls ended like this; the last one is open when its reply is ""."""
    found = Asked()
    for id, outcome in enumerate(replies, 1):
        prompt = conversation.text((Message("system", "rules"), Message("user", "question")))
        found.calls.append(CallRow(id, 5, turn, 0, "llm_diff", (3,), "m", prompt, "d", 9, "", 100, 600))
        if outcome:
            found.replies[id] = ReplyRow(id, outcome, "text", reason="why")
    return found


@pytest.mark.parametrize(
    ("replies", "turn", "expected"),
    [
        ([""], 1, Wait()),
        (["answered"], 1, Use("text")),
        (["timed out"], 1, AskAgain()),
        (["garbage", "lost", ""], 1, Wait()),
        (["garbage", "lost", "timed out"], 1, AskAgain()),
        (["garbage", "lost", "timed out", "garbage"], 1, GiveUp("m garbage: why")),
        (["failed"], 1, GiveUp("m failed: why")),
        (["truncated"], 1, Correct("why: be shorter")),
        (["truncated"], 2, GiveUp("the reply cannot be used: why: be shorter")),
    ],
)
def test_what_an_attempt_needs_next(replies, turn, expected):
    assert next_step(asked(*replies, turn=turn)) == expected


def test_one_correction_and_no_more():
    assert corrected(asked("answered"), "no block") == Correct("no block")
    assert isinstance(corrected(asked("answered", turn=2), "no block"), GiveUp)
    assert isinstance(corrected(asked("garbage", "garbage", "lost", "answered"), "no block"), GiveUp)


def test_a_correction_goes_on_from_the_reply():
    messages = conversation.correction(asked("answered"), "no block found")
    assert [message.role for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[2].content == "text"
    assert "no block found" in messages[3].content


def test_a_conversation_survives_the_database():
    talk = (Message("system", "ä\n[[x"), Message("user", '"quoted"'))
    assert conversation.messages(conversation.text(talk)) == talk


def test_outcomes_are_plain_words():
    assert {str(reply) for reply in Reply} >= {"answered", "truncated", "timed out", "garbage", "failed", "lost"}

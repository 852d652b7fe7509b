"""What to do next about one attempt that asks a model: pure decisions from its calls and replies.

A reply that cannot be used gets one correction; what timed out or was garbled is asked again, a few times. Whatever may
have been paid for is a new call, so that the budget knows of it. This module must not know who answers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from evolve.questions import Message, Reply
from population.rows import CallRow, ReplyRow

TURNS = 2
"""The question and one correction."""
CALLS = 4
"""Most calls of one attempt, repeats included."""
_AGAIN = frozenset({Reply.TIMED_OUT, Reply.GARBAGE, Reply.LOST})


@dataclass(slots=True)
class Asked:
    """An attempt under way.

    Attributes:
        calls: Its calls, oldest first.
        replies: Their replies, by call.
    """

    calls: list[CallRow] = field(default_factory=list)
    replies: dict[int, ReplyRow] = field(default_factory=dict)

    @property
    def last(self) -> CallRow:
        """The newest call."""
        return self.calls[-1]

    @property
    def reply(self) -> ReplyRow | None:
        """The reply to the newest call, if it has come."""
        return self.replies.get(self.last.id)


@dataclass(frozen=True)
class Wait:
    """The answer has not come."""


@dataclass(frozen=True)
class Use:
    """Make a child of the reply."""

    text: str


@dataclass(frozen=True)
class AskAgain:
    """The same question once more."""


@dataclass(frozen=True)
class Correct:
    """Tell the model why its reply cannot be used."""

    reason: str


@dataclass(frozen=True)
class GiveUp:
    """No child comes of this."""

    reason: str


Next = Wait | Use | AskAgain | Correct | GiveUp


def next_step(asked: Asked) -> Next:
    """What an attempt needs now."""
    reply = asked.reply
    if reply is None:
        return Wait()
    if reply.outcome == Reply.ANSWERED:
        return Use(reply.text)
    if reply.outcome == Reply.TRUNCATED:
        return corrected(asked, f"{reply.reason}: be shorter")
    if reply.outcome in _AGAIN and len(asked.calls) < CALLS:
        return AskAgain()
    return GiveUp(f"{asked.last.model} {reply.outcome}: {reply.reason}")


def corrected(asked: Asked, reason: str) -> Correct | GiveUp:
    """What follows when a reply cannot be used."""
    if asked.last.turn < TURNS and len(asked.calls) < CALLS:
        return Correct(reason)
    return GiveUp(f"the reply cannot be used: {reason}")


def correction(asked: Asked, reason: str) -> tuple[Message, ...]:
    """The conversation that goes on from an unusable reply."""
    reply = asked.reply
    assert reply is not None
    return (
        *messages(asked.last.prompt),
        Message("assistant", reply.text),
        Message("user", f"That reply cannot be used: {reason}\nReply once more, in full and in the form asked for."),
    )


def messages(prompt: str) -> tuple[Message, ...]:
    """A conversation from the text that the database keeps."""
    return tuple(Message(role, content) for role, content in json.loads(prompt))


def text(conversation: tuple[Message, ...]) -> str:
    """The text that the database keeps of a conversation."""
    return json.dumps([[message.role, message.content] for message in conversation], ensure_ascii=False)

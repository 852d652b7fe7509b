"""What is asked of a language model and what comes back. Plain records: must not know who answers, or why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Reply(StrEnum):
    """How a question ended."""

    ANSWERED = "answered"
    TRUNCATED = "truncated"
    """The model ran into its token limit."""
    TIMED_OUT = "timed out"
    GARBAGE = "garbage"
    """Something came that is no answer; it may have been paid for."""
    FAILED = "failed"
    """The provider refused for good, or too often; nothing was paid."""
    LOST = "lost"
    """The process that asked ended before the answer came; it may have been paid for."""


@dataclass(frozen=True)
class Message:
    """One message of a conversation.

    Attributes:
        role: "system", "user" or "assistant".
        content: Its text.
    """

    role: str
    content: str


@dataclass(frozen=True)
class Question:
    """One call of a model.

    Attributes:
        id: Its id in the run.
        model: Name as litellm knows it.
        messages: The conversation so far.
        max_tokens: Most tokens that the answer may have.
    """

    id: int
    model: str
    messages: tuple[Message, ...]
    max_tokens: int


@dataclass(frozen=True)
class Answer:
    """What came of a call.

    Attributes:
        question: Id of the question.
        outcome: How it ended.
        text: The model's words, or "".
        prompt_tokens: As the provider counted; 0 if it did not say.
        completion_tokens: The same.
        usd: What the provider's report or the prices say it cost; None if nobody knows.
        seconds: From sending to the end, retries included.
        tries: Requests sent.
        reason: One sentence if it was not answered.
    """

    question: int
    outcome: Reply
    text: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    usd: float | None = None
    seconds: float = 0.0
    tries: int = 1
    reason: str = ""


@dataclass(frozen=True)
class Price:
    """What a model costs, in US dollars per million tokens.

    Attributes:
        prompt: Of what it reads.
        completion: Of what it writes.
    """

    prompt: float
    completion: float

    def usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Cost of a call."""
        return (self.prompt * prompt_tokens + self.completion * completion_tokens) / 1e6


class Models(Protocol):
    """Whoever answers questions; `evolve.llm.LanguageModels` does, `evolve.recorded.Recorded` repeats what it said."""

    def submit(self, question: Question) -> None:
        """Begin a call."""
        ...

    def take(self) -> list[Answer]:
        """The answers that have come since the last look."""
        ...

    def fileno(self) -> int:
        """Descriptor that becomes readable when `take` may have something to give."""
        ...

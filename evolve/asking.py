"""The engine's conversations with language models: what is written, sent and taken in, one attempt at a time.

What to do next about an attempt is decided in `evolve.conversation`; this module makes rows of it. It must not write to
the database: the engine does, before anything is sent.
"""

from __future__ import annotations

import hashlib
import os

from evolve import conversation, money
from evolve.budget import Budget, Spent
from evolve.config import Config
from evolve.conversation import AskAgain, Asked, Correct, GiveUp, Use
from evolve.decide import Vary
from evolve.prompts.build import build
from evolve.prompts.situation import Situation
from evolve.questions import Answer, Message, Question, Reply
from evolve.secrets import masked
from evolve.state import State
from evolve.variation import Variation, Varied
from population.rows import CallRow, ReplyRow


def first_call(state: State, action: Vary, about: Situation, request: str) -> CallRow:
    """The question of an attempt."""
    prompt = build(about, request)
    return _call(state, action, 1, prompt.messages, prompt.cut)


def next_call(state: State, asked: Asked, step: AskAgain | Correct, spent: Spent, budget: Budget) -> CallRow | GiveUp:
    """The call that goes on with an attempt; none when the budget has no room for it."""
    last = asked.last
    talk = conversation.messages(last.prompt)
    turn = last.turn
    if isinstance(step, Correct):
        talk, turn = conversation.correction(asked, step.reason), last.turn + 1
    if not money.has_room(state.config, last.model, money.most_tokens(talk), spent, budget):
        why = step.reason if isinstance(step, Correct) else "the call came to nothing"
        return GiveUp(f"{why} (and the budget has no room for another call)")
    return _call(state, action_of(last), turn, talk, last.cut)


def action_of(call: CallRow) -> Vary:
    """The decision that a call belongs to."""
    return Vary(call.attempt, call.island, call.operator, call.parents, model=call.model)


def question(call: CallRow) -> Question:
    """What is sent."""
    return Question(call.id, call.model, conversation.messages(call.prompt), call.max_tokens)


def reply_row(answer: Answer) -> ReplyRow:
    """What is written of an answer; keys in it are masked."""
    return ReplyRow(
        answer.question,
        str(answer.outcome),
        masked(answer.text.encode("utf-8", "replace").decode(), os.environ),
        answer.prompt_tokens,
        answer.completion_tokens,
        answer.usd,
        answer.seconds,
        answer.tries,
        masked(answer.reason, os.environ),
    )


def lost_replies(state: State) -> list[ReplyRow]:
    """Replies that never came: an earlier process asked and ended."""
    reason = "the process that asked ended before the answer came"
    return [
        ReplyRow(asked.last.id, str(Reply.LOST), reason=reason) for asked in state.asked.values() if asked.reply is None
    ]


def variation(action: Vary, sources: tuple[str, ...], step: Use) -> Variation:
    """What the operators' process is to make of a reply."""
    return Variation(action.attempt, action.operator, sources, (), step.text)


def after(asked: Asked, varied: Varied) -> Correct | GiveUp:
    """What follows when a reply gave no child."""
    return conversation.corrected(asked, varied.reason)


def _call(state: State, action: Vary, turn: int, messages: tuple[Message, ...], cut: str) -> CallRow:
    config: Config = state.config
    messages = tuple(Message(each.role, masked(each.content, os.environ)) for each in messages)
    prompt = conversation.text(messages)
    tokens = money.most_tokens(messages)
    known = money.price(config, action.model)
    return CallRow(
        state.calls + 1,
        action.attempt,
        turn,
        action.island,
        action.operator,
        action.parents,
        action.model,
        prompt,
        hashlib.sha256(prompt.encode("utf-8", "replace")).hexdigest()[:16],
        state.seq,
        cut,
        config.answer_tokens,
        tokens + config.answer_tokens,
        known.usd(tokens, config.answer_tokens) if known else None,
    )

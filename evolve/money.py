"""What a call of a language model may cost, and whether the budget has room for it. Pure functions of numbers.

A call is reserved at its most before it is sent and settled when its reply is written, so that calls under way never
overrun a budget, and a killed run forgets no call.
"""

from __future__ import annotations

from evolve.budget import Budget, Spent
from evolve.config import Config
from evolve.prompts.build import BOUND
from evolve.questions import Message, Price
from evolve.state import State


def most_tokens(messages: tuple[Message, ...]) -> int:
    """Most tokens of a conversation: no tokenizer in use needs more than one for two ASCII characters of code."""
    text = "".join(each.content for each in messages)
    ascii_bytes = len(text.encode("ascii", "ignore"))
    return ascii_bytes // 2 + len(text.encode("utf-8", "replace")) - ascii_bytes + 16 * len(messages)


def price(config: Config, model: str) -> Price | None:
    """What a model costs, where that is known."""
    found = config.prices.get(model)
    return Price(*found) if found else None


def has_room(config: Config, model: str, tokens: int, spent: Spent, budget: Budget) -> bool:
    """Whether a call that reads so many tokens fits into what is left."""
    total = tokens + config.answer_tokens
    if budget.tokens is not None and spent.tokens + total > budget.tokens:
        return False
    if budget.usd is None:
        return True
    known = price(config, model)
    return known is not None and spent.usd + known.usd(tokens, config.answer_tokens) <= budget.usd


def affordable(config: Config, spent: Spent, budget: Budget) -> dict[str, float]:
    """The models, with their weights, whose longest call still fits into what is left."""
    return {model: weight for model, weight in config.models if has_room(config, model, 2 * BOUND, spent, budget)}


def is_spent(state: State, spent: Spent, budget: Budget) -> bool:
    """Whether a budget for language models ends the run: no call fits any more, and none is under way."""
    limited = budget.tokens is not None or budget.usd is not None
    return limited and not state.asked and not affordable(state.config, spent, budget)

"""Puts a prompt together within a bound, and says what was cut to keep it.

Tokens are counted as a third of the bytes: English and code have fewer, so the bound holds for any tokenizer in use.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evolve.prompts import sections
from evolve.prompts.rules import SYSTEM
from evolve.prompts.situation import Situation
from evolve.questions import Message

BOUND = 16_000
"""Most tokens of a prompt."""
BYTES_PER_TOKEN = 3
LEGEND = (
    "the child's estimate; gain: the parent's loss minus the child's, as estimated; raw: their plain mean difference "
    "on common rng_seeds; training: the same of the training loss on one rng_seed, by quarters of the run; last, in "
    "quotation marks, what its author said"
)
_HISTORY = 0.3
"""Share of the bound that the history of a lineage may take before inspirations have had theirs."""


@dataclass(frozen=True)
class Prompt:
    """A conversation to begin with.

    Attributes:
        messages: The rules, then the question.
        cut: What had to be left out, one line; "" if nothing.
    """

    messages: tuple[Message, ...]
    cut: str


def tokens(text: str) -> int:
    """Upper estimate of a text's tokens."""
    return -(-len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN)


def build(situation: Situation, request: str, bound: int = BOUND) -> Prompt:
    """The prompt for a request about a situation.

    Rules, task, programs and request are always there. What is left of the bound goes to the history of the lineage,
    the leaders, response maps, what is being tried, other lineages' changes and inspirations, in this order; each is
    cut at its end.

    Args:
        situation: What there is to tell.
        request: What to do and the form of the reply.
        bound: Most tokens.
    """
    second = [situation.second.source] if situation.second else []
    word = sections.mark(situation.parent.source, *second, *(each.source for each in situation.inspirations))
    fixed = [
        "\n".join(line for line in sections.task_lines(situation) if line),
        "\n".join(sections.parent_lines(situation, word)),
        "\n".join(sections.second_lines(situation, word)),
    ]
    left = bound - tokens("\n\n".join([SYSTEM, *fixed, request]))
    parts = []
    cuts = []
    for name, title, lines, share in _lists(situation):
        kept = _fitting(lines, int(share * left) - tokens(title))
        left -= tokens("\n".join([title, *kept])) if kept else 0
        parts += ["\n".join([title, *kept])] if kept else []
        if len(kept) < len(lines):
            cuts.append(f"{name}: {len(kept)} of {len(lines)} lines")
    shown, before = 0, [situation.parent]
    for program in situation.inspirations:
        text = "\n".join(sections.inspiration_lines(program, before, word))
        if tokens(text) > left:
            break
        left -= tokens(text)
        parts.append(text)
        if program.source.rstrip() in text:  # what is shown as a diff cannot be the ground of another
            before.append(program)
        shown += 1
    if shown < len(situation.inspirations):
        cuts.append(f"inspirations: {shown} of {len(situation.inspirations)}")
    body = "\n\n".join(part for part in (*fixed, *parts, request) if part)
    return Prompt((Message("system", SYSTEM), Message("user", body)), "; ".join(cuts))


def _lists(situation: Situation) -> Iterator[tuple[str, str, Sequence[str], float]]:
    """What there is to tell in lines: a name for what is cut, a title, the lines, their share of what is left."""
    history = f"What was tried on this lineage, nearest first ({LEGEND}):"
    responses = "How the loss answers to single hyperparameters (> and < point away from the better value):"
    pending = [f"- {sections.spoken(line)}" for line in situation.pending]
    yield "history", history, sections.tried_lines(situation.tried), _HISTORY
    yield "leaders", "The best programs of the run:", sections.leader_lines(situation.leaders), 1.0
    yield "responses", responses, sections.response_lines(situation), 1.0
    yield "pending", "Being tried now, without a result yet:", pending, 1.0
    elsewhere = f"What models proposed on other lineages, newest first ({'as above' if situation.tried else LEGEND}):"
    yield "elsewhere", elsewhere, sections.tried_lines(situation.elsewhere), _HISTORY


def _fitting(lines: Sequence[str], bound: int) -> list[str]:
    kept: list[str] = []
    for line in lines:
        bound -= tokens(line + "\n")
        if bound < 0:
            break
        kept.append(line)
    return kept

"""LLM tune: the model proposes values for named hyperparameters."""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence

from evolve.operators.asked import STATEMENT, described
from evolve.operators.base import Child
from evolve.replies.code import object_in
from evolve.replies.errors import UnusableReplyError
from evolve.replies.statement import statement_in
from population.component import Hyperparameter
from population.components import hyperparameters, with_values
from population.scales import Scale

MOST = 6
"""Hyperparameters that one reply may change: beyond that nobody learns what did it."""


class LlmTune:
    """Has the model choose values."""

    name = "llm_tune"
    parents = 1
    request = f"""\
Choose better values for one to {MOST} of the program's hyperparameters, by the names listed with it.

{STATEMENT}

Then give them as one JSON object in a ```json fence, such as {{"NAME": 0.08, "OTHER_NAME": 0.03}}, and nothing
after it."""

    def child(self, reply: str, sources: Sequence[str]) -> Child:
        """The child; see `evolve.operators.asked.AskingOperator`."""
        known = {each.name: each for each in hyperparameters(sources[0])}
        wanted = object_in(reply)
        if not 1 <= len(wanted) <= MOST:
            raise UnusableReplyError(f"expected 1 to {MOST} hyperparameters; got {len(wanted)}")
        values = {name: _value(known, name, value) for name, value in wanted.items()}
        changed = {name: value for name, value in values.items() if value != known[name].value}
        if not changed:
            raise UnusableReplyError("every value is the one that the program has already")
        told = "; ".join(f"{name} {known[name].value:g} -> {value:g}" for name, value in changed.items())
        return described(with_values(sources[0], changed), sources[0], statement_in(reply), told)


def _value(known: dict[str, Hyperparameter], name: str, value: object) -> float:
    if name not in known:
        near = difflib.get_close_matches(name, known, 3)
        raise UnusableReplyError(f"there is no hyperparameter {name!r}; did you mean {' or '.join(near or known)}?")
    scale = known[name].scale
    if scale is Scale.FLAG:
        if isinstance(value, bool):
            return value
        raise UnusableReplyError(f"{name} is a flag: expected true or false; got {value!r}")
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UnusableReplyError(f"{name}: expected a number; got {value!r}")
    if known[name].integer and value != int(value):
        raise UnusableReplyError(f"{name}: expected a whole number; got {value!r}")
    if scale is Scale.BETA and not 0 <= value < 1:
        raise UnusableReplyError(f"{name} is a decay factor: expected a number in [0, 1); got {value!r}")
    if scale in (Scale.LEARNING_RATE, Scale.WEIGHT_DECAY, Scale.EPS, Scale.COUNT) and value < 0:
        raise UnusableReplyError(f"{name}: expected a number from 0; got {value!r}")
    return int(value) if known[name].integer else float(value)

"""Cuts of hyperparameters: a decay, a momentum or a flag is set to the value at which it does nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from evolve.operators.ablation.cut import Cut
from evolve.operators.ablation.divisors import Divisors
from evolve.operators.pruning.reading import Reading
from evolve.operators.pruning.text import Edit
from population.components import Hyperparameter, Scale
from population.usage import effective

_FIRST_MOMENT = ("beta1", "momentum", "betas[0]", "mu")


def neutral(reading: Reading, divisors: Divisors) -> Iterator[Cut]:
    """Every hyperparameter that has a value at which it does nothing."""
    data = reading.text.source.encode()
    for part in effective(reading.text.source):
        value = _neutral(part, divisors)
        if value is not None and not divisors.needs(_last(part)):
            start, end = (len(data[:offset].decode()) for offset in part.span)
            yield Cut("hyperparameter", part.name, f"`{part.name}`, now {value}", (Edit(start, end, value),))


def _neutral(part: Hyperparameter, divisors: Divisors) -> str | None:
    if part.scale is Scale.WEIGHT_DECAY and part.value > 0:
        return "0.0"
    if part.scale is Scale.FLAG and part.value:
        return "False"
    if part.scale is Scale.BETA and part.value > 0 and (_is_first(part) or not divisors.mention(_last(part))):
        return "0.0"
    return None


def _is_first(part: Hyperparameter) -> bool:
    return part.name.lower().endswith(_FIRST_MOMENT)


def _last(part: Hyperparameter) -> str:
    """The last part of a dotted name."""
    return re.split(r"[.\[#]", part.name)[-1]

"""What kind of number a hyperparameter is, and the axis on which steps of equal size mean equally much.

Kinds are guessed from names and ranges, so a wrong guess must stay harmless: it changes the size of a step,
never what a value means. This module must not know who takes steps or why, nor import torch.
"""

from __future__ import annotations

import math
import re
from enum import StrEnum

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_FRACTION_WORDS = {
    "frac",
    "fraction",
    "warmup",
    "cooldown",
    "warmdown",
    "stable",
    "until",
    "portion",
    "share",
}
_RATE_WORDS = {"lr", "lrs", "eta", "rate"}
_BETA_WORDS = {"beta", "betas", "momentum", "mu", "ema", "decay", "rho", "smoothing", "memory"}
_COUNT_WORDS = {
    "steps",
    "iters",
    "iterations",
    "every",
    "freq",
    "frequency",
    "interval",
    "size",
    "rank",
    "period",
}


class Scale(StrEnum):
    """What kind of number a hyperparameter is."""

    LEARNING_RATE = "learning rate"
    """Positive; logarithmic."""
    WEIGHT_DECAY = "weight decay"
    """Not negative; logarithmic."""
    BETA = "beta"
    """A decay factor or momentum in [0, 1); logarithmic in one minus itself."""
    EPS = "eps"
    """A small positive guard against division by zero; logarithmic."""
    COUNT = "count"
    """A whole number; logarithmic, in steps of at least one."""
    FRACTION = "fraction"
    """A share in [0, 1], most often of `train_steps`; logarithmic in its odds."""
    FACTOR = "factor"
    """Any other number, such as a multiplier or a coefficient; logarithmic in its size, the sign kept."""
    FLAG = "flag"
    """True or False."""


RANGES: dict[Scale, tuple[float, float]] = {
    Scale.LEARNING_RATE: (1e-7, 30.0),
    Scale.WEIGHT_DECAY: (1e-6, 10.0),
    Scale.BETA: (0.0, 0.9999),
    Scale.EPS: (1e-20, 1e-2),
    Scale.COUNT: (1, 10_000),
    Scale.FRACTION: (0.005, 0.995),
    Scale.FACTOR: (1e-6, 1e6),
    Scale.FLAG: (False, True),
}
"""Sane values of each scale (of the size, for factors): a step never leaves them."""


def guess_scale(name: str, value: float) -> Scale:
    """The kind of number that `name` (a keyword or constant, `[0]` behind it for an item) probably is."""
    if isinstance(value, bool):
        return Scale.FLAG
    words = [word.lower() for word in _WORD.findall(re.sub(r"\[\d+\]$", "", name))]
    joined, known, whole = "_".join(words), set(words), isinstance(value, int)
    if "eps" in joined and 0 <= value < 0.1:
        return Scale.EPS
    if known & _COUNT_WORDS and whole and value >= 0:
        return Scale.COUNT
    if known & _FRACTION_WORDS and 0 <= value <= 1:
        return Scale.FRACTION
    if ("wd" in known or "weight_decay" in joined or ("decay" in known and value < 0.5)) and value >= 0:
        return Scale.WEIGHT_DECAY
    if (known & _RATE_WORDS or "step_size" in joined) and value > 0:
        return Scale.LEARNING_RATE
    if known & _BETA_WORDS and 0 <= value < 1:
        return Scale.BETA
    return Scale.COUNT if whole and value >= 0 else Scale.FACTOR


def to_axis(scale: Scale, value: float) -> float:
    """Where a value lies on its scale's axis; values out of range lie at the end they are nearest to."""
    low, high = RANGES[scale]
    size = min(max(abs(value), low), high)
    match scale:
        case Scale.BETA:
            return -math.log(1 - size)
        case Scale.FRACTION:
            return math.log(size / (1 - size))
        case Scale.FLAG:
            return float(size)
        case _:
            return math.log(size)


def from_axis(scale: Scale, place: float, sign: float = 1.0) -> float:
    """The value at a place of the axis, inside the sane range and rounded to three significant digits.

    Betas are rounded to two digits of one minus themselves. `sign` is that of the old value, for factors.
    """
    low, high = RANGES[scale]
    match scale:
        case Scale.FLAG:
            return place >= 0.5
        case Scale.COUNT:
            return min(max(round(math.exp(place)), int(low)), int(high))
        case Scale.BETA:
            return min(max(float(f"{1 - float(f'{math.exp(-place):.2g}'):.9g}"), low), high)
        case Scale.FRACTION:
            value = 1 / (1 + math.exp(-place))
        case _:
            value = math.exp(place)
    value = float(f"{min(max(value, low), high):.3g}")
    return math.copysign(value, sign) if scale is Scale.FACTOR else value

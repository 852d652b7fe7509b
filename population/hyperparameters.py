"""The hyperparameters of a genome: what kind of number each is, where it stands, and how to write another.

Kinds are guessed from names and ranges, so a wrong guess must stay harmless: it changes the size of a step,
never what a value means. This module must not know who proposes new values or why, nor import torch.
"""

from __future__ import annotations

import ast
import math
import re
from enum import StrEnum

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_STRUCTURAL = """
    params dim dims dim0 dim1 axis ndim size shape device dtype keepdim keepdims step start end diagonal
    offset requires_grad foreach fused capturable differentiable set_to_none non_blocking generator maximize
    ord train_steps recurse inplace out reverse strict default t
"""
"""Keywords whose numbers say what is computed, not how strongly: another number breaks the code."""

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
_BETA_WORDS = {
    "beta",
    "betas",
    "beta1",
    "beta2",
    "beta3",
    "momentum",
    "mu",
    "ema",
    "decay",
    "rho",
    "smoothing",
}
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
    """What kind of number a hyperparameter is, hence on which axis steps of equal size mean equally much."""

    LEARNING_RATE = "learning rate"
    """Positive; logarithmic."""
    WEIGHT_DECAY = "weight decay"
    """Not negative; logarithmic, zero apart."""
    BETA = "beta"
    """A decay factor or momentum in [0, 1); logarithmic in one minus itself."""
    EPS = "eps"
    """A small positive guard against division by zero; logarithmic."""
    COUNT = "count"
    """A whole number."""
    FRACTION = "fraction"
    """A share in [0, 1], most often of `train_steps`; linear."""
    FACTOR = "factor"
    """Any other number, such as a multiplier or a coefficient; logarithmic in its size, the sign kept."""
    FLAG = "flag"
    """True or False."""


def guess_scale(name: str, value: float) -> Scale:
    """The kind of number that `name` (a keyword or constant, `[0]` behind it for an item) probably is."""
    if isinstance(value, bool):
        return Scale.FLAG
    base = re.sub(r"\[\d+\]$", "", name)
    words = [word.lower() for word in _WORD.findall(base)]
    joined, known = "_".join(words), set(words) | {re.sub(r"\d+$", "", base.lower())}
    whole = isinstance(value, int)
    if "eps" in joined and 0 <= value < 0.1:
        return Scale.EPS
    if known & _COUNT_WORDS and whole:
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


def is_structural(keyword: str) -> bool:
    """Whether a number under this keyword or dict key says what is computed and so is no hyperparameter."""
    return keyword in _STRUCTURAL.split()


def literal_value(node: ast.expr) -> float | None:
    """The number or flag that an expression of literals alone stands for (`-1`, `1 / 320`), or None."""
    match node:
        case ast.Constant(value=bool() | int() | float() as value):
            return value if abs(value) <= 1e300 else None
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            negated = literal_value(operand)
            return None if negated is None or isinstance(negated, bool) else -negated
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div() as op, right=right):
            a, b = literal_value(left), literal_value(right)
            if a is None or b is None or isinstance(a, bool) or isinstance(b, bool):
                return None
            if isinstance(op, ast.Div):
                return a / b if b else None
            return a * b
        case _:
            return None


def spelled(value: float) -> str:
    """A number as Python source, as short as it can be without changing it beyond the 12th digit.

    >>> [spelled(x) for x in (0.1 + 0.2, 1e-08, 0.00015, 1.0, 3, True)]
    ['0.3', '1e-8', '0.00015', '1.0', '3', 'True']

    Raises:
        ValueError: It is not a finite number.
    """
    if isinstance(value, int):
        return repr(value)
    if not math.isfinite(value):
        raise ValueError(f"a hyperparameter must be a finite number, got {value}")
    text = repr(float(f"{value:.12g}"))
    if "e" not in text and 0 < abs(value) < 1e-3 and len(text.lstrip("-0.")) < 2:
        text = f"{float(text):e}"
    if "e" in text:
        digits, exponent = text.split("e")
        digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
        text = f"{digits}e{int(exponent)}"
    return text

"""Barnacles that only a test can find: each does something, and nothing that matters. Planted by program.

A barnacle is told by its mark, a piece of text that no seed program has.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_STEP_LOOP = re.compile(r"^( +)for group in self\.param_groups:\n", re.MULTILINE)
_RETURN = re.compile(r"^    return dict\(optimizers=", re.MULTILINE)


def _in_loop(source: str, lines: str) -> str:
    return _STEP_LOOP.sub(lambda m: m[0] + lines, source, count=1)


def wide_clamp(source: str) -> str:
    """Gradients clamped far beyond any of them."""
    return _in_loop(
        source, '            for seen in group["params"]:\n                seen.grad.clamp_(-54321.0, 54321.0)\n'
    )


def faint_decay(source: str) -> str:
    """A weight decay of its own, a millionth of what decays otherwise."""
    return _in_loop(source, '            for faint in group["params"]:\n                faint.mul_(1 - 3.21e-9)\n')


def loose_bound(source: str) -> str:
    """A bound of the schedule that it never reaches."""
    return source.replace("return min(1.0, ", "return min(1.0, 43.21, ", 1)


def far_event(source: str) -> str:
    """Something that happens at a step that these runs do not have."""
    text = "        if step > 654321:\n            model.proj.weight.data.mul_(0.5)\n"
    return source.replace("    def set_hparams(step):\n", "    def set_hparams(step):\n" + text, 1)


def faint_factor(source: str) -> str:
    """Learning rates that wobble by a ten-millionth."""
    return source.replace("peak_lr * schedule(", "peak_lr * (1 - 1.23e-7 * (step % 2)) * schedule(", 1)


def faint_hook(source: str) -> str:
    """A hook that repairs numbers which are never broken."""
    loop = "        for mended in model.parameters():\n            mended.grad.nan_to_num_()\n\n"
    text = f"    def after_backward(step):\n{loop}"
    place = _RETURN.search(source)
    if place is None or "after_backward" in source:
        return source
    grown = source[: place.start()] + text + source[place.start() :]
    return grown.replace("    return dict(optimizers=", "    return dict(after_backward=after_backward, optimizers=", 1)


TESTED: dict[str, tuple[Callable[[str], str], str]] = {
    "clamp that never bites": (wide_clamp, "54321.0"),
    "tiny term (decay)": (faint_decay, "3.21e-9"),
    "bound that is never reached": (loose_bound, "43.21"),
    "event far beyond the run": (far_event, "654321"),
    "factor that hardly moves": (faint_factor, "1.23e-7"),
    "hook that repairs nothing": (faint_hook, "nan_to_num_"),
}
"""Kind to (how it is planted, its mark)."""


def planted(source: str) -> tuple[str, list[str]]:
    """A genome with one barnacle of each kind that finds a place on it, and those kinds."""
    kinds = []
    for kind, (plant, mark) in TESTED.items():
        grown = plant(source)
        if grown != source and mark in grown:
            source = grown
            kinds.append(kind)
    return source, kinds

"""Logs of the benchmark's form, made up."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

SOURCE = """import os
import torch
from torch import nn
# step:100/400 val_loss:1.0 is what a comment may say
def validate(step, train_steps, val_loss):
    '''
step:7/400 val_loss:0.5 train_time:0s
    '''
    print(f"step:{step}/{train_steps} val_loss:{val_loss:.5f}")
"""
RULE = "=" * 100
STEPS = tuple(range(0, 401, 40))


def curve(end: float, rng: random.Random | None = None, steps: Sequence[int] = STEPS) -> dict[int, float]:
    """A falling curve that ends near `end`; its own noise at every step if there is an rng."""
    noise = (lambda: rng.gauss(0, 0.001)) if rng else (lambda: 0.0)
    last = max(steps)
    return {step: round(end + 7.5 * (1 - step / last) ** 2 + (noise() if step else 0.0), 5) for step in steps}


def lines(losses: Mapping[int, float], length: int = 400, console: bool = False) -> list[str]:
    """The step lines of one trial; those of a console also tell of steps without a validation."""
    said = []
    for step, loss in losses.items():
        if console and step:
            said.append(f"step:{step}/{length} train_time:{step}.000s step_avg:1.00ms")
        said.append(f"step:{step}/{length} val_loss:{loss:.5f} train_time:{step}.000s step_avg:1.00ms")
    return said


def log(*trials: Mapping[int, float], length: int = 400, source: str = SOURCE) -> str:
    """A whole log."""
    said = [line for trial in trials for line in lines(trial, length)]
    return "\n".join([source, RULE, "Running PyTorch", RULE, *said]) + "\n"

"""The trainer's side of `charlm`: tokens in a fixed order, losses, scores. Never in a candidate process."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evaluator.tasks.gpt import GPT
from evaluator.tasks.gpt_forward import Forward

if TYPE_CHECKING:
    from evaluator.tasks.charlm import CharLM

_TOKEN_ORDER = 20240520
"""Seed of the token order: the same for every program and every rng_seed, so that trials pair."""
_HELD_OUT_BATCH = 32


class CharLMTraining:
    """Batches, losses and held-out scores of a `CharLM` task.

    The text is cut into sequences of `context` bytes that do not overlap; each pass over it takes them in a
    new random order, drawn by a generator that nothing else uses.

    Args:
        task: The task; its text is read here.
    """

    def __init__(self, task: CharLM) -> None:
        self._task = task
        self.guess = math.log(task.shape().vocab)
        text = task.load()
        self._train = torch.from_numpy(text.train.copy())
        self._starts = np.arange((len(text.train) - 1) // task.context) * task.context
        self._order: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._pass = -1
        self._held_out = {
            "validation": _evenly(text.validation, task.context, task.held_out_sequences),
            "test": _evenly(text.test, task.context, task.held_out_sequences),
        }
        self._forward = Forward(task.shape(), task.context)

    def backward(self, model: nn.Module, step: int) -> Tensor:
        """Add the gradient of the summed loss of the batch of `step`; returns the loss."""
        loss = self.loss(model, step)
        loss.backward()
        return loss.detach()

    def rehearse(self, model: nn.Module) -> None:
        """There is nothing to prepare."""

    def loss(self, model: nn.Module, step: int) -> Tensor:
        """Loss of the batch of `step`, summed over its tokens."""
        tokens, targets = self.batch(step)
        return self._forward(cast(GPT, model), tokens, targets)

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Tokens and targets of one step, each int64 of shape (batch, context)."""
        first = step * self._task.batch
        starts = [self._start(index) for index in range(first, first + self._task.batch)]
        windows = torch.stack([self._train[start : start + self._task.context + 1] for start in starts]).long()
        return windows[:, :-1], windows[:, 1:]

    def held_out(self, model: nn.Module, split: str) -> float:
        """Mean loss in nats per byte on "validation" or "test"."""
        windows = self._held_out[split]
        with torch.no_grad():
            parts = windows.split(_HELD_OUT_BATCH)
            losses = [self._forward(cast(GPT, model), part[:, :-1], part[:, 1:]) for part in parts]
        total: float = torch.stack(losses).double().sum().item()
        tokens: int = windows[:, 1:].numel()
        return total / tokens

    def _start(self, index: int) -> int:
        turn, place = divmod(index, len(self._starts))
        if turn != self._pass:
            self._pass = turn
            self._order = np.random.default_rng([_TOKEN_ORDER, turn]).permutation(self._starts)
        return int(self._order[place])


def _evenly(text: NDArray[np.uint8], context: int, count: int) -> Tensor:
    """Evenly spaced pieces of `text`: int64 of shape (count, context + 1)."""
    starts = np.linspace(0, len(text) - context - 1, count).astype(np.int64)
    return torch.from_numpy(np.stack([text[start : start + context + 1] for start in starts]).astype(np.int64))

"""A tiny GPT with the benchmark's parameter names and a plain in-process loop to train it with a recipe."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

SEED_PROGRAMS = sorted(path.stem for path in Path(__file__).parents[2].glob("seed_programs/[a-z]*.py"))
VOCABULARY, WIDTH, HEADS, CONTEXT, BATCH = 16, 16, 2, 16, 16
ENTROPY = math.log(3)
"""Of the next token of `batch`, in nats: the least possible loss."""


class RMSNorm(nn.Module):
    """Root-mean-square normalization with gains."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gains = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, (x.size(-1),)) * self.gains


class Attention(nn.Module):
    """Causal self-attention with normalized queries and keys."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.proj = (nn.Linear(WIDTH, WIDTH) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        q, k, v = (f(x).view(b, t, HEADS, d // HEADS).transpose(1, 2) for f in (self.q, self.k, self.v))
        q, k = F.rms_norm(q, (q.size(-1),)), F.rms_norm(k, (k.size(-1),))
        return self.proj(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, d))


class MLP(nn.Module):
    """Two layers with a squared ReLU between them."""

    def __init__(self) -> None:
        super().__init__()
        self.fc, self.proj = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj(F.relu(self.fc(x)).square())


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self) -> None:
        super().__init__()
        self.attn, self.mlp, self.norm1, self.norm2 = Attention(), MLP(), RMSNorm(WIDTH), RMSNorm(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class TinyGPT(nn.Module):
    """The benchmark's parameter names at a size that trains in a second."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.proj = nn.Embedding(VOCABULARY, WIDTH), nn.Linear(WIDTH, VOCABULARY)
        self.blocks = nn.ModuleList(Block() for _ in range(2))
        self.norm1, self.norm2 = RMSNorm(WIDTH), RMSNorm(WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.norm1(self.embed(tokens))
        for block in self.blocks:
            x = block(x)
        return self.proj(self.norm2(x))


@dataclass(frozen=True)
class Info:
    """What a recipe may know beyond `train_steps`."""

    tokens_per_step: int
    stop_step: int


@dataclass
class Run:
    """What came of a training run.

    Attributes:
        model: The trained model.
        hooks: The dict that the recipe returned.
        first: Held-out loss before the first step, in nats per token.
        last: Held-out loss after the last step, under the evaluation weights.
    """

    model: TinyGPT
    hooks: dict[str, Any]
    first: float
    last: float


def batch(generator: torch.Generator) -> Tensor:
    """Sequences x' = 5 x + noise (mod 16), noise in {0, 1, 2}."""
    noise = torch.randint(3, (BATCH, CONTEXT + 1), generator=generator)
    tokens = torch.randint(VOCABULARY, (BATCH, CONTEXT + 1), generator=generator)
    for t in range(CONTEXT):
        tokens[:, t + 1] = (5 * tokens[:, t] + noise[:, t]) % VOCABULARY
    return tokens


def loss_of(model: TinyGPT, tokens: Tensor, reduction: str) -> Tensor:
    """Cross entropy of the next token."""
    return F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten(), reduction=reduction)


def prepare(program: str, train_steps: int, rng_seed: int = 0, copies: int = 1) -> tuple[TinyGPT, dict[str, Any]]:
    """A fresh model and what the seed program's recipe made of it."""
    recipe = importlib.import_module(f"seed_programs.{program}").recipe
    torch.manual_seed(rng_seed)
    model = TinyGPT()
    extra = {}
    if "info" in inspect.signature(recipe).parameters:
        extra["info"] = Info(tokens_per_step=copies * BATCH * CONTEXT, stop_step=train_steps)
    return model, recipe(model, train_steps, **extra)


def nothing(step: int) -> None:
    """A hook that does nothing."""


def no_context(step: int) -> contextlib.AbstractContextManager[None]:
    """Evaluation weights for recipes that have none of their own."""
    return contextlib.nullcontext()


def train(program: str, train_steps: int, rng_seed: int = 0, copies: int = 1) -> Run:
    """Train by the contract's loop: gradients are sums over tokens, each batch taken `copies` times."""
    model, hooks = prepare(program, train_steps, rng_seed, copies)
    held_out = batch(torch.Generator().manual_seed(99))
    data = torch.Generator().manual_seed(1)

    @torch.no_grad()
    def validate(step: int) -> float:
        with hooks.get("eval_weights", no_context)(step):
            return loss_of(model, held_out, "mean").item()

    first = validate(0)
    for step in range(train_steps):
        hooks.get("before_forward", nothing)(step)
        (copies * loss_of(model, batch(data), "sum")).backward()
        hooks.get("after_backward", nothing)(step)
        hooks["set_hparams"](step)
        for optimizer in hooks["optimizers"]:
            optimizer.step()
        hooks.get("after_step", nothing)(step)
        model.zero_grad(set_to_none=True)
    return Run(model, hooks, first, validate(train_steps))


@pytest.fixture(autouse=True)
def single_thread() -> None:
    """Sums in one order, as in a trial."""
    torch.set_num_threads(1)

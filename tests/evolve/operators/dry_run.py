"""Runs a genome in this process for a few steps on a skeleton of the model, with made-up gradients, and digests it.

Enough to see whether two genomes do the same, bit for bit; says nothing about whether either learns.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

WIDTH, VOCABULARY = 8, 12


@dataclass(frozen=True)
class Info:
    """What a recipe may know beyond `train_steps`."""

    tokens_per_step: int = 64
    stop_step: int = 5


class Norm(nn.Module):
    """Gains of a normalization."""

    def __init__(self) -> None:
        super().__init__()
        self.gains = nn.Parameter(torch.ones(WIDTH))


class Part(nn.Module):
    """Linear maps by name."""

    def __init__(self, **sizes: tuple[int, int]) -> None:
        super().__init__()
        for name, (inside, outside) in sizes.items():
            setattr(self, name, nn.Linear(inside, outside))


class Skeleton(nn.Module):
    """The benchmark's parameter names, one block, no forward pass."""

    def __init__(self) -> None:
        super().__init__()
        square = (WIDTH, WIDTH)
        block = nn.Module()
        block.attn = Part(q=square, k=square, v=square, proj=square)
        block.mlp = Part(fc=(WIDTH, 2 * WIDTH), proj=(2 * WIDTH, WIDTH))
        block.norm1, block.norm2 = Norm(), Norm()
        self.embed = nn.Embedding(VOCABULARY, WIDTH)
        self.blocks = nn.ModuleList([block])
        self.norm1, self.norm2 = Norm(), Norm()
        self.proj = nn.Linear(WIDTH, VOCABULARY)


def nothing(step: int) -> None:
    """A hook that does nothing."""


def no_context(step: int) -> contextlib.AbstractContextManager[None]:
    """Evaluation weights for recipes that have none of their own."""
    return contextlib.nullcontext()


def trajectory(source: str, steps: int = 5, rng_seed: int = 0) -> str:
    """Digest of all parameters after every step, under the evaluation weights too, and of the random stream."""
    torch.set_num_threads(1)
    namespace: dict[str, Any] = {"__name__": "genome"}
    exec(compile(source, "<genome>", "exec"), namespace)
    recipe = namespace["recipe"]
    torch.manual_seed(rng_seed)
    model = Skeleton()
    extra = {"info": Info()} if "info" in inspect.signature(recipe).parameters else {}
    hooks = recipe(model, steps, **extra)
    owned = [id(p) for o in hooks["optimizers"] for g in o.param_groups for p in g["params"]]
    if sorted(owned) != sorted(id(p) for p in model.parameters()):
        raise ValueError("the optimizers must hold every parameter exactly once")
    seen = hashlib.sha256()
    noise = torch.Generator().manual_seed(rng_seed + 1)
    targets = [torch.randn(p.shape, generator=noise) for p in model.parameters()]
    for step in range(steps):
        hooks.get("before_forward", nothing)(step)
        for p, target in zip(model.parameters(), targets, strict=True):
            p.grad = _gradient(p.detach(), target, noise)
        hooks.get("after_backward", nothing)(step)
        hooks["set_hparams"](step)
        for optimizer in hooks["optimizers"]:
            optimizer.step()
        hooks.get("after_step", nothing)(step)
        for p in model.parameters():
            p.grad = None
            seen.update(p.detach().numpy().tobytes())
    with hooks.get("eval_weights", no_context)(steps):
        for p in model.parameters():
            seen.update(p.detach().numpy().tobytes())
    seen.update(torch.get_rng_state().numpy().tobytes())
    return seen.hexdigest()


def _gradient(p: Tensor, target: Tensor, noise: torch.Generator) -> Tensor:
    """That of a quadratic around `target`, with noise; the first row gets none, like a token that is not there."""
    gradient = 0.1 * (p - target) + 0.1 * torch.randn(p.shape, generator=noise)
    if gradient.ndim == 2:
        gradient[0] = 0
    return gradient

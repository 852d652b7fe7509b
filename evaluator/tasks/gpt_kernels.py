"""Pieces of the GPT's forward pass with backward passes written by hand. For the trainer alone.

Plain autograd composes each from five to fifteen passes over memory, which at these sizes cost more than the
matrix products between them. Each function equals its plain composition (the tests hold them against it in
float64) and takes about half the time.
"""

# mypy: allow-subclassing-any, allow-untyped-decorators, no-warn-return-any
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

EPS = 1e-6
"""Added to the mean square of every norm."""
SOFTCAP = 15.0
"""Bound of the logits."""


def rms_norm(x: Tensor, gains: Tensor) -> Tensor:
    """Root-mean-square norm over the last dimension, times gains (Zhang 2019 <https://arxiv.org/abs/1910.07467>).

    Args:
        x: Shape (..., width).
        gains: Shape (width,).
    """
    return _RMSNorm.apply(x, gains)


def norm_and_rotate(x: Tensor, turns: Tensor) -> Tensor:
    """Normalize queries or keys head by head, without gains, then rotate neighbouring dimensions as pairs.

    Args:
        x: Shape (batch, time, heads, head), contiguous.
        turns: Complex numbers of modulus 1, shape (time, heads, head / 2); 1 leaves a pair alone.
    """
    return _NormRotate.apply(x, turns)


def squared_relu(x: Tensor) -> Tensor:
    """`relu(x) ** 2`."""
    return _SquaredReLU.apply(x)


def capped_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy, summed, of logits soft-capped as 15 tanh(logits / 15).

    The cap bounds the exponentials, so none has to be shifted.

    Args:
        logits: Shape (n, vocab); overwritten.
        targets: Shape (n,), integers.
    """
    return _CappedCrossEntropy.apply(logits, targets)


def _inverse_rms(x: Tensor) -> Tensor:
    norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return norm.square_().div_(x.size(-1)).add_(EPS).rsqrt_()


def _through_norm(gradient: Tensor, normed: Tensor, inverse: Tensor, mean: Tensor) -> Tensor:
    """Gradient at the input of a norm, in place: inverse * (gradient - normed * mean(gradient * normed))."""
    return gradient.addcmul_(normed, mean, value=-1).mul_(inverse)


class _RMSNorm(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gains: Tensor) -> Tensor:
        inverse = _inverse_rms(x)
        normed = x * inverse
        ctx.save_for_backward(normed, inverse, gains)
        return normed * gains

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        normed, inverse, gains = ctx.saved_tensors
        product = gradient * normed
        mean = (product @ gains).unsqueeze(-1).div_(normed.size(-1))
        return _through_norm(gradient * gains, normed, inverse, mean), product.flatten(0, -2).sum(0)


class _NormRotate(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, turns: Tensor) -> Tensor:
        inverse = _inverse_rms(x)
        normed = x * inverse
        ctx.save_for_backward(normed, inverse, turns)
        return _turn(normed, turns)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        normed, inverse, turns = ctx.saved_tensors
        back = _turn(gradient.contiguous(), turns.conj())
        mean = (back * normed).mean(-1, keepdim=True)
        return _through_norm(back, normed, inverse, mean), None


def _turn(x: Tensor, turns: Tensor) -> Tensor:
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turns).flatten(-2)


class _SquaredReLU(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        positive = x.clamp_min(0)
        ctx.save_for_backward(positive)
        return positive.square()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (positive,) = ctx.saved_tensors
        return (gradient * positive).mul_(2)


class _CappedCrossEntropy(Function):
    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> Tensor:
        capped = logits.mul_(1 / SOFTCAP).tanh_()
        exponentials = (capped * SOFTCAP).exp_()
        total = exponentials.sum(1, keepdim=True)
        chosen = capped.gather(1, targets.unsqueeze(1)).mul_(SOFTCAP)
        ctx.save_for_backward(capped, exponentials, total, targets)
        return (total.log() - chosen).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        capped, exponentials, total, targets = ctx.saved_tensors
        share = exponentials * (gradient / total)
        share.scatter_add_(1, targets.unsqueeze(1), -gradient.expand(targets.size(0), 1))
        return share.addcmul_(share * capped, capped, value=-1), None

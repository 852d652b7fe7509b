"""Output projection, capped logits and their cross-entropy in one, for a card: the head of `nanogpt`.

Logits capped to c lie in (-15, 15), so exponentials need no maximum taken off them, and the softmax is known but for a
factor of each token before its sum is. So one pass over the logits z makes exp(c) dc/dz and the sums together, and the
factor of each token is put on what both matrix products of the backward pass read or write: fewer passes over
memory than the plain formula of `evaluator.tasks.nanogpt_forward`, whose values these are but for rounding. For the
trainer alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from evaluator.tasks.nanogpt_forward import SOFTCAP

_ALIGNED = 8
"""Columns beside the inputs for the gradient of the bias: matrix products want whole pieces of 16 bytes."""

Pieces = Callable[[Tensor, Tensor, bool], tuple[Tensor, Tensor, Tensor]]


def exponentials(logits: Tensor, targets: Tensor, keep: bool) -> tuple[Tensor, Tensor, Tensor]:
    """One pass over logits z, capped to c; meant to be compiled.

    Args:
        logits: Of shape (tokens, vocabulary).
        targets: int64 of shape (tokens,).
        keep: Whether a backward pass will follow.

    Returns:
        exp(c) dc/dz like the logits, empty if it is not to be kept; sums of exp(c) over the vocabulary and c of the
        targets, each float32 of shape (tokens,).
    """
    wide = logits.float()
    root = SOFTCAP * (wide.square() + SOFTCAP**2).rsqrt()
    exponential = (wide * root).exp()
    kept = (exponential * root * root * root).type_as(logits) if keep else logits[:0]
    chosen = wide.gather(1, targets.unsqueeze(1)).squeeze(1)
    return kept, exponential.sum(1), SOFTCAP * chosen * (chosen.square() + SOFTCAP**2).rsqrt()


def summed_cross_entropy(
    x: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, pieces: Pieces = exponentials
) -> Tensor:
    """Cross-entropy in nats of capped logits, summed over tokens; a scalar, float32.

    Args:
        x: Of shape (tokens, width).
        weight: Of shape (vocabulary, width), in the dtype of x.
        bias: Of shape (vocabulary,), in the dtype of x.
        targets: int64 of shape (tokens,).
        pieces: `exponentials`, or what was compiled of it.
    """
    loss: Tensor = _Head.apply(x, weight, bias, targets, pieces)
    return loss


class _Head(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, targets: Tensor, pieces: Pieces) -> Tensor:
        keep = any(ctx.needs_input_grad)
        kept, sums, chosen = pieces(F.linear(x, weight, bias), targets, keep)
        if keep:
            ctx.save_for_backward(x, weight, targets, kept, sums, chosen)
        return (sums.log() - chosen).sum()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        # The gradient by a token's logits is (kept - sum dc/dz at its target) / sum; the division comes last. At the
        # target it is made anew: the difference would lose its digits once a token is foreseen.
        x, weight, targets, kept, sums, chosen = ctx.saved_tensors
        slope = (1 - (chosen / SOFTCAP).square()).clamp_min(0) ** 1.5
        rest = ((chosen.exp() - sums) * slope).unsqueeze(1)
        kept = kept.scatter_(1, targets.unsqueeze(1), rest.type_as(kept))
        factor = (grad / sums).unsqueeze(1)
        by_x = ((kept @ weight) * factor).type_as(x)
        scaled = torch.cat(((x * factor).type_as(x), factor.type_as(x).expand(-1, _ALIGNED)), 1)
        by_weight, by_bias = (kept.t() @ scaled).tensor_split((x.size(1),), dim=1)
        return by_x, by_weight, by_bias[:, 0], None, None

"""The forward pass over a `GPT` skeleton. For the trainer alone: candidates never import this."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from evaluator.tasks.gpt import GPT, Attention, Block, GPTShape, RMSNorm

_SOFTCAP = 15.0
_EPS = 1e-6


class Forward:
    """Computes losses of a skeleton's current parameters, in the parameters' own dtype.

    Pre-norm blocks, rotary embeddings (Su 2021 <https://arxiv.org/abs/2104.09864>) on half of the head dimensions,
    query-key norm (Henry 2020 <https://arxiv.org/abs/2010.04245>), squared ReLU (So 2021
    <https://arxiv.org/abs/2109.08668>), logits soft-capped at 15 (Gemma Team 2024 <https://arxiv.org/abs/2408.00118>).

    The benchmark scales attention by 0.12 at head dimension 128. With normalized queries and keys the scores have a
    standard deviation of scale * sqrt(head dimension) at initialization, so smaller heads take
    0.12 * sqrt(128 / head dimension) to start from the same distribution.

    Args:
        shape: Sizes of the skeletons it will be called with.
        context: Tokens in a sequence.
    """

    def __init__(self, shape: GPTShape, context: int) -> None:
        self._heads = shape.heads
        head = shape.width // shape.heads
        self._scale = 0.12 * math.sqrt(128 / head)
        rotated = head // 2
        frequencies = 1024.0 ** -torch.linspace(0, 1, rotated // 2)
        angles = torch.outer(torch.arange(context).float(), frequencies)
        self._cos, self._sin = angles.cos(), angles.sin()
        self._rotated = rotated

    def __call__(self, model: GPT, tokens: Tensor, targets: Tensor) -> Tensor:
        """Summed cross-entropy in nats.

        Args:
            model: The skeleton.
            tokens: (batch, context) integers.
            targets: (batch, context) integers, the tokens that follow.

        Returns:
            A scalar.
        """
        x = _norm(model.norm1, F.embedding(tokens, model.embed.weight))
        for block in model.blocks:
            assert isinstance(block, Block)
            x = x + self._attention(block.attn, _norm(block.norm1, x))
            hidden = F.linear(_norm(block.norm2, x), block.mlp.fc.weight, block.mlp.fc.bias)
            x = x + F.linear(F.relu(hidden).square(), block.mlp.proj.weight, block.mlp.proj.bias)
        logits = F.linear(_norm(model.norm2, x), model.proj.weight, model.proj.bias)
        capped = _SOFTCAP * torch.tanh(logits / _SOFTCAP)
        return F.cross_entropy(capped.flatten(0, 1), targets.flatten(), reduction="sum")

    def _attention(self, attn: Attention, x: Tensor) -> Tensor:
        batch, time, width = x.shape

        def split(layer: torch.nn.Linear) -> Tensor:
            return F.linear(x, layer.weight, layer.bias).view(batch, time, self._heads, -1).transpose(1, 2)

        q, k, v = split(attn.q), split(attn.k), split(attn.v)
        q = self._rotate(F.rms_norm(q, (q.size(-1),), eps=_EPS))
        k = self._rotate(F.rms_norm(k, (k.size(-1),), eps=_EPS))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=self._scale)
        return F.linear(y.transpose(1, 2).reshape(batch, time, width), attn.proj.weight, attn.proj.bias)

    def _rotate(self, x: Tensor) -> Tensor:
        """Rotate the first half of the head dimensions, leave the rest."""
        half = self._rotated // 2
        a, b, rest = x.split([half, half, x.size(-1) - self._rotated], dim=-1)
        time = x.size(-2)
        cos, sin = self._cos[:time], self._sin[:time]
        return torch.cat([a * cos - b * sin, a * sin + b * cos, rest], dim=-1)


def _norm(norm: RMSNorm, x: Tensor) -> Tensor:
    return F.rms_norm(x, (x.size(-1),), norm.gains, _EPS)

"""The forward pass over a `GPT` skeleton. For the trainer alone: candidates never import this."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from evaluator.tasks.gpt import GPT, Attention, Block, GPTShape
from evaluator.tasks.gpt_kernels import capped_cross_entropy, norm_and_rotate, rms_norm, squared_relu


class Forward:
    """Computes losses of a skeleton's current parameters, in the parameters' own dtype.

    Pre-norm blocks, rotary embeddings (Su 2021 <https://arxiv.org/abs/2104.09864>) on half of the head
    dimensions, query-key norm (Henry 2020 <https://arxiv.org/abs/2010.04245>), squared ReLU (So 2021
    <https://arxiv.org/abs/2109.08668>), logits soft-capped at 15 (Gemma Team 2024
    <https://arxiv.org/abs/2408.00118>).

    The benchmark scales attention by 0.12 at head dimension 128. With normalized queries and keys the scores
    have a standard deviation of scale * sqrt(head dimension) at initialization, so smaller heads take
    0.12 * sqrt(128 / head dimension) to start from the same distribution.

    Args:
        shape: Sizes of the skeletons it will be called with.
        context: Tokens in a sequence.
    """

    def __init__(self, shape: GPTShape, context: int) -> None:
        self._heads = shape.heads
        head = shape.width // shape.heads
        self._scale = 0.12 * math.sqrt(128 / head)
        # Half of the pairs turn, by frequencies from 1 down to 1/1024; the others keep still.
        turning = 1024.0 ** -torch.linspace(0, 1, head // 4)
        angles = torch.outer(torch.arange(context).float(), F.pad(turning, (0, head // 2 - head // 4)))
        turns = torch.polar(torch.ones_like(angles), angles)
        self._turns = turns.unsqueeze(1).repeat(1, shape.heads, 1)

    def __call__(self, model: GPT, tokens: Tensor, targets: Tensor) -> Tensor:
        """Summed cross-entropy in nats.

        Args:
            model: The skeleton.
            tokens: (batch, context) integers.
            targets: (batch, context) integers, the tokens that follow.

        Returns:
            A scalar.
        """
        x = rms_norm(F.embedding(tokens, model.embed.weight), model.norm1.gains)
        for block in model.blocks:
            assert isinstance(block, Block)
            x = x + self._attention(block.attn, rms_norm(x, block.norm1.gains))
            hidden = squared_relu(_linear(block.mlp.fc, rms_norm(x, block.norm2.gains)))
            x = x + _linear(block.mlp.proj, hidden)
        logits = _linear(model.proj, rms_norm(x, model.norm2.gains).flatten(0, 1))
        return capped_cross_entropy(logits, targets.flatten())

    def _attention(self, attn: Attention, x: Tensor) -> Tensor:
        batch, time, width = x.shape

        def heads(layer: nn.Linear) -> Tensor:
            return _linear(layer, x).view(batch, time, self._heads, -1)

        q = norm_and_rotate(heads(attn.q), self._turns).transpose(1, 2)
        k = norm_and_rotate(heads(attn.k), self._turns).transpose(1, 2)
        v = heads(attn.v).transpose(1, 2)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=self._scale)
        return _linear(attn.proj, y.transpose(1, 2).reshape(batch, time, width))


def _linear(layer: nn.Linear, x: Tensor) -> Tensor:
    return F.linear(x, layer.weight, layer.bias)

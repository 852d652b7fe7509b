"""The benchmark's forward pass over a `GPT` skeleton, in plain torch. For the trainer alone.

Activations have the dtype of `embed.weight`, and other parameters are cast to it where they are used: float32 masters
under bfloat16 arithmetic. Root-mean-square norms take torch's own epsilon for their dtype, as the benchmark does.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from evaluator.tasks.gpt import GPT, Attention, Block

SOFTCAP = 15.0
ATTENTION_SCALE = 0.12


def turns(context: int, head: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary embedding, each float32 of shape (context, 1, head / 2)."""
    frequencies = (1 / 1024) ** torch.linspace(0, 1, head // 4, device=device)
    angles = torch.outer(torch.arange(context, dtype=torch.float32, device=device), F.pad(frequencies, (0, head // 4)))
    return angles.cos().unsqueeze(1), angles.sin().unsqueeze(1)


def summed_loss(model: GPT, tokens: Tensor, targets: Tensor, heads: int, cosines: Tensor, sines: Tensor) -> Tensor:
    """Cross-entropy in nats, summed over tokens.

    Args:
        model: The skeleton.
        tokens: Integers of shape (batch, context).
        targets: int64 of shape (batch, context), the tokens that follow.
        heads: Attention heads.
        cosines: Of `turns`.
        sines: Of `turns`.
    """
    x = features(model, tokens, heads, cosines, sines)
    logits = _linear(model.proj, x).float()
    capped = SOFTCAP * logits * (logits.square() + SOFTCAP**2).rsqrt()
    return F.cross_entropy(capped.flatten(0, 1), targets.flatten(), reduction="sum")


def features(model: GPT, tokens: Tensor, heads: int, cosines: Tensor, sines: Tensor) -> Tensor:
    """What the output projection reads, of shape (batch, context, width); arguments as of `summed_loss`."""
    x = _norm(F.embedding(tokens, model.embed.weight), model.norm1.gains)
    for block in model.blocks:
        assert isinstance(block, Block)
        x = x + _attention(block.attn, _norm(x, block.norm1.gains), heads, cosines, sines)
        x = x + _linear(block.mlp.proj, _linear(block.mlp.fc, _norm(x, block.norm2.gains)).relu().square())
    return _norm(x, model.norm2.gains)


def _attention(attn: Attention, x: Tensor, heads: int, cosines: Tensor, sines: Tensor) -> Tensor:
    batch, context, width = x.shape
    q, k, v = (_linear(layer, x).view(batch, context, heads, -1) for layer in (attn.q, attn.k, attn.v))
    q, k = (_turn(F.rms_norm(each, (each.size(-1),)), cosines, sines) for each in (q, k))
    q, k, v = (each.transpose(1, 2) for each in (q, k, v))
    y = F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=ATTENTION_SCALE)
    return _linear(attn.proj, y.transpose(1, 2).reshape(batch, context, width))


def _turn(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Turn dimensions i and i + half of each head as pairs, in float32."""
    first, second = x.float().chunk(2, dim=-1)
    turned = torch.cat((first * cosines + second * sines, second * cosines - first * sines), dim=-1)
    return turned.type_as(x)


def _norm(x: Tensor, gains: Tensor) -> Tensor:
    return F.rms_norm(x, (x.size(-1),), weight=gains.type_as(x))


def _linear(layer: nn.Linear, x: Tensor) -> Tensor:
    return F.linear(x, layer.weight.type_as(x), layer.bias.type_as(x))

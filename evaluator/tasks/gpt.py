"""The parameter skeleton of the benchmark's GPT: names, shapes, torch's default initialization, no forward.

This is all of the model that a candidate process ever holds. It must not know tokens, losses or the forward
pass, which live in `evaluator.tasks.gpt_forward`.
"""

# mypy: allow-subclassing-any
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True)
class GPTShape:
    """Sizes of a GPT.

    Attributes:
        vocab: Number of token ids.
        width: Residual stream.
        depth: Blocks.
        heads: Attention heads; `width // heads` must be a multiple of 4 (rotary takes half of it, in pairs).
        embed_dtype: Of `embed.weight`; all other parameters are float32.
    """

    vocab: int
    width: int
    depth: int
    heads: int
    embed_dtype: str = "float32"

    def build(self) -> nn.Module:
        """Make the skeleton, drawing torch's default initialization from torch's global generator."""
        return GPT(self)


class RMSNorm(nn.Module):
    """Gains of a root-mean-square norm, shape (width,)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gains = nn.Parameter(torch.ones(width))


class Attention(nn.Module):
    """Projections of causal self-attention, each (width, width) with a bias."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.q = nn.Linear(width, width)
        self.k = nn.Linear(width, width)
        self.v = nn.Linear(width, width)
        self.proj = nn.Linear(width, width)


class MLP(nn.Module):
    """Projections of the feed-forward layer: (4 width, width) and (width, 4 width), with biases."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.fc = nn.Linear(width, 4 * width)
        self.proj = nn.Linear(4 * width, width)


class Block(nn.Module):
    """One pre-norm transformer block."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = Attention(width)
        self.mlp = MLP(width)
        self.norm1 = RMSNorm(width)
        self.norm2 = RMSNorm(width)


class GPT(nn.Module):
    """The whole skeleton; `norm1` follows the embedding, `norm2` precedes the head `proj`."""

    def __init__(self, shape: GPTShape) -> None:
        super().__init__()
        self.embed = nn.Embedding(shape.vocab, shape.width).to(getattr(torch, shape.embed_dtype))
        self.blocks = nn.ModuleList([Block(shape.width) for _ in range(shape.depth)])
        self.proj = nn.Linear(shape.width, shape.vocab)
        self.norm1 = RMSNorm(shape.width)
        self.norm2 = RMSNorm(shape.width)

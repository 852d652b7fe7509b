"""The forward pass and its handwritten kernels against plain compositions of torch's own operations."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from evaluator.tasks.gpt import GPTShape
from evaluator.tasks.gpt_forward import Forward
from evaluator.tasks.gpt_kernels import EPS, capped_cross_entropy, norm_and_rotate, rms_norm, squared_relu

DOUBLE = {"dtype": torch.float64, "requires_grad": True}


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_rms_norm(generator) -> None:
    x, gains = torch.randn(3, 4, 8, generator=generator, **DOUBLE), torch.randn(8, generator=generator, **DOUBLE)
    torch.testing.assert_close(rms_norm(x, gains), F.rms_norm(x, (8,), gains, EPS))
    assert torch.autograd.gradcheck(rms_norm, (x, gains))


def test_norm_and_rotate(generator) -> None:
    x = torch.randn(2, 5, 3, 8, generator=generator, **DOUBLE)
    angles = torch.randn(5, 3, 4, generator=generator, dtype=torch.float64)
    turns = torch.polar(torch.ones_like(angles), angles)
    normed = F.rms_norm(x, (8,), eps=EPS)
    a, b = normed[..., 0::2], normed[..., 1::2]
    plain = torch.stack([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], -1).flatten(-2)
    torch.testing.assert_close(norm_and_rotate(x, turns), plain)
    assert torch.autograd.gradcheck(lambda x: norm_and_rotate(x, turns), (x,))


def test_squared_relu(generator) -> None:
    x = torch.randn(4, 5, generator=generator, **DOUBLE)
    torch.testing.assert_close(squared_relu(x), F.relu(x).square())
    assert torch.autograd.gradcheck(squared_relu, (x,))


def test_capped_cross_entropy(generator) -> None:
    logits = torch.randn(6, 7, generator=generator, **DOUBLE)
    targets = torch.randint(0, 7, (6,), generator=generator)

    def kernel(logits):
        return capped_cross_entropy(20 * logits, targets)

    plain = F.cross_entropy(15 * torch.tanh(20 * logits / 15), targets, reduction="sum")
    torch.testing.assert_close(kernel(logits), plain)
    assert torch.autograd.gradcheck(kernel, (logits,))


def plain_forward(model, shape: GPTShape, tokens, targets):
    """The architecture once more, in the plainest terms."""
    head, time = shape.width // shape.heads, tokens.size(1)
    x = F.rms_norm(model.embed(tokens), (shape.width,), model.norm1.gains, EPS)
    frequencies = torch.cat([1024.0 ** -torch.linspace(0, 1, head // 4), torch.zeros(head // 2 - head // 4)])
    angles = torch.outer(torch.arange(time).float(), frequencies)

    def turned(y):
        y = F.rms_norm(y.view(*y.shape[:2], shape.heads, head), (head,), eps=EPS).transpose(1, 2)
        a, b = y[..., 0::2], y[..., 1::2]
        return torch.stack([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], -1).flatten(-2)

    for block in model.blocks:
        normed = F.rms_norm(x, (shape.width,), block.norm1.gains, EPS)
        q, k = turned(block.attn.q(normed)), turned(block.attn.k(normed))
        v = block.attn.v(normed).view(*x.shape[:2], shape.heads, head).transpose(1, 2)
        scores = q @ k.transpose(-1, -2) * 0.12 * math.sqrt(128 / head)
        scores = scores.masked_fill(torch.ones(time, time).triu(1).bool(), -math.inf)
        x = x + block.attn.proj((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))
        normed = F.rms_norm(x, (shape.width,), block.norm2.gains, EPS)
        x = x + block.mlp.proj(F.relu(block.mlp.fc(normed)).square())
    logits = model.proj(F.rms_norm(x, (shape.width,), model.norm2.gains, EPS))
    return F.cross_entropy(15 * torch.tanh(logits / 15).flatten(0, 1), targets.flatten(), reduction="sum")


def test_the_forward_pass_is_the_architecture_it_claims_to_be(generator) -> None:
    shape = GPTShape(vocab=11, width=16, depth=2, heads=2)
    torch.manual_seed(0)
    model = shape.build()
    tokens, targets = torch.randint(0, 11, (2, 3, 6), generator=generator)
    plain = plain_forward(model, shape, tokens, targets)
    expected = torch.autograd.grad(plain, list(model.parameters()))
    loss = Forward(shape, context=6)(model, tokens, targets)
    torch.testing.assert_close(loss, plain)
    for got, want in zip(torch.autograd.grad(loss, list(model.parameters())), expected, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from evaluator.tasks.fused_head import exponentials, summed_cross_entropy
from evaluator.tasks.nanogpt_forward import SOFTCAP


def plain(x: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    logits = F.linear(x, weight, bias)
    return F.cross_entropy(SOFTCAP * logits / (logits.square() + SOFTCAP**2).sqrt(), targets, reduction="sum")


def parts(dtype: torch.dtype, scale: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    chance = torch.Generator().manual_seed(0)
    x = torch.randn(40, 16, generator=chance).to(dtype).requires_grad_()
    weight = (scale * torch.randn(96, 16, generator=chance)).to(dtype).requires_grad_()
    bias = torch.randn(96, generator=chance).to(dtype).requires_grad_()
    return x, weight, bias, torch.randint(96, (40,), generator=chance)


@pytest.mark.parametrize("scale", [0.0, 0.3, 3.0, 30.0])
def test_loss_and_gradients_are_those_of_the_formula(scale: float) -> None:
    *inputs, targets = parts(torch.float64, scale)
    ours, theirs = summed_cross_entropy(*inputs, targets), plain(*inputs, targets)
    torch.testing.assert_close(ours.double(), theirs, rtol=1e-6, atol=1e-6)
    for mine, true in zip(torch.autograd.grad(2 * ours, inputs), torch.autograd.grad(2 * theirs, inputs), strict=True):
        torch.testing.assert_close(mine, true, rtol=1e-4, atol=1e-5)


def test_in_bfloat16_gradients_are_as_near_to_the_truth_as_the_formula_s() -> None:
    *inputs, targets = parts(torch.bfloat16, 0.3)
    precise = [each.detach().double().requires_grad_() for each in inputs]
    truth = torch.autograd.grad(plain(*precise, targets), precise)
    ours = torch.autograd.grad(summed_cross_entropy(*inputs, targets), inputs)
    theirs = torch.autograd.grad(plain(*inputs, targets), inputs)
    for mine, formula, true in zip(ours, theirs, truth, strict=True):
        error = float((mine.double() - true).norm() / true.norm())
        assert error < 0.01
        assert error < 2 * float((formula.double() - true).norm() / true.norm())


@pytest.mark.parametrize("confidence", [4.0, 7.0, 12.0])
def test_gradients_keep_their_digits_where_tokens_are_foreseen(confidence: float) -> None:
    torch.manual_seed(0)
    targets = torch.arange(64) % 8
    x = (confidence * torch.nn.functional.one_hot(targets, 16) + 0.3 * torch.randn(64, 16)).bfloat16().requires_grad_()
    weight = (torch.eye(16)[:8] + 0.1 * torch.randn(8, 16)).bfloat16().requires_grad_()
    bias = torch.zeros(8, dtype=torch.bfloat16, requires_grad=True)
    inputs = (x, weight, bias)
    precise = [each.detach().double().requires_grad_() for each in inputs]
    truth = torch.autograd.grad(plain(*precise, targets), precise)[0]
    ours = torch.autograd.grad(summed_cross_entropy(*inputs, targets), inputs)[0]
    theirs = torch.autograd.grad(plain(*inputs, targets), inputs)[0]
    error, formula = (float((each.double() - truth).norm() / truth.norm()) for each in (ours, theirs))
    assert error < max(0.01, 1.5 * formula)


def test_saturated_logits_have_finite_gradients() -> None:
    torch.manual_seed(0)
    inputs = [
        each.requires_grad_() for each in (1e3 * torch.randn(200, 16), 1e2 * torch.randn(32, 16), torch.zeros(32))
    ]
    targets = torch.randint(32, (200,))
    loss = summed_cross_entropy(*inputs, targets)
    assert loss.isfinite()
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(loss, inputs))


def test_without_a_backward_pass_nothing_is_kept() -> None:
    logits, targets = torch.randn(5, 7), torch.arange(5)
    kept, sums, chosen = exponentials(logits, targets, keep=False)
    assert not kept.numel()
    full, same_sums, same_chosen = exponentials(logits, targets, keep=True)
    assert full.shape == logits.shape
    assert torch.equal(sums, same_sums)
    assert torch.equal(chosen, same_chosen)
    torch.testing.assert_close(chosen, SOFTCAP * (logits / (logits.square() + 225).sqrt())[range(5), range(5)])

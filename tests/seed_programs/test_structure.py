"""One property per seed program that makes it what its name says."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seed_programs import ademamix, psgd_kron, sgd_nesterov, shampoo
from seed_programs.adamw import AdamW
from seed_programs.lion import Lion
from seed_programs.muon import Muon, orthogonalize
from seed_programs.normuon import NorMuon
from seed_programs.schedule_free_adamw import ScheduleFreeAdamW
from seed_programs.shampoo import Shampoo
from seed_programs.soap import SOAP
from seed_programs.soap_muon import SOAPMuon
from tests.seed_programs.conftest import prepare

ADAM = {"beta1": 0.9, "beta2": 0.95, "eps": 1e-12, "weight_decay": 0.0}


def normal(*shape: int, rng_seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(rng_seed))


def moved(optimizer: Any, p: nn.Parameter, gradient: Tensor) -> Tensor:
    """What one step subtracts from a parameter."""
    p.grad = gradient.clone()
    before = p.detach().clone()
    optimizer.step()
    return before - p.detach()


def test_sgd_shortens_long_gradients_and_leaves_short_ones() -> None:
    for length, expected in ((40.0, 0.5), (0.2, 0.2)):
        params = [nn.Parameter(torch.zeros(shape)) for shape in ((5, 4), (3,))]
        for p, g in zip(params, (normal(5, 4), normal(3)), strict=True):
            p.grad = g
        norm = torch.cat([p.grad.flatten() for p in params]).norm()
        for p in params:
            p.grad *= length * 100 / norm  # sums over 100 tokens
        sgd_nesterov.clip_gradient(params, 0.5, tokens_per_step=100)
        clipped = torch.cat([p.grad.flatten() for p in params])
        assert clipped.norm().item() == pytest.approx(expected, rel=1e-5)
        assert torch.cosine_similarity(clipped, torch.cat([normal(5, 4).flatten(), normal(3)]), dim=0) > 0.9999


def test_adamw_first_step_has_one_length_in_every_coordinate() -> None:
    p = nn.Parameter(normal(6, 4))
    step = moved(AdamW([{"params": [p], "lr": 0.1}], **ADAM), p, normal(6, 4, rng_seed=1))
    torch.testing.assert_close(step, 0.1 * normal(6, 4, rng_seed=1).sign(), rtol=1e-5, atol=1e-6)


def test_lion_moves_by_signs() -> None:
    p = nn.Parameter(torch.zeros(6, 4))
    optimizer = Lion([{"params": [p], "lr": 0.25}], beta1=0.9, beta2=0.99, weight_decay=0.0)
    for step in range(5):
        assert (moved(optimizer, p, normal(6, 4, rng_seed=step)).abs() == 0.25).all()


def test_ademamix_slow_memory_grows_evenly_to_its_share_of_the_run() -> None:
    def half_lives(train_steps: int) -> list[float]:
        betas = [ademamix.slow_momentum(step, train_steps)[1] for step in range(0, train_steps, train_steps // 50)]
        return [math.log(0.5) / math.log(beta) for beta in betas]

    growth = torch.tensor(half_lives(1_000)).diff()
    end = round(1_000 * min(1.0, ademamix.SLOW_WARMUP_FRACTION) / 20) - 1
    torch.testing.assert_close(growth[:end], growth[:1].expand(end), rtol=1e-3, atol=1e-3)
    assert ademamix.slow_momentum(0, 1_000)[0] == 0
    alpha, beta3 = ademamix.slow_momentum(10**6, 1_000)
    assert alpha == ademamix.ALPHA
    assert math.log(0.5) / math.log(beta3) == pytest.approx(1_000 * ademamix.SLOW_HALF_LIFE_FRACTION)


def test_schedule_free_evaluates_at_the_weighted_average_of_its_fast_iterates() -> None:
    p = nn.Parameter(normal(6, 4))
    optimizer = ScheduleFreeAdamW([{"params": [p], "lr": 0.1}], **ADAM, weight_power=2.0)
    iterates, weights = [], []
    for step in range(7):
        optimizer.param_groups[0]["lr"] = 0.1 * min(1.0, (step + 1) / 4)
        moved(optimizer, p, normal(6, 4, rng_seed=step))
        iterates.append(optimizer.state[p]["z"].clone())
        weights.append(optimizer.param_groups[0]["lr"] ** 2)
    trained = p.detach().clone()
    with optimizer.averaged():
        average = sum(w * z for w, z in zip(weights, iterates, strict=True)) / sum(weights)
        torch.testing.assert_close(p.detach(), average, rtol=1e-4, atol=1e-5)
    assert torch.equal(p, trained)


def test_schedule_free_gives_the_trained_weights_back_when_validation_fails() -> None:
    model, hooks = prepare("schedule_free_adamw", 10)
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    for step in range(2):
        hooks["set_hparams"](step)
        hooks["optimizers"][0].step()
    before = [p.detach().clone() for p in model.parameters()]
    with contextlib.suppress(ZeroDivisionError), hooks["eval_weights"](1):
        assert not all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))
        raise ZeroDivisionError
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), before, strict=True))


def test_shampoo_first_step_is_semi_orthogonal_and_as_long_as_adams() -> None:
    """L^(-1/4) G R^(-1/4) = U V^T where L = G G^T and R = G^T G."""
    p, g = nn.Parameter(torch.zeros(6, 4)), normal(6, 4, rng_seed=1)
    more = {"shampoo_beta": 0.9, "damping": 1e-9, "power": 0.25, "every": 10}
    step = moved(Shampoo([{"params": [p], "lr": 1.0, "whiten": True}], **ADAM, **more), p, g)
    singular = torch.linalg.svdvals(step)
    torch.testing.assert_close(singular / singular.mean(), torch.ones(4), rtol=1e-3, atol=1e-3)
    assert step.norm().item() == pytest.approx(24**0.5, rel=1e-4)  # Adam's first step is all ones
    assert torch.linalg.svdvals(g).max() > 2 * torch.linalg.svdvals(g).min()


def test_shampoo_survives_gradients_of_zero() -> None:
    root = shampoo.inverse_root(torch.zeros(2, 3, 3), 0.25, 1e-6)
    assert root.isfinite().all()


def spread_gradient(step: int) -> Tensor:
    """Gradients whose covariances have well separated eigenvalues and fixed, rotated eigenvectors."""
    left, right = (torch.linalg.qr(normal(n, n, rng_seed=n)).Q for n in (6, 4))
    scales = torch.arange(1, 7)[:, None] * torch.arange(1, 5)[None]
    return left @ (normal(6, 4, rng_seed=1000 + step) * scales) @ right.T


def test_soap_basis_is_orthonormal_and_diagonalizes_the_covariance() -> None:
    p = nn.Parameter(torch.zeros(6, 4))
    optimizer = SOAP([{"params": [p], "lr": 0.01, "rotated": True}], **ADAM, shampoo_beta=0.98, every=2)
    for step in range(200):
        moved(optimizer, p, spread_gradient(step))
    state = optimizer.state[p]
    for side, n in (("left", 6), ("right", 4)):
        basis = state[side][0]
        torch.testing.assert_close(basis.T @ basis, torch.eye(n), rtol=1e-4, atol=1e-4)
        turned = basis.T @ state[f"{side}_covariance"][0] @ basis
        off_diagonal = turned - turned.diag().diag()
        assert off_diagonal.norm() < 0.1 * turned.norm()
        assert (turned.diag().diff() < 0).all(), "largest first"


def test_soap_keeps_the_sum_of_the_second_moment_when_a_basis_turns() -> None:
    p = nn.Parameter(torch.zeros(6, 4))
    optimizer = SOAP([{"params": [p], "lr": 0.01, "rotated": True}], **ADAM, shampoo_beta=0.9, every=3)
    expected = 0.0
    for step in range(9):
        gradient = spread_gradient(step)
        moved(optimizer, p, gradient)
        expected = 0.95 * expected + 0.05 * gradient.square().sum().item()
        assert optimizer.state[p]["v"].sum().item() == pytest.approx(expected, rel=1e-4)


def test_psgd_whitens() -> None:
    """E[vec(PG) vec(PG)^T] = 1 where P learned from such G: its partial traces are identities."""
    mix = [torch.eye(n) + 0.5 * normal(n, n, rng_seed=n) for n in (6, 4)]
    gradients = mix[0] @ normal(4_000, 6, 4, rng_seed=5) @ mix[1].T
    left, right = torch.eye(6).unsqueeze(0), torch.eye(4).unsqueeze(0)
    for index in range(0, 4_000, 10):
        for g in gradients[index : index + 4]:
            left, right = psgd_kron.updated(left, right, g.unsqueeze(0), 0.3 / (1 + index / 400))
    white = left.mT @ left @ gradients @ right.mT @ right
    for product, n in ((white @ white.mT / 4, 6), (white.mT @ white / 6, 4)):
        torch.testing.assert_close(product.mean(0), torch.eye(n), rtol=0.25, atol=0.25)
    assert (gradients @ gradients.mT / 4).mean(0).sub(torch.eye(6)).abs().max() > 1
    assert torch.equal(left, left.triu())
    assert torch.equal(right, right.triu())


@pytest.mark.parametrize("shape", [(32, 32), (64, 16), (16, 64)])
def test_muon_update_is_nearly_semi_orthogonal(shape: tuple[int, int]) -> None:
    p = nn.Parameter(torch.zeros(shape))
    step = moved(Muon([p], lr=1.0, momentum=0.95, ns_steps=5, weight_decay=0.0), p, normal(*shape))
    singular = torch.linalg.svdvals(step) / max(1, shape[0] / shape[1]) ** 0.5
    assert singular.min() > 0.5
    assert singular.max() < 1.3


def test_muon_stacks_do_not_mix_matrices() -> None:
    g = normal(3, 8, 8)
    torch.testing.assert_close(orthogonalize(g, 5)[1:2], orthogonalize(g[1:2], 5))


def test_normuon_first_step_has_rows_of_one_length_and_muons_norm() -> None:
    shape = (24, 12)
    g = normal(*shape) * torch.linspace(0.1, 3, 24)[:, None]
    p, q = nn.Parameter(torch.zeros(shape)), nn.Parameter(torch.zeros(shape))
    shared = {"lr": 1.0, "momentum": 0.95, "ns_steps": 5, "weight_decay": 0.0}
    step, muons = moved(NorMuon([p], **shared, row_beta=0.95), p, g), moved(Muon([q], **shared), q, g)
    lengths = step.norm(dim=1)
    torch.testing.assert_close(lengths, lengths.mean().expand(24), rtol=1e-4, atol=1e-4)
    assert step.norm().item() == pytest.approx(muons.norm().item(), rel=1e-4)
    assert muons.norm(dim=1).max() > 1.5 * muons.norm(dim=1).min()


def test_soap_muon_update_is_nearly_semi_orthogonal_in_any_basis() -> None:
    p = nn.Parameter(torch.zeros(6, 4))
    group = {"params": [p], "lr": 1.0, "beta1": 0.9, "weight_decay": 0.0, "matrix": True}
    optimizer = SOAPMuon([group], beta2=0.95, eps=1e-12, shampoo_beta=0.9, every=3, ns_steps=8)
    for step in range(20):
        singular = torch.linalg.svdvals(moved(optimizer, p, spread_gradient(step))) / 1.5**0.5
        assert singular.min() > 0.5
        assert singular.max() < 1.3
    left = optimizer.state[p]["left"][0]
    torch.testing.assert_close(left.T @ left, torch.eye(6), rtol=1e-4, atol=1e-4)

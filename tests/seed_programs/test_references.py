"""Every seed program against torch's own optimizer or a slow one written from the paper, matrix by matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seed_programs.adamw import AdamW
from seed_programs.ademamix import AdEMAMix
from seed_programs.lion import Lion
from seed_programs.muon import Muon
from seed_programs.normuon import NorMuon
from seed_programs.psgd_kron import PSGDKron, updated
from seed_programs.schedule_free_adamw import ScheduleFreeAdamW
from seed_programs.sgd_nesterov import SGDNesterov
from seed_programs.shampoo import Shampoo
from seed_programs.soap import SOAP
from seed_programs.soap_muon import SOAPMuon

LR, DECAY, STEPS = 0.02, 0.5, 14
SHAPES = ((6, 4), (6, 4), (4, 9), (5,))
SQUARES = ((5, 5), (5, 5), (8, 8), (5,))
ADAM = {"beta1": 0.8, "beta2": 0.9, "eps": 1e-8, "weight_decay": DECAY}

Shapes = tuple[tuple[int, ...], ...]
Update = Callable[[Tensor, Tensor, dict[str, Any], int], Tensor]


def parameters(shapes: Shapes = SHAPES) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(7)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in shapes]


def gradients(step: int, shapes: Shapes = SHAPES) -> list[Tensor]:
    generator = torch.Generator().manual_seed(100 + step)
    return [torch.randn(shape, generator=generator) for shape in shapes]


def drive(optimizer: Any, params: list[nn.Parameter]) -> list[Tensor]:
    """Parameters after a few steps with given gradients and a moving learning rate."""
    for step in range(STEPS):
        for p, g in zip(params, gradients(step, tuple(tuple(p.shape) for p in params)), strict=True):
            p.grad = g
        for group in optimizer.param_groups:
            group["lr"] = LR * (1 + step % 3)
        optimizer.step()
    return [p.detach() for p in params]


def slow(update: Update, shapes: Shapes = SHAPES) -> list[Tensor]:
    """The same with `update(p, g, state, t)`, in double precision, one parameter at a time."""
    results = []
    for index in range(len(shapes)):
        p, state = parameters(shapes)[index].detach().double(), {}
        for step in range(STEPS):
            lr = LR * (1 + step % 3)
            u = update(p, gradients(step, shapes)[index].double(), state, step + 1)
            p = p * (1 - lr * DECAY * (p.ndim >= 2)) - lr * u
        results.append(p.float())
    return results


def check(found: list[Tensor], expected: list[Tensor], tolerance: float = 2e-5) -> None:
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def average(state: dict[str, Any], name: str, new: Tensor, beta: float) -> Tensor:
    """Exponential moving average that starts at zero."""
    state[name] = beta * state.get(name, torch.zeros_like(new)) + (1 - beta) * new
    return state[name]


def adam(g: Tensor, state: dict[str, Any], t: int, beta1: float = 0.8, beta2: float = 0.9) -> Tensor:
    """Algorithm 1 of the paper."""
    m = average(state, "m", g, beta1) / (1 - beta1**t)
    v = average(state, "v", g**2, beta2) / (1 - beta2**t)
    return m / (v.sqrt() + 1e-8)


def polar(g: Tensor, ns_steps: int) -> Tensor:
    """Newton-Schulz acts on each singular value alone."""
    u, s, v = torch.linalg.svd(g, full_matrices=False)
    s = s / s.norm()
    for _ in range(ns_steps):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return u @ s.diag() @ v


def tall(u: Tensor) -> float:
    """Muon's factor for the shape of a matrix."""
    return max(1.0, u.size(0) / u.size(1)) ** 0.5


def test_sgd_nesterov_is_torchs() -> None:
    ours, theirs = parameters(), parameters()
    found = drive(SGDNesterov([{"params": ours, "lr": LR}], momentum=0.9, weight_decay=0.0), ours)
    check(found, drive(torch.optim.SGD(theirs, lr=LR, momentum=0.9, nesterov=True), theirs))


def test_adamw_is_torchs() -> None:
    ours, theirs = parameters(), parameters()
    groups = [
        {"params": [p for p in theirs if p.ndim > 1], "weight_decay": DECAY},
        {"params": [p for p in theirs if p.ndim < 2], "weight_decay": 0.0},
    ]
    found = drive(AdamW([{"params": ours, "lr": LR}], **ADAM), ours)
    check(found, drive(torch.optim.AdamW(groups, lr=LR, betas=(0.8, 0.9), eps=1e-8), theirs))


def test_lion() -> None:
    def update(p: Tensor, g: Tensor, state: dict[str, Any], t: int) -> Tensor:
        before = state.get("m", torch.zeros_like(g))
        average(state, "m", g, 0.98)
        return (0.9 * before + 0.1 * g).sign()

    params = parameters()
    check(
        drive(Lion([{"params": params, "lr": LR}], beta1=0.9, beta2=0.98, weight_decay=DECAY), params),
        slow(update),
    )


def test_ademamix() -> None:
    def update(p: Tensor, g: Tensor, state: dict[str, Any], t: int) -> Tensor:
        fast = average(state, "fast", g, 0.8) / (1 - 0.8**t)
        v = average(state, "v", g**2, 0.9) / (1 - 0.9**t)
        return (fast + 3 * average(state, "slow", g, 0.97)) / (v.sqrt() + 1e-8)

    params = parameters()
    groups = [{"params": params, "lr": LR, "alpha": 3.0, "beta3": 0.97}]
    check(drive(AdEMAMix(groups, **ADAM), params), slow(update))


def test_schedule_free_adamw() -> None:
    """With x, y and z all written out."""
    expected = []
    for index in range(len(SHAPES)):
        x = y = z = parameters()[index].detach().double()
        state: dict[str, Any] = {}
        weights = 0.0
        for step in range(STEPS):
            lr = LR * (1 + step % 3)
            g = gradients(step)[index].double()
            v = average(state, "v", g**2, 0.9) / (1 - 0.9 ** (step + 1))
            z = z - lr * (g / (v.sqrt() + 1e-8) + DECAY * y * (y.ndim >= 2))
            weights += lr**2
            x = x + lr**2 / weights * (z - x)
            y = 0.8 * x + 0.2 * z
        expected.append((x.float(), y.float()))
    params = parameters()
    optimizer = ScheduleFreeAdamW([{"params": params, "lr": LR}], **ADAM, weight_power=2.0)
    check(drive(optimizer, params), [y for _, y in expected])
    with optimizer.averaged():
        check([p.detach() for p in params], [x for x, _ in expected])


def test_shampoo() -> None:
    def inverse_root(c: Tensor) -> Tensor:
        damped = c + 1e-4 * torch.linalg.matrix_norm(c, 2) * torch.eye(len(c)).double()
        u, s, v = torch.linalg.svd(damped)
        return u @ s.pow(-0.25).diag() @ v

    def update(p: Tensor, g: Tensor, state: dict[str, Any], t: int) -> Tensor:
        u = adam(g, state, t)
        if g.ndim < 2:
            return u
        left, right = average(state, "L", g @ g.T, 0.9), average(state, "R", g.T @ g, 0.9)
        if t in (1, 2, 4, 5, 8, 10):
            state["roots"] = inverse_root(left), inverse_root(right)
        whitened = state["roots"][0] @ state["m"] @ state["roots"][1]
        return whitened * (u.norm() / whitened.norm())

    params = parameters()
    groups = [{"params": params[:3], "lr": LR, "whiten": True}, {"params": params[3:], "lr": LR}]
    optimizer = Shampoo(groups, **ADAM, shampoo_beta=0.9, damping=1e-4, power=0.25, every=5)
    check(drive(optimizer, params), slow(update), 1e-3)


def turn(g: Tensor, state: dict[str, Any], t: int) -> None:
    """SOAP's covariances and bases: one orthogonal iteration when due, and `v` along."""
    left, right = average(state, "L", g @ g.T, 0.9), average(state, "R", g.T @ g, 0.9)
    if t < 4 or t % 4 == 0:
        q_left = torch.linalg.qr(left @ state["bases"][0])[0]
        q_right = torch.linalg.qr(right @ state["bases"][1])[0]
        a, b = q_left.T @ state["bases"][0], state["bases"][1].T @ q_right
        state["v"] = torch.einsum("ik,kl,lj->ij", a**2, state["v"], b**2)
        state["bases"] = q_left, q_right


def in_eigenbasis(g: Tensor, state: dict[str, Any], t: int, numerator: Tensor) -> Tensor:
    """Adam's direction in the eigenbases, without the correction of the momentum's start."""
    left, right = state.setdefault("bases", tuple(torch.eye(n).double() for n in g.shape))
    v = average(state, "v", (left.T @ g @ right) ** 2, 0.9) / (1 - 0.9**t)
    return left @ ((left.T @ numerator @ right) / (v.sqrt() + 1e-8)) @ right.T


def test_soap() -> None:
    """On squares: the first covariances of others are singular, and rounding picks a part of the basis."""

    def update(p: Tensor, g: Tensor, state: dict[str, Any], t: int) -> Tensor:
        if g.ndim < 2:
            return adam(g, state, t)
        u = in_eigenbasis(g, state, t, average(state, "m", g, 0.8) / (1 - 0.8**t))
        turn(g, state, t)
        return u

    params = parameters(SQUARES)
    groups = [{"params": params[:3], "lr": LR, "rotated": True}, {"params": params[3:], "lr": LR}]
    check(drive(SOAP(groups, **ADAM, shampoo_beta=0.9, every=4), params), slow(update, SQUARES), 1e-3)


def test_soap_muon() -> None:
    def update(p: Tensor, g: Tensor, state: dict[str, Any], t: int) -> Tensor:
        if g.ndim < 2:
            return adam(g, state, t)
        u = in_eigenbasis(g, state, t, 0.8 * average(state, "m", g, 0.8) + 0.2 * g)
        turn(g, state, t)
        return polar(u, 3) * tall(g)

    params = parameters(SQUARES)
    shared = {"lr": LR, "beta1": 0.8, "weight_decay": DECAY}
    groups = [{"params": params[:3], "matrix": True, **shared}, {"params": params[3:], **shared}]
    optimizer = SOAPMuon(groups, beta2=0.9, eps=1e-8, shampoo_beta=0.9, every=4, ns_steps=3)
    check(drive(optimizer, params), slow(update, SQUARES), 1e-3)


def muon_reference(p: Tensor, g: Tensor, state: dict[str, Any], t: int) -> Tensor:
    return polar(0.9 * average(state, "m", g, 0.9) + 0.1 * g, 5) * tall(g)


def test_muon() -> None:
    params = parameters()[:3]
    found = drive(Muon(params, lr=LR, momentum=0.9, ns_steps=5, weight_decay=DECAY), params)
    check(found, slow(muon_reference, SHAPES[:3]), 1e-4)


@pytest.mark.skipif(not hasattr(torch.optim, "Muon"), reason="this torch has no Muon of its own")
def test_muon_is_torchs_up_to_bfloat16() -> None:
    ours, theirs = parameters()[:3], parameters()[:3]
    found = drive(Muon(ours, lr=LR, momentum=0.9, ns_steps=5, weight_decay=DECAY), ours)
    check(found, drive(torch.optim.Muon(theirs, lr=LR, momentum=0.9, weight_decay=DECAY), theirs), 0.03)


def test_normuon() -> None:
    def update(p: Tensor, g: Tensor, state: dict[str, Any], t: int) -> Tensor:
        u = muon_reference(p, g, state, t)
        unscaled = u / tall(g)
        rows = average(state, "rows", (unscaled**2).mean(1), 0.9)
        scaled = u / rows.sqrt()[:, None]
        return scaled * (u.norm() / scaled.norm())

    params = parameters()[:3]
    optimizer = NorMuon(params, lr=LR, momentum=0.9, ns_steps=5, row_beta=0.9, weight_decay=DECAY)
    check(drive(optimizer, params), slow(update, SHAPES[:3]), 1e-4)


def test_psgd_kron_applies_the_whole_kronecker_product() -> None:
    """P vec(m) with P = Q^T Q and Q = right (x) left written out, its factors taken from the optimizer."""
    shape, steps = (6, 4), 5
    p = nn.Parameter(torch.zeros(shape))
    optimizer = PSGDKron(
        [{"params": [p], "lr": 1.0, "whiten": True}],
        beta1=0.8, beta2=0.9, eps=1e-8, weight_decay=0.0, q_lr=0.3, every=2, max_rms=1e9,
    )  # fmt: skip
    state: dict[str, Any] = {}
    for step in range(steps):
        p.grad = gradients(step)[0].clone()
        before = p.detach().clone()
        optimizer.step()
        g = gradients(step)[0].double()
        rms = (average(state, "v", (g**2).mean(), 0.9) / (1 - 0.9 ** (step + 1))).sqrt()
        m = average(state, "m", g / rms, 0.8) / (1 - 0.8 ** (step + 1))
        held = optimizer.state[p]
        q = torch.kron(held["right"][0], held["left"][0]).double()  # acts on columns stacked into a vector
        expected = (q.T @ q @ m.T.reshape(-1)).reshape(4, 6).T
        torch.testing.assert_close(before - p.detach(), expected.float(), rtol=1e-4, atol=1e-4)


def test_psgd_kron_descends_its_criterion() -> None:
    """The factors move against the gradient of |Q m|^2 + tr(Q^-1 Q^-T) with respect to E in (1 + E) Q."""
    generator = torch.Generator().manual_seed(3)
    m = torch.randn(1, 6, 4, generator=generator)
    left = torch.eye(6) + 0.1 * torch.randn(1, 6, 6, generator=generator).triu()
    right = torch.eye(4) + 0.1 * torch.randn(1, 4, 4, generator=generator).triu()
    zeros = [torch.zeros(n, n, requires_grad=True) for n in (6, 4)]
    moved = [(torch.eye(len(e)) + e) @ q for e, q in zip(zeros, (left, right), strict=True)]
    inverses = torch.linalg.inv(moved[0]).square().sum() * torch.linalg.inv(moved[1]).square().sum()
    criterion = (moved[0] @ m @ moved[1].mT).square().sum() + inverses
    for e, old, new in zip(
        torch.autograd.grad(criterion, zeros), (left, right), updated(left, right, m, 0.1), strict=True
    ):
        step = (new - old) @ torch.linalg.inv(old)
        direction = -e.triu()
        torch.testing.assert_close(step[0] / step.norm(), direction / direction.norm(), rtol=1e-3, atol=1e-4)

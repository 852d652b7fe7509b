from __future__ import annotations

import math

import pytest
import torch

from evaluator.measures import effective_rank, trajectory


@pytest.mark.parametrize("shape", [(4, 4), (3, 7), (7, 3)])
def test_effective_rank_is_one_for_orthogonal_and_least_for_rank_one(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    size = min(shape)
    orthogonal = torch.linalg.svd(torch.randn(shape), full_matrices=False)
    assert effective_rank(3e-5 * orthogonal.U @ orthogonal.Vh) == pytest.approx(1.0, abs=1e-6)
    assert effective_rank(torch.outer(torch.randn(shape[0]), torch.randn(shape[1]))) == pytest.approx(
        1 / size, rel=1e-3
    )
    assert effective_rank(torch.zeros(shape)) == 1 / size
    assert effective_rank(torch.full(shape, math.nan)) == 1 / size


def test_effective_rank_follows_the_definition() -> None:
    shares = torch.tensor([0.5, 0.3, 0.2])
    entropy = -(shares * shares.log()).sum().item()
    assert effective_rank(torch.diag(7 * shares)) == pytest.approx(math.exp(entropy) / 3, rel=1e-6)


def test_trajectory_tells_any_bit_apart() -> None:
    flat = torch.zeros(8, dtype=torch.uint8)
    other = flat.clone()
    other[3] = 1
    assert trajectory([flat, flat]) == trajectory([flat.clone(), flat])
    assert len({trajectory([flat, other]), trajectory([other, flat]), trajectory([flat, flat])}) == 3

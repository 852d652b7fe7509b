"""What a smoke trial tells of a genome's behaviour: a sketch of where training went, and the schedule to come.

Two programs that differ in spelling alone, or in the order of roundings, have one trace and nearly one sketch. This
module measures; who compares, and what follows from it, is not its affair.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

PROJECTIONS = 8
"""Random projections of the directions of all tensors, and as many of their lengths."""
_TRACE_BYTES = 6
"""What fits a reply's double without rounding."""
_SIGNIFICANT = 9
"""Digits of a scheduled value that count: the order of roundings may move the last ones."""


def sketch(tensors: Sequence[Tensor]) -> list[float]:
    """Random projections of a model's weights, in which every tensor weighs the same however small it is.

    For two models, the mean square of the differences of the first half estimates the sum over tensors of the squared
    distance between their directions; of the second half, the squared distance between the logarithms of their
    lengths. Johnson 1984 <https://doi.org/10.1090/conm/026/737400>, with the signs of Achlioptas 2003
    <https://doi.org/10.1016/S0022-0000(03)00025-4>.

    Args:
        tensors: The parameters, in the model's order.

    Returns:
        `2 * PROJECTIONS` numbers.
    """
    device = tensors[0].device
    directions = torch.zeros(PROJECTIONS, dtype=torch.float64, device=device)
    lengths = torch.zeros(len(tensors), dtype=torch.float64, device=device)
    for index, tensor in enumerate(tensors):
        flat = tensor.detach().reshape(-1).double()
        norm = flat.norm()
        if norm > 0:
            directions += _signs(index, flat.numel(), device).double() @ (flat / norm)
            lengths[index] = norm.log()
    along = _signs(-1, len(tensors), device).double() @ lengths
    return [*directions.tolist(), *along.tolist()]


@lru_cache(maxsize=1024)
def _signs(place: int, count: int, device: torch.device) -> Tensor:
    """Random signs of one tensor, shape (PROJECTIONS, count), the same in every process."""
    generator = torch.Generator().manual_seed(place + 2)
    signs = torch.randint(0, 2, (PROJECTIONS, count), generator=generator, dtype=torch.int8) * 2 - 1
    return signs.to(device)


def encoded(numbers: Sequence[float]) -> str:
    """Numbers as text, to the last bit."""
    return base64.b85encode(struct.pack(f"<{len(numbers)}d", *numbers)).decode("ascii")


def trace(
    optimizers: Sequence[Any], set_hparams: Callable[[int], object], steps: int, places: Mapping[int, int]
) -> float:
    """Digest of every number in the optimizers' groups over a whole schedule.

    A group is known by the parameters that it holds, a number by its key. The order of optimizers and groups does not
    count.

    Args:
        optimizers: The recipe's, fresh.
        set_hparams: The recipe's.
        steps: Steps of the schedule.
        places: Place of each parameter in the model, by its `id`.

    Returns:
        A whole number below 2 ** 48.
    """
    columns: dict[str, list[str]] = {}
    for step in range(steps):
        set_hparams(step)
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                held = sorted(places[id(parameter)] for parameter in group["params"])
                for key, value in _numbers(group):
                    columns.setdefault(f"{held} {key}", []).append(value)
    told = sorted(f"{place}: {','.join(column)}" for place, column in columns.items())
    return float(int.from_bytes(hashlib.sha256("\n".join(told).encode()).digest()[:_TRACE_BYTES], "big"))


def _numbers(group: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    for key, value in group.items():
        several = value if isinstance(value, list | tuple) and key != "params" else [value]
        for place, each in enumerate(several):
            if isinstance(each, Tensor) and each.numel() == 1:
                each = each.item()
            if isinstance(each, int | float):
                yield f"{key} {place}", f"{each:.{_SIGNIFICANT}g}"

"""Where each parameter and its gradient lie in the memory that trainer and candidate share."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

_ALIGN = 64
"""Bytes: what torch's own CPU allocator gives, so that kernels take the same paths as over private memory."""


@dataclass(frozen=True)
class Buffers:
    """The two flat buffers of a trial, mapped into this process.

    Attributes:
        parameters: uint8, all parameters.
        gradients: uint8, all gradients, laid out alike.
    """

    parameters: Tensor
    gradients: Tensor


def flat_bytes(model: nn.Module) -> int:
    """Bytes of one flat buffer over all parameters, alignment included."""
    total: int = sum(_padded(parameter) for parameter in model.parameters())
    return total


def views(model: nn.Module, flat: Tensor) -> list[Tensor]:
    """One view into `flat` for each parameter of `model`, in order, with its shape and dtype."""
    found, offset = [], 0
    for parameter in model.parameters():
        nbytes = parameter.numel() * parameter.element_size()
        found.append(flat[offset : offset + nbytes].view(parameter.dtype).view(parameter.shape))
        offset += _padded(parameter)
    return found


def stretches(model: nn.Module, flat: Tensor) -> list[Tensor]:
    """All of `flat` as few flat tensors: one for each run of parameters of one dtype."""
    found: list[Tensor] = []
    start = end = 0
    parameters = list(model.parameters())
    for parameter, following in zip(parameters, [*parameters[1:], None], strict=True):
        end += _padded(parameter)
        if following is None or following.dtype != parameter.dtype:
            found.append(flat[start:end].view(parameter.dtype))
            start = end
    return found


def bind(model: nn.Module, flat: Tensor) -> None:
    """Have the parameters of `model` lie in `flat`; what they held is dropped."""
    for parameter, home in zip(model.parameters(), views(model, flat), strict=True):
        parameter.data = home


def _padded(parameter: Tensor) -> int:
    nbytes: int = parameter.numel() * parameter.element_size()
    return -(-nbytes // _ALIGN) * _ALIGN

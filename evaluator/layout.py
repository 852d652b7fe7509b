"""Where each parameter and its gradient lie in the memory that trainer and candidate share."""

from __future__ import annotations

import fcntl
import mmap
import os
from dataclasses import dataclass

import torch
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


def create_shared(size: int) -> int:
    """Make the shared memory of one trial: two flat buffers of `size` bytes.

    The size is sealed, so that a candidate cannot truncate the memory under the trainer.

    Returns:
        A file descriptor, the caller's to close.
    """
    fd = os.memfd_create("trial", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, 2 * size)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
    return fd


def map_shared(fd: int, size: int) -> Buffers:
    """Map the shared memory of a trial."""
    memory = mmap.mmap(fd, 2 * size)
    return Buffers(
        torch.frombuffer(memory, dtype=torch.uint8, count=size),
        torch.frombuffer(memory, dtype=torch.uint8, count=size, offset=size),
    )


def views(model: nn.Module, flat: Tensor) -> list[Tensor]:
    """One view into `flat` for each parameter of `model`, in order, with its shape and dtype."""
    found, offset = [], 0
    for parameter in model.parameters():
        nbytes = parameter.numel() * parameter.element_size()
        found.append(flat[offset : offset + nbytes].view(parameter.dtype).view(parameter.shape))
        offset += _padded(parameter)
    return found


def _padded(parameter: Tensor) -> int:
    nbytes: int = parameter.numel() * parameter.element_size()
    return -(-nbytes // _ALIGN) * _ALIGN

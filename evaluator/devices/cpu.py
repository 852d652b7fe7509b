"""The processor: shared memory is an anonymous file, and all work is done when a call returns."""

from __future__ import annotations

import fcntl
import mmap
import os

import torch

from evaluator.layout import Buffers


class Reached:
    """A point that has been reached."""

    def query(self) -> bool:
        """It has."""
        return True


class CPU:
    """One core of the processor."""

    name = "cpu"

    def torch_device(self) -> torch.device:
        """As torch knows it."""
        return torch.device("cpu")

    def start(self) -> None:
        """There is nothing to start."""

    def differentiate(self) -> None:
        """Autograd works in the thread that asks."""

    def limit_memory(self, nbytes: int) -> None:
        """The sandbox limits it."""

    def create(self, size: int) -> int:
        """Make memory for two flat buffers of `size` bytes.

        The size is sealed, so that a candidate cannot truncate the memory under the trainer.
        """
        fd = os.memfd_create("trial", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, 2 * size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        return fd

    def map(self, fd: int, size: int) -> Buffers:
        """Map such memory."""
        memory = mmap.mmap(fd, 2 * size)
        return Buffers(
            torch.frombuffer(memory, dtype=torch.uint8, count=size),
            torch.frombuffer(memory, dtype=torch.uint8, count=size, offset=size),
        )

    def unmap(self, buffers: Buffers) -> None:
        """It goes with the buffers."""

    def clear(self) -> None:
        """Nothing is kept."""

    def hand_over(self) -> None:
        """Work is done when a call returns."""

    def take_over(self) -> None:
        """Work is done when a call returns."""

    def point(self) -> Reached:
        """Where we are."""
        return Reached()

    def finish(self) -> None:
        """It is done."""

    def release(self) -> None:
        """Nothing waits."""

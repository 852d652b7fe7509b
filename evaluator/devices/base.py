"""What a device is to trainer and candidate: memory that both can reach, and a way to wait for its work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch

    from evaluator.layout import Buffers


class Device(Protocol):
    """A place to train.

    Attributes:
        name: "cpu" or "cuda:0".
        keeps_memory: Whether one piece of shared memory serves candidate after candidate, because compiled work of the
            trainer refers to it; otherwise each gets its own.
    """

    name: str
    keeps_memory: bool

    def torch_device(self) -> torch.device:
        """As torch knows it."""
        ...

    def start(self) -> None:
        """Make this process able to use it; what is slow about that happens here."""
        ...

    def limit_memory(self, nbytes: int) -> None:
        """Let torch allocate at most so much on the device in this process."""
        ...

    def create(self, size: int) -> int:
        """Make memory for two flat buffers of `size` bytes.

        Returns:
            A file descriptor, the caller's to close, by which another process can map it.
        """
        ...

    def map(self, fd: int, size: int) -> Buffers:
        """Map such memory into this process, for as long as the buffers live."""
        ...

    def finish(self) -> None:
        """Wait until all work of this process is done."""
        ...

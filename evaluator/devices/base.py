"""What a device is to trainer and candidate: memory that both can reach, and an order of their work on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import torch

    from evaluator.layout import Buffers


class Point(Protocol):
    """A point in a process's work on a device."""

    def query(self) -> bool:
        """Whether it has been reached; never waits."""
        ...


class Device(Protocol):
    """A place to train.

    Attributes:
        name: "cpu" or "cuda:0".
    """

    name: str

    def torch_device(self) -> torch.device:
        """As torch knows it."""
        ...

    def start(self) -> None:
        """Make this process able to use it; what is slow about that happens here."""
        ...

    def differentiate(self) -> None:
        """Start the threads that autograd wants for it.

        Raises:
            OSError: They could not be made.
        """
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

    def unmap(self, buffers: Buffers) -> None:
        """Give up such memory; nothing may use the buffers any more."""
        ...

    def clear(self) -> None:
        """Give back what torch keeps of the device's memory for later."""
        ...

    def hand_over(self) -> None:
        """Mark that this process's work up to here belongs before the other's further work."""
        ...

    def take_over(self) -> None:
        """Have this process's further work follow the other's next mark. Calls on both sides alternate."""
        ...

    def point(self) -> Point:
        """A point in this process's work: all up to here."""
        ...

    def finish(self) -> None:
        """Wait until all work of this process is done.

        Raises:
            RuntimeError: Some of it failed.
        """
        ...

    def release(self) -> None:
        """Let go of work that follows a mark which will never be made: the other process is gone."""
        ...

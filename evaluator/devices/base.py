"""What a device is to trainer and candidate: memory that both can reach, and an order of their work on it."""

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

    def forget_marks(self) -> None:
        """Begin with another process: no marks have been made. Only where memory is kept."""
        ...

    def hand_over(self) -> None:
        """Mark that this process's work up to here belongs before the other's further work."""
        ...

    def take_over(self) -> None:
        """Have this process's further work follow the other's next mark. Calls on both sides alternate."""
        ...

    def done(self) -> bool:
        """Whether all work of this process is done; never waits."""
        ...

    def release(self) -> None:
        """Let go of work that follows a mark which will never be made."""
        ...

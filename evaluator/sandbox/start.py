"""What a card needs to have started before a candidate may start nothing any more.

Making a context opens device files, starts threads and opens sockets. Autograd runs backward passes on a card in
threads of its own, a genome's own `backward` functions among it, so these start once files are closed: a thread keeps
the restrictions that its maker had.
"""

from __future__ import annotations

from evaluator.records import Limits
from evaluator.sandbox.rlimits import no_more_processes


class StartDevice:
    """Starts a device in the process that will be the candidate.

    Args:
        device: Its name.
    """

    name = "device"

    def __init__(self, device: str) -> None:
        self._device = device

    def enter(self, limits: Limits, folder: str) -> None:
        """Start it; imports torch where that has not happened yet.

        Raises:
            OSError: It cannot be used here.
        """
        from evaluator.devices import get_device

        get_device(self._device).start()


class NoMoreThreads:
    """Starts autograd's threads for a device, and no others from then on.

    Args:
        device: Its name.
    """

    name = "threads"

    def __init__(self, device: str) -> None:
        self._device = device

    def enter(self, limits: Limits, folder: str) -> None:
        """Run a backward pass on the device.

        Raises:
            OSError: The threads could not be made.
        """
        from evaluator.devices import get_device

        get_device(self._device).differentiate()
        no_more_processes()

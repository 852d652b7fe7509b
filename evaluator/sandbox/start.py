"""Not a restriction: what a card's driver must have done before others are put on.

Making a context opens device files, starts threads and opens sockets; none of it is possible afterwards, or needed.
"""

from __future__ import annotations

from evaluator.records import Limits


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

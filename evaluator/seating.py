"""Which waiting trial begins next, and on which device. Pure: knows neither processes nor trials.

Trials on one card get in each other's way, by its memory and by faults that end all work there, so some must have a
card to themselves. Who waits first for that has one card kept free for it; the others go on elsewhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence


def on_card(device: str) -> bool:
    """Whether trials on a device get in each other's way."""
    return device != "cpu"


def has_room(device: str, alone: bool, there: Sequence[bool]) -> bool:
    """Whether a device may take one more trial.

    Args:
        device: Its name.
        alone: Whether the trial must have it to itself.
        there: Whether those must that it trains now.
    """
    return not (on_card(device) and there and (alone or any(there)))


def next_seat(
    waiting: Sequence[bool], idle: Collection[str], running: Mapping[str, Sequence[bool]]
) -> tuple[int, str] | None:
    """The next trial to begin and its device; None when there is nothing to begin now.

    Args:
        waiting: Of the trials that wait, in order, whether each must be alone.
        idle: Devices with a free slot.
        running: By device, of the trials there, whether each must be alone; all devices are keys.
    """
    if not waiting or not idle:
        return None
    for device in idle:
        if has_room(device, waiting[0], running[device]):
            return 0, device
    if not waiting[0]:
        return None
    kept = min(running, key=lambda device: (any(running[device]), len(running[device])))
    for place, alone in enumerate(waiting):
        for device in idle:
            if not alone and device != kept and has_room(device, alone, running[device]):
                return place, device
    return None

"""Where trials train: the processor, or one of the graphics cards."""

from __future__ import annotations

from evaluator.devices.base import Device


def get_device(name: str) -> Device:
    """The device of that name; imports torch.

    Args:
        name: "cpu", or "cuda:0", "cuda:1" and so on.

    Raises:
        ValueError: There is no such kind of device.
    """
    kind, _, index = name.partition(":")
    if kind == "cpu" and not index:
        from evaluator.devices.cpu import CPU

        return CPU()
    if kind == "cuda" and index.isdecimal():
        from evaluator.devices.cuda import Cuda

        return Cuda(int(index))
    raise ValueError(f"no device is called {name!r}; there are cpu, cuda:0, cuda:1, ...")

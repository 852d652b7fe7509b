"""Capabilities: a process gives up whatever privileges its user has, for good.

Covered: mounting, raising limits, devices, other users' files, as root and inside a user namespace. Not covered: what
an ordinary user may do (see the other layers).
"""

from __future__ import annotations

import ctypes
import struct

from evaluator.records import Limits
from evaluator.sandbox import system

_VERSION = 0x20080522


class NoCapabilities:
    """Empties every set of capabilities."""

    name = "capabilities"

    def enter(self, limits: Limits, folder: str) -> None:
        """Give them up; who has none has nothing to give up.

        Raises:
            OSError: The kernel refused.
        """
        with open("/proc/sys/kernel/cap_last_cap", encoding="ascii") as file:
            last = int(file.read())
        for capability in range(last + 1):
            try:
                system.call("prctl", system.PR_CAPBSET_DROP, capability, 0, 0, 0)
            except PermissionError:
                break  # an ordinary user: there is nothing to gain from what the bounding set holds, without exec
        header = ctypes.create_string_buffer(struct.pack("=Ii", _VERSION, 0), 8)
        none = ctypes.create_string_buffer(24)
        system.call("capset", ctypes.byref(header), ctypes.byref(none))

"""Namespaces: a process sees no other process, no network, no mounts but its own, and a small disk in memory.

Covered: the parent and every other process (it has a number for none), daemons (whoever is left dies with the
candidate), network, shared memory of others, changing anything on disk or filling it (all mounts are read-only; the
working folder is a tmpfs of a stated size). Not covered: reading files that the user may read (see `landlock`), system
calls (see `seccomp`). Needs no privilege where the kernel lets users make user namespaces.
"""

from __future__ import annotations

import ctypes
import os
import struct

from evaluator.records import Limits
from evaluator.sandbox import system

DISK_BYTES = 64 << 20
"""Size of the working folder; its pages count as memory."""

_NEW_USER, _NEW_PID, _NEW_NET, _NEW_MOUNT, _NEW_IPC, _NEW_UTS = (
    0x10000000,
    0x20000000,
    0x40000000,
    0x00020000,
    0x08000000,
    0x04000000,
)
_READ_ONLY, _WHOLE_TREE, _HERE = 1, 0x8000, 0xFFFFFFFFFFFFFF9C
_NOSUID, _NODEV, _NOEXEC, _RECURSIVE, _PRIVATE = 2, 4, 8, 1 << 14, 1 << 18


class Namespaces:
    """New namespaces with a small disk in memory over the working folder.

    Args:
        processes: Whether one of processes is among them.

    Attributes:
        ids: User and group outside.
    """

    name = "namespaces"

    def __init__(self, processes: bool = True) -> None:
        self._flags = _NEW_USER | _NEW_NET | _NEW_MOUNT | _NEW_IPC | _NEW_UTS | (_NEW_PID if processes else 0)
        self.ids = (os.geteuid(), os.getegid())

    def fork(self) -> int:
        """Fork into fresh namespaces; like `os.fork`, in whose child this process is number 1.

        Raises:
            OSError: The kernel refused; there is no child then.
        """
        self.ids = (os.geteuid(), os.getegid())  # inside, nobody is known until `enter`
        return system.clone(self._flags)

    def enter(self, limits: Limits, folder: str) -> None:
        """Close the disk; called in the child of `fork`, once it has its name.

        Raises:
            OSError: The kernel refused.
        """
        system.call("mount", b"none", b"/", None, ctypes.c_ulong(_RECURSIVE | _PRIVATE), None)
        read_only = ctypes.create_string_buffer(struct.pack("=4Q", _READ_ONLY, 0, 0, 0), 32)
        system.raw(system.MOUNT_SETATTR, _HERE, b"/", _WHOLE_TREE, ctypes.byref(read_only), 32)
        options = f"size={DISK_BYTES},mode=700,nr_inodes=4096".encode()
        flags = ctypes.c_ulong(_NOSUID | _NODEV | _NOEXEC)
        system.call("mount", b"tmpfs", folder.encode(), b"tmpfs", flags, options)
        os.chdir(folder)


class SameUser:
    """Whoever we were outside the new namespaces, that we are inside, without privileges there.

    Args:
        namespaces: What made the process.
    """

    name = "user"

    def __init__(self, namespaces: Namespaces) -> None:
        self._namespaces = namespaces

    def enter(self, limits: Limits, folder: str) -> None:
        """Say who we are; until then the process is nobody.

        Raises:
            OSError: The kernel refused.
        """
        user, group = self._namespaces.ids
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)

"""The kernel's calls that Python does not wrap, for the sandbox: raw, with errors as `OSError`.

Must not import anything but ctypes and errno-like constants: it runs between fork and the first line of a genome.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
from typing import Any

_LIBC = ctypes.PyDLL(None, use_errno=True)  # keeps the interpreter's lock, as `os.fork` does
_CLONE = {"x86_64": 56, "aarch64": 220}
LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446
MOUNT_SETATTR = 442
"""Numbers of calls, the same on every processor."""

PR_SET_NO_NEW_PRIVS = 38
PR_CAPBSET_DROP = 24


def call(name: str, *arguments: Any) -> int:
    """A function of the C library.

    Raises:
        OSError: It returned a negative number.
    """
    return _checked(getattr(_LIBC, name)(*arguments), name)


def raw(number: int, *arguments: Any) -> int:
    """A system call by number; integers are passed as 64 bits.

    Raises:
        OSError: The kernel refused.
    """
    wide = [ctypes.c_ulong(each) if isinstance(each, int) else each for each in arguments]
    return _checked(_LIBC.syscall(ctypes.c_long(number), *wide), f"system call {number}")


def _checked(result: int, name: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result


def clone(flags: int) -> int:
    """Fork into new namespaces; returns 0 in the child, its process id in the parent.

    The child is a copy of a process with one thread, as after `os.fork`.

    Raises:
        OSError: The kernel refused, or this processor's call number is not known.
    """
    number = _CLONE.get(platform.machine())
    if number is None:
        raise OSError(f"namespaces are not set up for {platform.machine()} processors")
    api = ctypes.pythonapi
    api.PyOS_BeforeFork()
    pid = _LIBC.syscall(ctypes.c_long(number), *map(ctypes.c_ulong, (flags | signal.SIGCHLD, 0, 0, 0, 0)))
    if pid == 0:
        api.PyOS_AfterFork_Child()
        return 0
    api.PyOS_AfterFork_Parent()
    return _checked(pid, "clone")

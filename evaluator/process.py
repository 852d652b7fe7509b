"""Linux process calls that Python does not wrap: dying with the parent, closing what was inherited."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

_PR_SET_PDEATHSIG = 1


def require_linux() -> None:
    """Raise a clear error where the evaluator cannot work.

    Raises:
        OSError: Not Linux, or a kernel or Python without pidfds and memfds.
    """
    if not sys.platform.startswith("linux") or not hasattr(os, "pidfd_open"):
        raise OSError(
            "the evaluator needs Linux 5.3 or newer (memfd, pidfd, parent-death signals); this is "
            f"{sys.platform}. Run it in a Linux container or virtual machine."
        )


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent ends, however it ends.

    Args:
        parent: Process id of the parent as seen before the fork: if it is gone already, this process ends
            here. (From inside a process namespace of its own a process sees no parent, only a 0.)
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) was refused")
    if os.getppid() not in (parent, 0):
        os._exit(1)


def end_after(work: Callable[[], NoReturn]) -> NoReturn:
    """Do a process's work; what it raises is printed and ends the process at once.

    An ordinary end would wait for what libraries have under way, and a device may never finish it.
    """
    try:
        work()
    except BaseException:  # noqa: BLE001 - the process boundary
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(1)


def close_all_but(keep: set[int]) -> None:
    """Close every file descriptor from 3 up except those in `keep`."""
    low = 3
    for fd in sorted(fd for fd in keep if fd >= 3):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))


def resident_bytes(pid: int) -> int:
    """What a process has in memory, shared pages included; 0 once it has ended."""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def data_bytes() -> int:
    """Private memory of this process that may be written, in bytes: what the limit on data counts."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")


def mapped_bytes() -> int:
    """Address space of this process, in bytes."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")

"""Landlock: which files a process may open (Linux 5.13; <https://docs.kernel.org/userspace-api/landlock.html>).

Covered: reading and writing anywhere but where it says, `/proc` included, so no other process's memory or environment;
on newer kernels TCP, abstract unix sockets, and signals to processes outside. Not covered: UDP, sockets with a path,
how much is written, other system calls (`namespaces` and `seccomp` are for those); what is in memory already.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from evaluator.records import Limits
from evaluator.sandbox import system

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_LOOK_UP = _READ_FILE | _READ_DIR | _EXECUTE  # libraries are mapped as executable
_SPECIAL = 1 << 6 | 1 << 9 | 1 << 10 | 1 << 11  # making devices, sockets and pipes
_RIGHTS_BY_ABI = (0, 13, 14, 15, 15, 16)
"""How many rights over files each version of the interface knows; later ones know as many as the last."""
_NETWORK_ABI, _SCOPE_ABI = 4, 6
_ASK_VERSION = 1
_PATH_BENEATH = 1
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
_FACTS = ("/proc/cpuinfo", "/sys/devices/system/cpu")
"""What torch asks about the processor when it is first needed: without an answer it computes otherwise, by an ulp."""
_PACKAGES = ("site-packages", "dist-packages", "lib-dynload")
"""Folders with code that may be imported late. Not the standard library: its sources are `charlm`'s own text."""


class Landlock:
    """Opens installed packages and facts about the processor to read, harmless devices, the working folder, no more."""

    name = "landlock"

    def enter(self, limits: Limits, folder: str) -> None:
        """Restrict this process, and every one that it could start, for good.

        Raises:
            OSError: The kernel has no Landlock, or it is switched off.
        """
        abi = system.raw(system.LANDLOCK_CREATE_RULESET, 0, 0, _ASK_VERSION)
        rights = (1 << _RIGHTS_BY_ABI[min(abi, len(_RIGHTS_BY_ABI) - 1)]) - 1
        handled = [rights]
        if abi >= _NETWORK_ABI:
            handled.append(0b11)  # TCP bind and connect
        if abi >= _SCOPE_ABI:
            handled.append(0b11)  # abstract unix sockets, signals
        attributes = ctypes.create_string_buffer(struct.pack(f"={len(handled)}Q", *handled), 8 * len(handled))
        rules = system.raw(system.LANDLOCK_CREATE_RULESET, ctypes.byref(attributes), 8 * len(handled), 0)
        try:
            for path in _packages():
                _allow(rules, path, _LOOK_UP)
            for path in _FACTS:
                _allow(rules, path, _READ_FILE | (_READ_DIR if os.path.isdir(path) else 0))
            for path in _DEVICES:
                _allow(rules, path, _READ_FILE | _WRITE_FILE)
            _allow(rules, folder, rights & ~_SPECIAL)
            system.call("prctl", system.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            system.raw(system.LANDLOCK_RESTRICT_SELF, rules, 0)
        finally:
            os.close(rules)


def _packages() -> Iterator[str]:
    return (entry for entry in sys.path if Path(entry).name in _PACKAGES)


def _allow(rules: int, path: str, rights: int) -> None:
    """Allow what a file or folder can have of some rights; what is not there needs no rule."""
    with suppress(FileNotFoundError):
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        try:
            rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, fd), 12)
            system.raw(system.LANDLOCK_ADD_RULE, rules, _PATH_BENEATH, ctypes.byref(rule), 0)
        finally:
            os.close(fd)

"""A system-call filter: no processes, no threads, no other programs, no reaching into other processes.

Covered: fork bombs, `exec`, signals to the trainer, debugging other processes, outliving us (`prctl`). Not
covered: files and sockets (see `evaluator.sandbox`). On processors whose call numbers are not listed the
filter is left out, and `RLIMIT_NPROC` alone stands against forks.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from dataclasses import dataclass

from evaluator.records import Limits

_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_FILTER_MODE = 2

# struct seccomp_data: nr at 0, arch at 4, instruction pointer at 8, then six 64-bit arguments.
_NR, _ARCH, _FIRST_ARGUMENT = 0, 4, 16
_LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL_PROCESS, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000


@dataclass(frozen=True)
class _Processor:
    """System-call numbers of one processor.

    Attributes:
        arch: Its AUDIT_ARCH number.
        refused: fork, vfork, clone, execve, execveat, prctl, ptrace, process_vm_readv, process_vm_writev,
            tkill, rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_send_signal, pidfd_open, pidfd_getfd (where they
            exist).
        own_only: kill, tgkill: allowed towards the process itself (`abort` needs it).
        clone3: Answered with ENOSYS, so that libraries fall back to clone, which is refused plainly.
        first_foreign: Numbers from here up belong to another calling convention (x32).
    """

    arch: int
    refused: tuple[int, ...]
    own_only: tuple[int, ...]
    clone3: int = 435
    first_foreign: int = 0x40000000


_PROCESSORS = {
    "x86_64": _Processor(
        0xC000003E, (57, 58, 56, 59, 322, 157, 101, 310, 311, 200, 129, 297, 424, 434, 438), (62, 234)
    ),
    "aarch64": _Processor(0xC00000B7, (220, 221, 281, 167, 117, 270, 271, 130, 138, 240, 424, 434, 438), (129, 131)),
}


class SystemCallFilter:
    """The filter, installed with `no_new_privs` so that it needs no privilege."""

    name = "seccomp"

    def enter(self, limits: Limits) -> None:
        """Install the filter; does nothing on processors that are not listed."""
        processor = _PROCESSORS.get(platform.machine())
        if processor is None:
            return
        program = _program(processor, os.getpid())
        code = ctypes.create_string_buffer(program, len(program))
        count = len(program) // 8
        header = ctypes.create_string_buffer(struct.pack("@HxxxxxxQ", count, ctypes.addressof(code)))
        libc = ctypes.CDLL(None, use_errno=True)
        for arguments in (
            (_PR_SET_NO_NEW_PRIVS, 1, 0),
            (_PR_SET_SECCOMP, _FILTER_MODE, ctypes.addressof(header)),
        ):
            if libc.prctl(arguments[0], ctypes.c_ulong(arguments[1]), ctypes.c_ulong(arguments[2]), 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "prctl was refused")


def _program(processor: _Processor, pid: int) -> bytes:
    """The filter as BPF instructions of 8 bytes each."""

    def op(code: int, k: int, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("@HBBI", code, yes, no, k)

    refuse = op(_RETURN, _FAIL | errno.EPERM)
    parts = [
        op(_LOAD, _ARCH),
        op(_JUMP_EQUAL, processor.arch, yes=1),
        op(_RETURN, _KILL_PROCESS),
        op(_LOAD, _NR),
        op(_JUMP_AT_LEAST, processor.first_foreign, no=1),
        refuse,
        op(_JUMP_EQUAL, processor.clone3, no=1),
        op(_RETURN, _FAIL | errno.ENOSYS),
    ]
    for number in processor.refused:
        parts += [op(_JUMP_EQUAL, number, no=1), refuse]
    for number in processor.own_only:
        parts += [
            op(_JUMP_EQUAL, number, no=4),
            op(_LOAD, _FIRST_ARGUMENT),
            op(_JUMP_EQUAL, pid, no=1),
            op(_RETURN, _ALLOW),
            refuse,
        ]
    parts.append(op(_RETURN, _ALLOW))
    return b"".join(parts)

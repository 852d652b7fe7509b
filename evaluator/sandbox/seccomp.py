"""A system-call filter: what a candidate may not ask of the kernel (seccomp, which needs no privilege here).

Covered: processes, threads and programs of its own; signals to others, debugging, outliving us; sockets of any kind;
shared memory and memory files that no limit counts; namespaces, mounts, keys, the kernel's own programs. Not covered:
which files are opened (see `landlock`).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct

from evaluator.records import Limits
from evaluator.sandbox import system

_SECCOMP = {"x86_64": 317, "aarch64": 277}
_SET_FILTER, _ALL_THREADS = 1, 1
"""SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC."""

# struct seccomp_data: nr at 0, arch at 4, instruction pointer at 8, then six 64-bit arguments.
_NR, _ARCH, _FIRST_ARGUMENT, _SECOND_ARGUMENT, _FOURTH_ARGUMENT = 0, 4, 16, 24, 40
_AND, _LOAD, _JUMP_EQUAL, _JUMP_AT_LEAST, _RETURN = 0x54, 0x20, 0x15, 0x35, 0x06
_ALLOW, _KILL_PROCESS, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000


_PROCESSORS = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""By machine: column of the tables below, and its AUDIT_ARCH number."""
_CLONE3 = 435
"""Answered with ENOSYS, so that libraries fall back to clone, which is refused plainly."""
_FIRST_FOREIGN = 0x40000000
"""Numbers from here up belong to another calling convention (x32)."""

_Numbers = tuple[int | None, int | None]

_OWN_ONLY: dict[str, _Numbers] = {"kill": (62, 129), "tgkill": (234, 131)}
"""Allowed towards the process itself: `abort` needs it."""
_CALLER_ONLY: dict[str, _Numbers] = {"prlimit64": (302, 261)}
"""Allowed with a 0 for the process, which is the caller: `getrlimit` needs it."""

_MAP: _Numbers = (9, 222)
_SHARED_ANONYMOUS = 0x21
"""`mmap` with both flags: memory that the limit on data does not count."""

_COMMANDS: dict[str, tuple[tuple[int, int], tuple[int, ...]]] = {
    "fcntl": ((72, 25), (8, 10, 15)),  # F_SETOWN, F_SETSIG, F_SETOWN_EX
    "ioctl": ((16, 29), (0x8901, 0x8902, 0x5412)),  # FIOSETOWN, SIOCSPGRP, TIOCSTI
}
"""Second arguments that are refused: who gets signals for a descriptor, and of which kind; typing for others."""

_REFUSED: dict[str, _Numbers] = {
    # processes and programs
    "fork": (57, None), "vfork": (58, None), "clone": (56, 220), "execve": (59, 221), "execveat": (322, 281),
    "prctl": (157, 167), "setsid": (112, 157), "personality": (135, 92), "kcmp": (312, 272),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "setpriority": (141, 140),
    "sched_setaffinity": (203, 122), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274), "ioprio_set": (251, 30), "migrate_pages": (256, 238), "move_pages": (279, 239),
    # sockets: the control socket is there already, and is only read and written
    "socket": (41, 198), "socketpair": (53, 199), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202),
    "accept4": (288, 242), "connect": (42, 203),
    # memory that no limit counts, and what others can map
    "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "msgget": (68, 186),
    "semget": (64, 190), "userfaultfd": (323, 282), "mq_open": (240, 180),
    # what Landlock does not look at: modes, owners, times and attributes of files that can be named
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16), "setxattrat": (463, 463),
    "removexattrat": (466, 466), "file_setattr": (469, 469), "inotify_init": (253, None), "inotify_init1": (294, 26),
    # namespaces and mounts
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsmount": (432, 432), "mount_setattr": (442, 442), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    # the kernel's own programs and queues
    "bpf": (321, 280), "perf_event_open": (298, 241), "io_uring_setup": (425, 425), "fanotify_init": (300, 262),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "acct": (163, 89), "quotactl": (179, 60),
    "swapon": (167, 224), "reboot": (169, 142), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "sethostname": (170, 161), "iopl": (172, None), "ioperm": (173, None),
}  # fmt: skip
"""Answered with EPERM. Numbers on x86_64 and aarch64, None where there is no such call."""


class SystemCallFilter:
    """The filter, on every thread of the process, with `no_new_privs` so that it needs no privilege.

    Args:
        shared_memory: Whether shared anonymous memory may be mapped; no limit on data counts it.
    """

    name = "seccomp"

    def __init__(self, shared_memory: bool = False) -> None:
        self._shared_memory = shared_memory

    def enter(self, limits: Limits, folder: str) -> None:
        """Install the filter.

        Raises:
            OSError: The kernel refused, or the processor is not listed.
        """
        machine = platform.machine()
        if machine not in _PROCESSORS:
            raise OSError(errno.ENOSYS, f"the filter is not written for {machine} processors")
        program = _program(*_PROCESSORS[machine], os.getpid(), self._shared_memory)
        code = ctypes.create_string_buffer(program, len(program))
        count = len(program) // 8
        header = ctypes.create_string_buffer(struct.pack("@HxxxxxxQ", count, ctypes.addressof(code)))
        system.call("prctl", system.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        without = system.raw(_SECCOMP[machine], _SET_FILTER, _ALL_THREADS, ctypes.byref(header))
        if without != 0:
            raise OSError(errno.EBUSY, f"thread {without} has a filter of its own and cannot take ours")


def _program(column: int, arch: int, pid: int, shared_memory: bool) -> bytes:
    """The filter as BPF instructions of 8 bytes each."""

    def op(code: int, k: int, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("@HBBI", code, yes, no, k)

    refuse = op(_RETURN, _FAIL | errno.EPERM)
    parts = [
        op(_LOAD, _ARCH),
        op(_JUMP_EQUAL, arch, yes=1),
        op(_RETURN, _KILL_PROCESS),
        op(_LOAD, _NR),
        op(_JUMP_AT_LEAST, _FIRST_FOREIGN, no=1),
        refuse,
        op(_JUMP_EQUAL, _CLONE3, no=1),
        op(_RETURN, _FAIL | errno.ENOSYS),
    ]
    for number in _numbers(_REFUSED, column):
        parts += [op(_JUMP_EQUAL, number, no=1), refuse]
    own = [(number, pid) for number in _numbers(_OWN_ONLY, column)]
    for number, whom in [*own, *((number, 0) for number in _numbers(_CALLER_ONLY, column))]:
        parts += [
            op(_JUMP_EQUAL, number, no=4),
            op(_LOAD, _FIRST_ARGUMENT),
            op(_JUMP_EQUAL, whom, no=1),
            op(_RETURN, _ALLOW),
            refuse,
        ]
    for numbers, commands in _COMMANDS.values():
        parts += [op(_JUMP_EQUAL, numbers[column], no=2 + 2 * len(commands)), op(_LOAD, _SECOND_ARGUMENT)]
        for command in commands:
            parts += [op(_JUMP_EQUAL, command, no=1), refuse]
        parts.append(op(_RETURN, _ALLOW))
    map_number = _MAP[column]
    assert map_number is not None
    parts += [
        op(_JUMP_EQUAL, map_number, no=4),
        op(_LOAD, _FOURTH_ARGUMENT),
        op(_AND, 0 if shared_memory else _SHARED_ANONYMOUS),
        op(_JUMP_EQUAL, _SHARED_ANONYMOUS, no=1),
        refuse,
        op(_RETURN, _ALLOW),
    ]
    return b"".join(parts)


def _numbers(table: dict[str, _Numbers], column: int) -> list[int]:
    return [number for row in table.values() if (number := row[column]) is not None]

"""POSIX resource limits: CPU seconds, address space, file size, open files, core dumps, processes.

Covered: endless loops, memory eating, filling a disk with one big file. Not covered: many small files,
reading files, the network (see `evaluator.sandbox`).
"""

from __future__ import annotations

import math
import resource

from evaluator.process import data_bytes, mapped_bytes
from evaluator.records import Limits

_FILE_BYTES = 16 << 20
_OPEN_FILES, _OPEN_FILES_WITH_CARD = 64, 1024


class ResourceLimits:
    """Limits that the kernel keeps for each process.

    Args:
        mapped: Whether memory counts once it is mapped; otherwise once it may be written, as a card's driver needs it,
            and processes are limited later, by `NoMoreThreads`.
    """

    name = "rlimits"

    def __init__(self, mapped: bool = True) -> None:
        self._mapped = mapped

    def enter(self, limits: Limits, folder: str) -> None:
        """Set the limits.

        CPU seconds are whole ones, rounded up: at the limit comes SIGXCPU, one second later SIGKILL. Memory
        counts what the process adds to what it inherited from the warm fork server.
        """
        cpu = math.ceil(limits.cpu_seconds)
        kind_of_memory = resource.RLIMIT_AS if self._mapped else resource.RLIMIT_DATA
        memory = (mapped_bytes() if self._mapped else data_bytes()) + limits.memory_bytes
        files = _OPEN_FILES if self._mapped else _OPEN_FILES_WITH_CARD
        if self._mapped:
            no_more_processes()
        for kind, soft, hard in (
            (resource.RLIMIT_CPU, cpu, cpu + 1),
            (kind_of_memory, memory, memory),
            (resource.RLIMIT_FSIZE, _FILE_BYTES, _FILE_BYTES),
            (resource.RLIMIT_NOFILE, files, files),
            (resource.RLIMIT_CORE, 0, 0),
        ):
            resource.setrlimit(kind, (soft, hard))


def no_more_processes() -> None:
    """Let this process start no process and no thread from now on."""
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))

"""POSIX resource limits: CPU seconds, address space, file size, open files, core dumps, processes.

Covered: endless loops, memory eating, filling a disk with one big file. Not covered: many small files,
reading files, the network (see `evaluator.sandbox`).
"""

from __future__ import annotations

import math
import resource

from evaluator.process import mapped_bytes
from evaluator.records import Limits

_FILE_BYTES = 16 << 20
_OPEN_FILES = 64


class ResourceLimits:
    """Limits that the kernel keeps for each process."""

    name = "rlimits"

    def enter(self, limits: Limits, folder: str) -> None:
        """Set the limits.

        CPU seconds are whole ones, rounded up: at the limit comes SIGXCPU, one second later SIGKILL. Memory
        counts what the process adds to what it inherited from the warm fork server.
        """
        cpu = math.ceil(limits.cpu_seconds)
        memory = mapped_bytes() + limits.memory_bytes
        for kind, soft, hard in (
            (resource.RLIMIT_CPU, cpu, cpu + 1),
            (resource.RLIMIT_AS, memory, memory),
            (resource.RLIMIT_FSIZE, _FILE_BYTES, _FILE_BYTES),
            (resource.RLIMIT_NOFILE, _OPEN_FILES, _OPEN_FILES),
            (resource.RLIMIT_CORE, 0, 0),
            (resource.RLIMIT_NPROC, 0, 0),
        ):
            resource.setrlimit(kind, (soft, hard))

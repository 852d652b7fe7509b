"""One scratch folder per evaluator, swept by the next one if its owner was killed."""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from evaluator.removal import remove

_PREFIX = "evolve-evaluator-"
_LOCK = "lock"


class Scratch:
    """A folder held by a lock, so that others can tell whether it is in use.

    Attributes:
        path: The folder.
    """

    def __init__(self) -> None:
        _sweep()
        self.path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        new = self.path / f"{_LOCK}.new"
        self._fd = os.open(new, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._fd, fcntl.LOCK_EX)
        new.rename(self.path / _LOCK)  # only now can another evaluator's sweep see it

    def remove(self) -> None:
        """Delete the folder and release the lock."""
        remove(self.path)
        os.close(self._fd)


def _sweep() -> None:
    """Delete the folders of evaluators that are gone."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        # Another user's folder, or one that its owner is removing just now: not ours to sweep. Nor is what a link that
        # anybody can have put here leads to.
        with suppress(OSError):
            folder = lock.parent.lstat()
            if not stat.S_ISDIR(folder.st_mode) or folder.st_uid != os.geteuid():
                continue
            fd = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                remove(lock.parent)
            finally:
                os.close(fd)

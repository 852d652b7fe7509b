"""Removing folders that a candidate has written to: any depth, any names, any permissions. Must not follow links."""

from __future__ import annotations

import os
from contextlib import suppress


def remove(folder: str | os.PathLike[str]) -> None:
    """Remove a folder and all in it; what cannot be removed stays, without an error.

    A tree may be deeper than a path may be long or Python may recurse: folders inside are moved beside the top one,
    so that each is reached in one step.
    """
    top, moved = os.fspath(folder), 0
    todo = [top]
    while todo:
        place = todo.pop()
        with suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                with suppress(OSError):
                    if not entry.is_dir(follow_symlinks=False):
                        os.unlink(entry.path)
                        continue
                    os.chmod(entry.path, 0o700)
                    moved += 1
                    beside = f"{top}.{os.getpid()}.{moved}"
                    os.rename(entry.path, beside)
                    todo.append(beside)
        with suppress(OSError):
            os.rmdir(place)

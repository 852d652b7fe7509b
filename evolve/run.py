"""A run is one folder: its database, its lock and its inbox. Must not know what a run does."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

RUNS = Path("runs")


class RunError(Exception):
    """A run folder is missing, taken or not one; the message says what to do."""


@dataclass(frozen=True)
class Run:
    """Paths of one run.

    Attributes:
        folder: The run's folder.
    """

    folder: Path

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.folder / "population.db"

    @property
    def inbox(self) -> Path:
        """Where `evolve add` leaves genomes for a live run to pick up."""
        return self.folder / "inbox"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run's lock: one writer at a time. The kernel frees it when the process ends, however it ends.

        Raises:
            RunError: Another process holds it.
        """
        try:
            handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise RunError(f"cannot write in {self.folder}: {error.strerror}") from error
        try:
            if not _locked(handle):
                holder = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
                raise RunError(
                    f"{self.folder} is in use by a live run (process {holder}): wait for it, stop it, "
                    "or choose another folder with --run"
                )
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(handle)


def _locked(handle: int) -> bool:
    """Take the lock; a reader that looks whether the run is live holds it for a moment, so try more than once."""
    for _ in range(20):
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.025)
        else:
            return True
    return False


def is_live(run: Run) -> bool:
    """Whether a process holds the run's lock."""
    try:
        handle = os.open(run.folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def new_run(folder: Path | None) -> Run:
    """Make the folder of a new run: the one asked for, or the next number under `runs/`.

    Raises:
        RunError: The folder holds a run already, or cannot be made.
    """
    if folder is not None:
        run = Run(folder)
        if run.database.exists():
            raise RunError(f"{folder} holds a run already: `evolve resume --run {folder}` goes on with it")
        if folder.exists() and (not folder.is_dir() or any(p.name != "lock" for p in folder.iterdir())):
            raise RunError(f"{folder} is not an empty folder: choose another one with --run")
        _make(folder)
        return run
    _make(RUNS)
    while True:
        folder = RUNS / f"{max((number for number, _ in _numbered()), default=0) + 1:04d}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        return Run(folder)


def find_run(folder: Path | None) -> Run:
    """The run in `folder`, or the newest under `runs/`.

    Raises:
        RunError: There is none.
    """
    if folder is not None:
        if not Run(folder).database.exists():
            raise RunError(f"{folder} holds no run (expected {Run(folder).database}){_known()}")
        return Run(folder)
    with_database = [run for _, run in sorted(_numbered(), reverse=True) if run.database.exists()]
    if not with_database:
        raise RunError(f"no run under {RUNS}/: begin one with `evolve start`, or name one with --run DIR")
    return with_database[0]


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"cannot make the folder {folder}: {error.strerror}") from error


def _numbered() -> list[tuple[int, Run]]:
    if not RUNS.is_dir():
        return []
    return [(int(p.name), Run(p)) for p in RUNS.iterdir() if p.is_dir() and re.fullmatch(r"\d{1,9}", p.name)]


def _known() -> str:
    names = [str(run.folder) for _, run in sorted(_numbered(), reverse=True)[:5] if run.database.exists()]
    return f"; there is {', '.join(names)}" if names else ""

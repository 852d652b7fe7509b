"""From the words of a command line to runs: files, folders and globs.

A folder is one group, named after it, with whatever lies below; files named one by one make a group for each folder
that they lie in, except JSON lines, whose rows name their groups. Must not know any rule.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path

from evolve.verdict.jsonl import read_jsonl
from evolve.verdict.problems import Problem, Reading, joined
from evolve.verdict.runs import Name
from evolve.verdict.text_logs import read_text_log

ROWS = {".jsonl", ".ndjson"}
LOGS = {".txt", ".log", ".out"}
"""What is looked at in folders; a file that is named is read whatever its suffix."""
LARGEST = 256 * 1024 * 1024
"""Bytes of a file beyond which it is no log; twenty trials are 50 kB."""


def read_all(words: Iterable[str]) -> Reading:
    """The runs behind the words of a command line, each file once."""
    seen: set[Path] = set()
    return joined(_read_word(word, seen) for word in words)


def _read_word(word: str, seen: set[Path]) -> Reading:
    path = Path(word)
    if path.is_dir():
        return _read_folder(path, seen)
    if path.exists():
        return _read_file(path, _folder_name(path), seen)
    found = sorted(Path(name) for name in glob.glob(word, recursive=True))
    if not found:
        kind = "no file matches" if glob.has_magic(word) else "there is no such file or folder"
        return Reading(problems=(Problem(word, f"{kind}; expected a log, a folder of logs or JSON lines"),))
    return joined(
        _read_folder(each, seen) if each.is_dir() else _read_file(each, _folder_name(each), seen) for each in found
    )


def _folder_name(path: Path) -> Name:
    """What a file's group is called: its folder, or the file itself where that has no name of its own."""
    return path.parent.name or path.stem


def _read_folder(folder: Path, seen: set[Path]) -> Reading:
    """All logs below a folder. Other text files there are passed over, unless no log is left then."""
    name = folder.name or folder.resolve().name
    readings = list(_readings(folder, name, seen))
    if not any(reading.runs for reading in readings):
        problem = Problem(str(folder), f"no log with a validation was found among {len(readings)} files in this folder")
        return joined([*readings, Reading(problems=(problem,))])
    return joined(reading for reading in readings if reading.runs or not _is_no_log(reading))


def _readings(folder: Path, name: Name, seen: set[Path]) -> Iterator[Reading]:
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in ROWS | LOGS and path.is_file():
            yield _read_file(path, name, seen)


def _is_no_log(reading: Reading) -> bool:
    """Whether a file of a folder is something else: a list of requirements, an error output, a note."""
    return len(reading.problems) == 1 and "no validation was found" in reading.problems[0].text


def _read_file(path: Path, record: Name, seen: set[Path]) -> Reading:
    """The runs of one file; nothing the second time."""
    try:
        resolved = path.resolve()
        if resolved in seen:
            return Reading()
        seen.add(resolved)
        if not path.is_file():
            return _unreadable(path, "this is no ordinary file")
        size = path.stat().st_size
        if size > LARGEST:
            return _unreadable(path, f"{size} bytes are no log; the largest that is read has {LARGEST}")
        data = path.read_bytes()
    except OSError as error:
        return _unreadable(path, f"cannot be read: {error.strerror or error}")
    if not data.strip():
        return _unreadable(path, "the file is empty; expected a log or JSON lines")
    if b"\0" in data[:4096]:
        return _unreadable(path, "this is not a text file; expected a log or JSON lines")
    text = data.decode("utf-8", errors="replace").lstrip("\ufeff")
    rows = path.suffix.lower() in ROWS or (path.suffix.lower() not in LOGS and text.lstrip().startswith("{"))
    return read_jsonl(text, str(path), record) if rows else read_text_log(text, str(path), record)


def _unreadable(path: Path, text: str) -> Reading:
    return Reading(problems=(Problem(str(path), text),))

"""From the words of a command line to runs: files, folders and globs.

A folder is one group, named after it, with whatever lies below; files named one by one make a group for each folder
that they lie in, except JSON lines, whose rows name their groups. Must not know any rule.
"""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class _File:
    """A file to read.

    Attributes:
        path: Where it is.
        group: The folder whose group its runs belong to.
        named: Whether it was named itself, so that it is an error if it is no log.
    """

    path: Path
    group: Path
    named: bool


def read_all(words: Iterable[str]) -> Reading:
    """The runs behind the words of a command line, each file once."""
    files: dict[Path, _File] = {}
    problems: list[Problem] = []
    folders: list[Path] = []
    for word in words:
        paths = [Path(word)] if Path(word).exists() else sorted(Path(name) for name in glob.glob(word, recursive=True))
        if not paths:
            kind = "no file matches" if glob.has_magic(word) else "there is no such file or folder"
            problems.append(Problem(word, f"{kind}; expected a log, a folder of logs or JSON lines"))
        for path in paths:
            if path.is_dir():
                folders.append(path)
            for file in _below(path) if path.is_dir() else [_File(path, path.parent, True)]:
                files.setdefault(file.path.resolve(), file)
    names = _names(list(files.values()))
    readings = [(file, _read_file(file.path, names[file.group])) for file in files.values()]
    logs = {file.group for file, reading in readings if reading.runs}
    for folder in folders:
        if folder not in logs and not any(file.group == folder and reading.problems for file, reading in readings):
            problems.append(Problem(str(folder), "this folder holds no log; expected .txt, .log, .out or .jsonl files"))
    beside = {file.path for file, reading in readings if not file.named and file.group in logs and _is_no_log(reading)}
    read = joined(reading for file, reading in readings if file.path not in beside)
    return Reading(read.runs, (*read.problems, *problems), tuple(sorted(map(str, beside))))


def _below(folder: Path) -> list[_File]:
    """What may be a log below a folder. Other text files there are passed over, unless no log is left then."""
    paths = (path for path in sorted(folder.rglob("*")) if path.suffix.lower() in ROWS | LOGS and path.is_file())
    return [_File(path, folder, False) for path in paths]


def _names(files: Sequence[_File]) -> dict[Path, Name]:
    """What groups are called: their folder's name, or the name of the only file; whole paths where those are alike."""
    members: dict[Path, list[_File]] = {}
    for file in files:
        members.setdefault(file.group, []).append(file)
    short = {
        group: own[0].path.stem if len(own) == 1 and own[0].named else group.resolve().name or str(group)
        for group, own in members.items()
    }
    taken = Counter(short.values())
    return {group: name if taken[name] == 1 else str(group) for group, name in short.items()}


def _is_no_log(reading: Reading) -> bool:
    """Whether a file of a folder is something else: a list of requirements, an error output, a note, nothing."""
    return not reading.runs and len(reading.problems) == 1 and reading.problems[0].no_log


def _read_file(path: Path, record: Name) -> Reading:
    """The runs of one file."""
    try:
        if not path.is_file():
            return _unreadable(path, "this is no ordinary file")
        size = path.stat().st_size
        if size > LARGEST:
            return _unreadable(path, f"{size} bytes are no log; the largest that is read has {LARGEST}")
        data = path.read_bytes()
    except OSError as error:
        return _unreadable(path, f"cannot be read: {error.strerror or error}")
    if not data.strip():
        return _unreadable(path, "the file is empty; expected a log or JSON lines", no_log=True)
    if b"\0" in data[:4096]:
        return _unreadable(path, "this is not a text file; expected a log or JSON lines", no_log=True)
    text = data.decode("utf-8", errors="replace").lstrip("\ufeff")
    rows = path.suffix.lower() in ROWS or (path.suffix.lower() not in LOGS and text.lstrip().startswith("{"))
    return read_jsonl(text, str(path), record) if rows else read_text_log(text, str(path), record)


def _unreadable(path: Path, text: str, no_log: bool = False) -> Reading:
    return Reading(problems=(Problem(str(path), text, no_log),))

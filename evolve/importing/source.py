"""Reading a script, or a log that begins with one. Text only; what it means is for others."""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

from evolve.importing.errors import NotImportableError

MAX_BYTES = 16 << 20
"""Largest file that is read: logs of several runs have a few MiB."""
MAX_SCRIPT = 1 << 20
"""Largest script."""
_RULE = re.compile(r"^={10,}[ \t]*$", re.MULTILINE)
_MAX_DEPTH = 150
_MAX_NODES = 100_000


@dataclass(frozen=True)
class Script:
    """A script as it was found.

    Attributes:
        name: File name.
        text: Its source, lines ended by line feeds.
        log: What a log holds after the source, or "".
    """

    name: str
    text: str
    log: str

    @property
    def digest(self) -> str:
        """The first 16 hexadecimal characters of the SHA-256 of the source."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:16]

    def tree(self) -> ast.Module:
        """Its syntax tree."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(self.text)


def read(path: Path) -> Script:
    """Read a script or a log.

    Raises:
        NotImportableError: It cannot be read, or does not begin with Python.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise NotImportableError(
                f"{path.name} has {size} bytes; a script or log of at most {MAX_BYTES} was expected"
            )
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise NotImportableError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise NotImportableError(f"{path.name} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    return from_text(path.name, text)


def from_text(name: str, text: str) -> Script:
    """A script from its text, or from a log's: the source ends at the first line of `=`, or at the line before that.

    Raises:
        NotImportableError: There is no Python at the beginning.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
    problem = _problem(text)
    if not problem:
        return Script(name, text, "")
    rule = _RULE.search(text)
    if rule is None:
        raise NotImportableError(f"{name} is neither a script nor a log that begins with one: {problem}")
    source = text[: rule.start()]
    problem = _problem(source)
    shorter = source.rstrip().rpartition("\n")[0] + "\n"
    if problem and not _problem(shorter):  # a line of the script's own, as the name of its log, stands between
        source, problem = shorter, ""
    if problem:
        raise NotImportableError(f"{name}: what stands before the first line of '=' is not Python: {problem}")
    return Script(name, source, text[rule.start() :])


def _problem(text: str) -> str:
    """Why a text is no script, or ""."""
    if "\0" in text:
        return "it holds a NUL character"
    if not text.strip():
        return "it is empty"
    if len(text) > MAX_SCRIPT:
        return f"it has {len(text)} characters, at most {MAX_SCRIPT} are read"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "<script>", "exec", dont_inherit=True)
            tree = ast.parse(text)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, MemoryError, RecursionError) as error:
        return str(error) or "it is nested too deeply"
    depth, count, level = 0, 0, [tree]
    while level:
        depth += 1
        count += len(level)
        level = [child for node in level for child in ast.iter_child_nodes(node)]  # type: ignore[misc]
    if count > _MAX_NODES:
        return f"it has {count} parts of syntax, at most {_MAX_NODES} are read"
    return f"it is nested {depth} levels deep, at most {_MAX_DEPTH} are read" if depth > _MAX_DEPTH else ""

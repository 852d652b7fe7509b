"""Real text that every machine has, split into train, validation and test. Needs numpy, never torch."""

from __future__ import annotations

import hashlib
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_EVERY = 20
"""One file in twenty is held out for validation, another one for test."""


class TextError(ValueError):
    """The text cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Text:
    """Bytes of the three splits.

    Attributes:
        train: uint8, shape (n,).
        validation: uint8, shape (n,).
        test: uint8, shape (n,).
    """

    train: NDArray[np.uint8]
    validation: NDArray[np.uint8]
    test: NDArray[np.uint8]

    def digest(self) -> str:
        """Hex digest of all three splits, lengths included."""
        digest = hashlib.sha256()
        for part in (self.train, self.validation, self.test):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part.tobytes())
        return digest.hexdigest()


def load_text(path: Path | None, need: int) -> Text:
    """Read and split a text.

    Files are sorted by name. With at least 20 of them, of each 20 consecutive files the 10th goes to
    validation and the 20th to test, whole; with fewer, the bytes are joined and cut 90/5/5 in order. Equal
    inputs give equal splits.

    Args:
        path: A file, or a folder of which every file below counts; None takes the running interpreter's own
            standard-library modules (its top-level `*.py`).
        need: Bytes that each split must have at least.

    Raises:
        TextError: There is no such text, or too little of it.
    """
    files = _files(path)
    texts = [file.read_bytes() for file in files]
    if len(texts) >= _EVERY:
        parts = [
            b"\n".join(text for index, text in enumerate(texts) if _split_of(index) == name)
            for name in ("train", "validation", "test")
        ]
    else:
        whole = b"\n".join(texts)
        first, second = len(whole) * 90 // 100, len(whole) * 95 // 100
        parts = [whole[:first], whole[first:second], whole[second:]]
    short = [
        f"{name} {len(part)}"
        for name, part in zip(("train", "validation", "test"), parts, strict=True)
        if len(part) < need
    ]
    if short:
        raise TextError(
            f"the text at {path or 'the standard library'} is too small: every split needs {need} bytes, "
            f"but there are only: {', '.join(short)}. Give a longer text, with --data PATH (about {need * 20} bytes in "
            "all)."
        )
    train, validation, test = (np.frombuffer(part, dtype=np.uint8) for part in parts)
    return Text(train, validation, test)


def _split_of(index: int) -> str:
    return {_EVERY // 2 - 1: "validation", _EVERY - 1: "test"}.get(index % _EVERY, "train")


def _files(path: Path | None) -> Sequence[Path]:
    if path is None:
        found = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))
        if not found:
            raise TextError("this Python has no standard-library sources to read; give a text with --data PATH")
        return found
    if path.is_file():
        return [path]
    if path.is_dir():
        found = sorted(file for file in path.rglob("*") if file.is_file())
        if found:
            return found
        raise TextError(f"the folder {path} holds no files; give a text file or a folder of text files")
    raise TextError(f"there is no file or folder {path}; give a text file or a folder of text files")

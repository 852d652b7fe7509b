"""Token shards in the public benchmark's form: one file a shard, so many tokens of two bytes. Needs numpy, never torch.

A shard is a header of 256 int32 (a magic number, the version 1, the number of tokens), then the tokens as uint16.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MAGIC, VERSION, HEADER_BYTES = 20240520, 1, 1024
FINEWEB_VOCABULARY = 50304
"""GPT-2's 50,257 tokens, padded to a multiple of 128."""
MOST_TOKENS = 1 << 16
"""Tokens that two bytes can tell apart."""
_NOTE = "shards.json"
_SAMPLES, _SAMPLE_BYTES = 64, 1 << 16
_LOOKED_AT = 1 << 16
"""Tokens at the beginning of a shard that are compared with the vocabulary."""

Tokens = NDArray[np.uint16]


class ShardError(ValueError):
    """Token shards cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Shards:
    """The shards of a folder.

    Attributes:
        train: Files to train on, in the order of their names, which is the order of training.
        held_out: Files for validation and test.
        vocabulary: Tokens are below this.
        trained: Tokens of each one to train on.
        scored: Tokens of the first one that is held out, which scores trials.
    """

    train: tuple[Path, ...]
    held_out: tuple[Path, ...]
    vocabulary: int
    trained: tuple[int, ...]
    scored: int

    def steps(self, tokens_per_step: int) -> list[int]:
        """Steps that each one to train on gives."""
        return [steps_in(tokens, tokens_per_step) for tokens in self.trained]

    def digest(self) -> str:
        """Hex digest of the shards' sizes and of evenly spaced samples of their bytes.

        The public benchmark's shards are gigabytes, and every process of a run asks for this: a file that was cut,
        mixed up or made anew is noticed, a single changed byte may not be.
        """
        digest = hashlib.sha256(str(self.vocabulary).encode())
        for path in (*self.train, *self.held_out):
            size = path.stat().st_size
            digest.update(f"{path.name} {size}".encode())
            with path.open("rb") as file:
                for place in range(_SAMPLES):
                    file.seek(max(0, size - _SAMPLE_BYTES) * place // (_SAMPLES - 1))
                    digest.update(file.read(_SAMPLE_BYTES))
        return digest.hexdigest()


def steps_in(tokens: int, tokens_per_step: int) -> int:
    """Steps that a shard gives: it is left once its rest holds no more than one batch and the token that follows."""
    return max(0, (tokens - 2) // tokens_per_step)


def find_shards(folder: Path) -> Shards:
    """The shards in a folder, their headers and first tokens checked.

    Raises:
        ShardError: There are none, or one is no shard, or of another vocabulary.
    """
    train, held_out = sorted(folder.glob("*_train_*.bin")), sorted(folder.glob("*_val_*.bin"))
    if not train or not held_out:
        raise ShardError(
            f"{folder} holds no token shards (files *_train_*.bin and *_val_*.bin): fetch the public benchmark's with "
            "`evolve data fetch`, or make some of your own text with `evolve data prepare --text PATH`, and name their "
            "folder with --data"
        )
    vocabulary, sizes = _vocabulary(folder / _NOTE), {}
    for path in (*train, *held_out):
        tokens = read_shard(path)
        _check_vocabulary(path, tokens, vocabulary)
        sizes[path] = len(tokens)
    trained = tuple(sizes[path] for path in train)
    return Shards(tuple(train), tuple(held_out), vocabulary, trained, sizes[held_out[0]])


def _check_vocabulary(path: Path, tokens: Tokens, vocabulary: int) -> None:
    """Look at the first tokens alone: shards are gigabytes, and those of another vocabulary show it soon."""
    highest = int(tokens[:_LOOKED_AT].max(initial=0))
    if highest >= vocabulary:
        raise ShardError(
            f"{path} holds token {highest}, but a vocabulary of {vocabulary} ends before it: {path.parent / _NOTE} "
            f"must tell the shards' own (without that file it is the benchmark's, {FINEWEB_VOCABULARY})"
        )


def _vocabulary(note: Path) -> int:
    """What a note says; without one the shards are the benchmark's.

    Raises:
        ShardError: It cannot be read, tells of no possible vocabulary, or says that the shards were never finished.
    """
    if not note.exists():
        return FINEWEB_VOCABULARY
    try:
        about = json.loads(note.read_text(encoding="utf-8"))
        vocabulary, finished = int(about["vocabulary"]), bool(about.get("finished", True))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ShardError(f"{note} cannot be read ({error}): delete its folder and make the shards again") from error
    if not finished:
        again = "run `evolve data fetch`" if "source" in about else "delete the folder and prepare the text"
        raise ShardError(f"the shards beside {note} were never finished: {again} again")
    if not 2 <= vocabulary <= MOST_TOKENS:
        raise ShardError(f"{note} tells of a vocabulary of {vocabulary}: expected from 2 to {MOST_TOKENS} tokens")
    return vocabulary


def read_shard(path: Path) -> Tokens:
    """Tokens of one shard, mapped from its file.

    Raises:
        ShardError: It cannot be read, is no shard, or was cut.
    """
    try:
        header = np.fromfile(path, dtype=np.int32, count=3)
    except OSError as error:
        raise ShardError(f"{path} cannot be read: {error.strerror or error}") from error
    if len(header) < 3 or (header[0], header[1]) != (MAGIC, VERSION):
        raise ShardError(f"{path} is no token shard: expected a header with {MAGIC} and {VERSION}, got {header[:2]}")
    count, there = int(header[2]), max(0, path.stat().st_size - HEADER_BYTES) // 2
    if count != there or count < 0:
        raise ShardError(f"{path} is damaged: its header tells of {count:,} tokens, it holds {there:,}; fetch it again")
    return np.memmap(path, dtype=np.uint16, mode="r", offset=HEADER_BYTES, shape=(count,))


def write_shard(path: Path, tokens: Tokens) -> None:
    """Write one shard; the file is whole or not there."""
    header = np.zeros(HEADER_BYTES // 4, dtype=np.int32)
    header[:3] = MAGIC, VERSION, len(tokens)
    unfinished = path.with_suffix(".part")
    with unfinished.open("wb") as file:
        file.write(header.tobytes())
        file.write(tokens.tobytes())
    unfinished.replace(path)


def write_note(folder: Path, vocabulary: int, **about: object) -> None:
    """Write down of how many tokens a folder's vocabulary is, and what else there is to know."""
    note = {"vocabulary": vocabulary, **about}
    unfinished = folder / f"{_NOTE}.part"
    unfinished.write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
    unfinished.replace(folder / _NOTE)

"""Any text to token shards in the public benchmark's form.

Each file is a document, equal ones are one; a document begins with the token that parts them, as in the benchmark. Of
twenty documents one is held out; the others are put in a random order that is always the same. A few files are joined
and cut instead.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evaluator.tasks.shards import MOST_TOKENS, ShardError, Tokens, write_note, write_shard

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SEPARATOR = "<|endoftext|>"
SHARD_TOKENS = 100_000_000
_ORDER, _HELD_OUT_EVERY, _FEWEST_FILES = 20240520, 20, 40
_PIECE_CHARACTERS = 1 << 16
_LONG_WORD = re.compile(r"\w{1000}|\s{1000}|[^\w\s]{1000}")
_BATCH = 512
_PADDED_TO = 128


@dataclass(frozen=True)
class Prepared:
    """What came of a text.

    Attributes:
        vocabulary: Number of token ids, padded.
        train: Tokens to train on.
        held_out: Tokens for validation and test.
    """

    vocabulary: int
    train: int
    held_out: int


def prepare(
    path: Path, folder: Path, vocabulary: int, gpt2: Path | None, tell: Callable[[str, int, int], None]
) -> Prepared:
    """Make shards of a text.

    Args:
        path: A file, or a folder of which every file below that is UTF-8 text counts.
        folder: Where the shards go; made if need be.
        vocabulary: Tokens of a byte-level BPE that is trained on the text itself.
        gpt2: Folder with GPT-2's own `vocab.json` and `merges.txt`, to be used instead.
        tell: Called with what is being done, how far it is and how far it goes.

    Raises:
        ShardError: The text or the vocabulary cannot be used, or there are shards already.
    """
    if any(folder.glob("*.bin")):
        raise ShardError(f"{folder} holds shards already: take another folder, or delete them")
    # Each text once: a second copy might be held out while the first is trained on.
    documents = list(dict.fromkeys(_documents(path, tell)))
    if not documents:
        raise ShardError(f"{path} holds no text: expected files in UTF-8")
    tokenizer = _gpt2(gpt2) if gpt2 else _trained(documents, vocabulary, tell)
    size = -(-(max(tokenizer.get_vocab().values()) + 1) // _PADDED_TO) * _PADDED_TO
    if size > MOST_TOKENS:
        raise ShardError(
            f"a vocabulary has at most {MOST_TOKENS:,} tokens, which take two bytes each; this has {size:,}"
        )
    train, held_out = _split(documents)
    folder.mkdir(parents=True, exist_ok=True)
    write_note(folder, size, finished=False)
    counts = {}
    for name, part in (("val", held_out), ("train", train)):
        counts[name] = _write(folder, name, part, tokenizer, tell)
    tokenizer.save(str(folder / "tokenizer.json"))
    write_note(folder, size, text=str(path), **counts)
    return Prepared(size, counts["train"], counts["val"])


def _documents(path: Path, tell: Callable[[str, int, int], None]) -> Iterator[str]:
    """Texts of the files, in the order of their names."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for done, file in enumerate(files, 1):
        if done % 1000 == 0 or done == len(files):
            tell("reading", done, len(files))
        try:
            text = file.read_text(encoding="utf-8")
        except (UnicodeDecodeError, PermissionError):
            continue
        if text.strip() and "\0" not in text:
            yield text


def _split(documents: Sequence[str]) -> tuple[list[str], list[str]]:
    """What to train on, and what is held out."""
    if len(documents) < _FEWEST_FILES:
        text = "\n".join(documents)
        border = len(text) - len(text) // _HELD_OUT_EVERY
        return [text[:border]], [text[border:]]
    shuffled = list(documents)
    random.Random(_ORDER).shuffle(shuffled)
    count = len(shuffled) // _HELD_OUT_EVERY
    return shuffled[count:], shuffled[:count]


def _pieces(documents: Sequence[str]) -> Iterator[str]:
    """Documents, those too long cut at line ends: a tokenizer works on one piece by one thread."""
    for document in documents:
        if len(document) <= _PIECE_CHARACTERS:
            yield SEPARATOR + document
            continue
        piece = SEPARATOR
        for line in document.splitlines(keepends=True):
            if len(piece) + len(line) > _PIECE_CHARACTERS:
                yield piece
                piece = ""
            piece += line
        yield piece


def _words_cut(documents: Sequence[str]) -> Iterator[str]:
    """Documents cut inside of what no language calls a word: training takes time by the square of a word's length."""
    for document in documents:
        start = 0
        for word in _LONG_WORD.finditer(document):
            yield document[start : word.end()]
            start = word.end()
        yield document[start:]


def _trained(documents: Sequence[str], vocabulary: int, tell: Callable[[str, int, int], None]) -> Tokenizer:
    """A byte-level BPE of the text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tell("training a vocabulary", 0, 1)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[SEPARATOR],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_words_cut(documents), trainer)
    tell("training a vocabulary", 1, 1)
    return tokenizer


def _gpt2(folder: Path) -> Tokenizer:
    """GPT-2's own.

    Raises:
        ShardError: Its files are not there.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    if not vocabulary.is_file() or not merges.is_file():
        raise ShardError(f"{folder} holds no GPT-2 vocabulary: expected vocab.json and merges.txt")
    try:
        tokenizer = Tokenizer(models.BPE.from_file(str(vocabulary), str(merges)))
    except Exception as error:
        raise ShardError(f"the vocabulary in {folder} cannot be read: {error}") from error
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([SEPARATOR])
    return tokenizer


def _write(
    folder: Path, name: str, documents: Sequence[str], tokenizer: Tokenizer, tell: Callable[[str, int, int], None]
) -> int:
    """Write the shards of one split; returns the number of tokens."""
    characters, seen, total, shard = sum(map(len, documents)), 0, 0, 0
    waiting: list[Tokens] = []
    pieces = _pieces(documents)
    while batch := list(islice(pieces, _BATCH)):
        waiting += [np.array(each.ids, dtype=np.uint16) for each in tokenizer.encode_batch_fast(batch)]
        seen += sum(map(len, batch))
        tell(f"writing {name} tokens", min(seen, characters), characters)
        while sum(map(len, waiting)) >= SHARD_TOKENS:
            joined = np.concatenate(waiting)
            write_shard(folder / f"text_{name}_{shard:06d}.bin", joined[:SHARD_TOKENS])
            waiting, shard, total = [joined[SHARD_TOKENS:]], shard + 1, total + SHARD_TOKENS
    rest = np.concatenate(waiting) if waiting else np.zeros(0, dtype=np.uint16)
    if len(rest):
        write_shard(folder / f"text_{name}_{shard:06d}.bin", rest)
    return total + len(rest)

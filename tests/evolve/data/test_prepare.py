from __future__ import annotations

import json
import random
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, pre_tokenizers

from evaluator.tasks.shards import ShardError, find_shards, read_shard
from evolve.data import prepare as module
from evolve.data.prepare import SEPARATOR, Prepared


def quiet(what: str, done: int, total: int) -> None:
    pass


def prepare(text: Path, folder: Path, vocabulary: int = 300, gpt2: Path | None = None) -> Prepared:
    return module.prepare(text, folder, vocabulary, gpt2, quiet)


def document(number: int) -> str:
    words = random.Random(number)
    lines = (" ".join(words.choices(["the", "häufig", "Wort", "ω", "other\t", "42"], k=6)) for _ in range(4))
    return f"document {number}\n" + "\n".join(lines) + "\n"


def write(folder: Path, count: int) -> Path:
    folder.mkdir(parents=True)
    for number in range(count):
        place = folder / f"part{number % 3}"
        place.mkdir(exist_ok=True)
        (place / f"{number:03d}.txt").write_text(document(number), encoding="utf-8")
    return folder


@pytest.fixture
def many(tmp_path) -> Path:
    return write(tmp_path / "many", 60)


@pytest.fixture
def few(tmp_path) -> Path:
    return write(tmp_path / "few", 6)


@pytest.fixture
def gpt2(tmp_path) -> Path:
    folder = tmp_path / "gpt2"
    folder.mkdir()
    known = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "th", "the", SEPARATOR]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(known)}))
    (folder / "merges.txt").write_text("#version: 0.2\nt h\nth e\n")
    return folder


def all_tokens(folder: Path, split: str) -> list[int]:
    shards = find_shards(folder)
    return np.concatenate([read_shard(path) for path in getattr(shards, split)]).tolist()


def decoded(folder: Path, split: str) -> str:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return tokenizer.decode(all_tokens(folder, split), skip_special_tokens=False)


def documents(folder: Path, split: str) -> list[str]:
    before, *texts = decoded(folder, split).split(SEPARATOR)
    assert before == ""
    return texts


def test_tokens_decode_to_the_documents_each_behind_a_separator(many, tmp_path):
    prepare(many, tmp_path / "out")
    found = documents(tmp_path / "out", "train") + documents(tmp_path / "out", "held_out")
    assert sorted(found) == sorted(document(number) for number in range(60))


def test_one_document_of_twenty_is_held_out_and_never_trained_on(many, tmp_path):
    prepare(many, tmp_path / "out")
    train, held_out = (set(documents(tmp_path / "out", split)) for split in ("train", "held_out"))
    assert (len(train), len(held_out)) == (57, 3)
    assert not train & held_out


def test_copies_and_links_are_one_document_so_that_none_is_held_out_and_trained_on_as_well(many, tmp_path):
    for number, file in enumerate(sorted(many.rglob("*.txt"))):
        (many / f"copy-{number}.txt").write_bytes(file.read_bytes())
        (many / f"link-{number}.txt").symlink_to(file)
    prepare(many, tmp_path / "out")
    train, held_out = (documents(tmp_path / "out", split) for split in ("train", "held_out"))
    assert sorted(train + held_out) == sorted(document(number) for number in range(60))


def test_documents_to_train_on_are_shuffled(many, tmp_path):
    prepare(many, tmp_path / "out")
    order = [path.read_text(encoding="utf-8") for path in sorted(many.rglob("*.txt"))]
    places = [order.index(text) for text in documents(tmp_path / "out", "train")]
    assert places != sorted(places)


def test_the_same_text_gives_the_same_bytes_wherever_it_lies(many, tmp_path):
    elsewhere = Path(shutil.copytree(many, tmp_path / "elsewhere"))
    contents = []
    for number, text in enumerate((many, many, elsewhere)):
        out = tmp_path / f"out{number}"
        prepare(text, out)
        contents.append({path.name: path.read_bytes() for path in out.iterdir() if path.name != "shards.json"})
    assert contents[0] == contents[1] == contents[2]


def test_what_comes_back_and_the_note_tell_of_the_shards(many, tmp_path):
    out = tmp_path / "new" / "out"
    made = prepare(many, out)
    assert made.train == len(all_tokens(out, "train")) > 0
    assert made.held_out == len(all_tokens(out, "held_out")) > 0
    assert made.vocabulary == find_shards(out).vocabulary
    note = json.loads((out / "shards.json").read_text())
    assert note == {"vocabulary": made.vocabulary, "text": str(many), "train": made.train, "val": made.held_out}
    assert {path.name for path in out.iterdir()} == {
        "text_train_000000.bin",
        "text_val_000000.bin",
        "tokenizer.json",
        "shards.json",
    }


def test_a_few_files_are_cut_into_95_and_5_percent_of_their_characters(few, tmp_path):
    prepare(few, tmp_path / "out")
    whole = "\n".join(path.read_text(encoding="utf-8") for path in sorted(few.rglob("*.txt")))
    (train,), (held_out,) = (documents(tmp_path / "out", split) for split in ("train", "held_out"))
    assert train + held_out == whole
    assert len(held_out) == len(whole) // 20


def test_one_file_will_do(few, tmp_path):
    path = few / "part1" / "001.txt"
    prepare(path, tmp_path / "out")
    (train,), (held_out,) = (documents(tmp_path / "out", split) for split in ("train", "held_out"))
    assert train + held_out == document(1)
    assert len(held_out) == len(document(1)) // 20 > 0


def test_files_that_are_no_text_are_left_out(few, tmp_path):
    clean, mixed = tmp_path / "clean", tmp_path / "mixed"
    prepare(few, clean)
    (few / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    (few / "b.txt").write_bytes(b"text with\0a zero")
    (few / "c.txt").write_text("älter", encoding="latin-1")
    (few / "d.txt").write_text(" \n\t\n")
    (few / "e.txt").write_text("")
    prepare(few, mixed)
    for split in ("train", "held_out"):
        assert all_tokens(clean, split) == all_tokens(mixed, split)


def test_a_full_shard_is_followed_by_the_next(many, tmp_path, monkeypatch):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    prepare(many, whole)
    monkeypatch.setattr(module, "SHARD_TOKENS", 500)
    monkeypatch.setattr(module, "_BATCH", 7)
    made = prepare(many, parts)
    shards = find_shards(parts)
    sizes = [len(read_shard(path)) for path in shards.train]
    assert len(sizes) > 3
    assert set(sizes[:-1]) == {500}
    assert 0 < sizes[-1] <= 500
    assert made == Prepared(made.vocabulary, sum(sizes), len(all_tokens(parts, "held_out")))
    assert [path.name for path in shards.train] == [f"text_train_{number:06d}.bin" for number in range(len(sizes))]
    for split in ("train", "held_out"):
        assert all_tokens(parts, split) == all_tokens(whole, split)


def test_shards_that_come_out_even_leave_no_empty_one(few, tmp_path, monkeypatch):
    made = prepare(few, tmp_path / "whole")
    monkeypatch.setattr(module, "SHARD_TOKENS", made.train)
    assert prepare(few, tmp_path / "even") == made
    assert len(find_shards(tmp_path / "even").train) == 1


def test_a_long_document_has_one_separator_and_loses_nothing_at_the_cuts(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PIECE_CHARACTERS", 100)
    text = (
        "a line\n\n\n  an indented one\n" * 40
        + "one line that is longer than a piece " * 20
        + "\nthe end, without a newline"
    )
    (tmp_path / "long.txt").write_text(text)
    prepare(tmp_path / "long.txt", tmp_path / "out")
    (train,), (held_out,) = (documents(tmp_path / "out", split) for split in ("train", "held_out"))
    assert train + held_out == text


@pytest.mark.parametrize("word", ["abc" * 50_000, " " * 100_000, "-" * 2_500, "ж" * 1_000])
def test_a_word_without_end_is_cut_for_the_vocabulary_alone(tmp_path, word):
    text = f"before {word} after"
    cut = list(module._words_cut([text, "short"]))
    assert "".join(cut) == text + "short"
    assert all(len(run) < 2_000 for piece in cut for run in re.findall(r"\w+|\s+|[^\w\s]+", piece))
    (tmp_path / "text").write_text(text, encoding="utf-8")
    prepare(tmp_path / "text", tmp_path / "out")
    (train,), (held_out,) = (documents(tmp_path / "out", split) for split in ("train", "held_out"))
    assert train + held_out == text


@pytest.mark.parametrize(("asked", "padded"), [(300, 384), (384, 384), (385, 512)])
def test_the_vocabulary_is_padded_to_a_multiple_of_128(tmp_path, asked, padded):
    letters = random.Random(0)
    text = " ".join("".join(letters.choices("abcdef", k=5)) for _ in range(1500))
    (tmp_path / "text.txt").write_text(text)
    made = prepare(tmp_path / "text.txt", tmp_path / "out", asked)
    assert Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json")).get_vocab_size() == asked
    assert made.vocabulary == find_shards(tmp_path / "out").vocabulary == padded
    assert max(all_tokens(tmp_path / "out", "train")) < asked


def test_shards_are_not_overwritten(few, tmp_path):
    out = tmp_path / "out"
    prepare(few, out)
    before = {path: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(ShardError, match="holds shards already: take another folder, or delete them"):
        prepare(few, out, 384)
    assert {path: path.read_bytes() for path in out.iterdir()} == before


def test_shards_of_work_that_broke_off_are_not_taken_for_the_benchmarks(many, tmp_path, monkeypatch):
    def breaks_off(what: str, done: int, total: int) -> None:
        if what == "writing train tokens" and done > total / 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "SHARD_TOKENS", 100)
    monkeypatch.setattr(module, "_BATCH", 5)
    with pytest.raises(KeyboardInterrupt):
        module.prepare(many, tmp_path / "out", 300, None, breaks_off)
    with pytest.raises(ShardError, match="never finished: delete the folder"):
        find_shards(tmp_path / "out")
    with pytest.raises(ShardError, match="holds shards already"):
        prepare(many, tmp_path / "out")


def test_other_files_in_the_folder_are_no_hindrance(few, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "README").write_text("mine")
    prepare(few, tmp_path / "out")
    assert (tmp_path / "out" / "README").read_text() == "mine"


@pytest.mark.parametrize("content", [None, b"", b" \n ", b"\xff\xfe"])
def test_where_there_is_no_text_nothing_is_written(tmp_path, content):
    text = tmp_path / "text"
    text.mkdir()
    if content is not None:
        (text / "file.txt").write_bytes(content)
    with pytest.raises(ShardError, match="text holds no text: expected files in UTF-8"):
        prepare(text, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_gpt2s_own_vocabulary_is_used_as_it_is(tmp_path, gpt2):
    text = "the other then" * 30
    (tmp_path / "text.txt").write_text(text)
    made = prepare(tmp_path / "text.txt", tmp_path / "out", 300, gpt2)
    known = json.loads((gpt2 / "vocab.json").read_text())
    expected = [SEPARATOR, "the", "Ġ", "o", "the", "r", "Ġ", "the", "n", "the"]
    assert all_tokens(tmp_path / "out", "train")[: len(expected)] == [known[token] for token in expected]
    (train,), (held_out,) = (documents(tmp_path / "out", split) for split in ("train", "held_out"))
    assert train + held_out == text
    assert len(known) == 259
    assert made.vocabulary == find_shards(tmp_path / "out").vocabulary == 384


def test_text_with_every_script_survives_gpt2s_bytes(tmp_path, gpt2):
    text = "Grüße, мир 世界 🙂\tthe end\n" * 10
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    prepare(tmp_path / "text.txt", tmp_path / "out", 300, gpt2)
    (train,), (held_out,) = (documents(tmp_path / "out", split) for split in ("train", "held_out"))
    assert train + held_out == text


@pytest.mark.parametrize("missing", ["vocab.json", "merges.txt"])
def test_a_folder_without_gpt2s_files_is_refused(few, tmp_path, gpt2, missing):
    (gpt2 / missing).unlink()
    with pytest.raises(ShardError, match=r"gpt2 holds no GPT-2 vocabulary: expected vocab\.json and merges\.txt"):
        prepare(few, tmp_path / "out", 300, gpt2)
    assert not (tmp_path / "out").exists()


def test_a_vocabulary_that_two_bytes_cannot_number_is_refused(few, tmp_path, gpt2, monkeypatch):
    monkeypatch.setattr(module, "MOST_TOKENS", 256)
    with pytest.raises(ShardError, match="at most 256 tokens, which take two bytes each; this has 384"):
        prepare(few, tmp_path / "out", 300, gpt2)
    assert not (tmp_path / "out").exists()


def test_it_tells_how_far_it_is(many, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_BATCH", 10)
    told: list[tuple[str, int, int]] = []
    module.prepare(many, tmp_path / "out", 300, None, lambda *what: told.append(what))
    assert list(dict.fromkeys(what for what, _, _ in told)) == [
        "reading",
        "training a vocabulary",
        "writing val tokens",
        "writing train tokens",
    ]
    assert all(0 <= done <= total for _, done, total in told)
    last = {what: (done, total) for what, done, total in told}
    assert all(done == total for done, total in last.values())
    assert len([what for what, _, _ in told if what == "writing train tokens"]) == 6


def test_a_vocabulary_with_gaps_is_as_large_as_its_largest_number(tmp_path):
    (tmp_path / "gpt2").mkdir()
    (tmp_path / "gpt2" / "vocab.json").write_text('{"h": 0, "i": 500}')
    (tmp_path / "gpt2" / "merges.txt").write_text("")
    (tmp_path / "a.txt").write_text("hi" * 100)
    made = module.prepare(tmp_path / "a.txt", tmp_path / "out", 512, tmp_path / "gpt2", lambda *_: None)
    assert made.vocabulary == 512
    (tmp_path / "gpt2" / "vocab.json").write_text("{")
    with pytest.raises(ShardError, match="cannot be read"):
        module.prepare(tmp_path / "a.txt", tmp_path / "out2", 512, tmp_path / "gpt2", lambda *_: None)

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.tasks.shards import (
    FINEWEB_VOCABULARY,
    HEADER_BYTES,
    ShardError,
    find_shards,
    read_shard,
    write_note,
    write_shard,
)


def tokens(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint16)


@pytest.fixture
def folder(tmp_path) -> Path:
    folder = tmp_path / "shards"
    folder.mkdir()
    for number in (2, 1, 10):
        write_shard(folder / f"x_train_{number:06d}.bin", tokens(*range(number, number + 50)))
    write_shard(folder / "x_val_000000.bin", tokens(*range(20)))
    return folder


@given(values=st.lists(st.integers(0, 65535), max_size=200))
def test_what_was_written_is_read_back(tmp_path_factory, values):
    path = tmp_path_factory.getbasetemp() / "round_trip.bin"
    write_shard(path, tokens(*values))
    read = read_shard(path)
    assert read.dtype == np.uint16
    assert read.tolist() == values
    assert path.stat().st_size == 1024 + 2 * len(values)


def test_the_file_has_the_benchmarks_header_and_little_tokens_of_two_bytes(tmp_path):
    write_shard(tmp_path / "x.bin", tokens(1, 258, 50256))
    content = (tmp_path / "x.bin").read_bytes()
    header = np.frombuffer(content[:HEADER_BYTES], dtype="<i4")
    assert len(header) == 256
    assert header[:3].tolist() == [20240520, 1, 3]
    assert not header[3:].any()
    assert content[HEADER_BYTES:] == b"\x01\x00\x02\x01\x50\xc4"


def test_writing_leaves_only_the_shard(tmp_path):
    write_shard(tmp_path / "x.bin", tokens(1, 2))
    write_shard(tmp_path / "x.bin", tokens(3))
    assert [path.name for path in tmp_path.iterdir()] == ["x.bin"]
    assert read_shard(tmp_path / "x.bin").tolist() == [3]


def test_a_write_that_breaks_off_leaves_what_was_there(tmp_path):
    class Breaking:
        def __len__(self) -> int:
            return 5

        def tobytes(self) -> bytes:
            raise OSError("disk full")

    write_shard(tmp_path / "old.bin", tokens(7, 8))
    for name in ("old.bin", "new.bin"):
        with pytest.raises(OSError, match="disk full"):
            write_shard(tmp_path / name, Breaking())
    assert read_shard(tmp_path / "old.bin").tolist() == [7, 8]
    assert not (tmp_path / "new.bin").exists()


@pytest.mark.parametrize("content", [b"", b"short", b"\0" * 2000, b"just some text that is no shard at all" * 50])
def test_a_file_with_another_beginning_is_no_shard(tmp_path, content):
    (tmp_path / "x.bin").write_bytes(content)
    with pytest.raises(ShardError, match=r"x\.bin is no token shard: expected a header with 20240520 and 1"):
        read_shard(tmp_path / "x.bin")


def test_another_version_is_no_shard(tmp_path):
    write_shard(tmp_path / "x.bin", tokens(1, 2))
    content = bytearray((tmp_path / "x.bin").read_bytes())
    content[4] = 2
    (tmp_path / "x.bin").write_bytes(content)
    with pytest.raises(ShardError, match="is no token shard"):
        read_shard(tmp_path / "x.bin")


@pytest.mark.parametrize("cut", [1, 2, 60])
def test_a_cut_shard_says_what_is_missing_and_what_to_do(tmp_path, cut):
    path = tmp_path / "x.bin"
    write_shard(path, np.zeros(2000, dtype=np.uint16))
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(ShardError, match=rf"tells of 2,000 tokens, it holds {2000 - (cut + 1) // 2:,}; fetch it again"):
        read_shard(path)


def test_a_shard_that_goes_on_behind_its_end_is_damaged(tmp_path):
    path = tmp_path / "x.bin"
    write_shard(path, tokens(1, 2))
    path.write_bytes(path.read_bytes() + b"\0\0")
    with pytest.raises(ShardError, match="tells of 2 tokens, it holds 3"):
        read_shard(path)


def test_shards_come_in_the_order_of_their_names(folder):
    shards = find_shards(folder)
    assert [path.name for path in shards.train] == [f"x_train_{number:06d}.bin" for number in (1, 2, 10)]
    assert [path.name for path in shards.held_out] == ["x_val_000000.bin"]


@pytest.mark.parametrize("missing", ["everything", "shards", "train", "val"])
def test_where_shards_are_missing_it_says_how_to_get_some(folder, missing):
    if missing == "everything":
        shutil.rmtree(folder)
    else:
        for path in folder.glob("*.bin" if missing == "shards" else f"*_{missing}_*.bin"):
            path.unlink()
    with pytest.raises(ShardError) as error:
        find_shards(folder)
    for part in (str(folder), "evolve data fetch", "evolve data prepare --text PATH", "--data"):
        assert part in str(error.value)


@pytest.mark.parametrize("name", ["x_train_000002.bin", "x_val_000000.bin"])
def test_one_cut_shard_among_good_ones_is_found_and_named(folder, name):
    path = folder / name
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(ShardError, match=f"{name} is damaged"):
        find_shards(folder)


def test_without_a_note_the_vocabulary_is_the_benchmarks(folder):
    assert find_shards(folder).vocabulary == FINEWEB_VOCABULARY == 50304


def test_the_vocabulary_is_the_notes(folder):
    write_note(folder, 1024, text="somewhere")
    assert find_shards(folder).vocabulary == 1024


def test_the_digest_does_not_depend_on_where_the_folder_is(folder, tmp_path):
    other = shutil.copytree(folder, tmp_path / "deep" / "copy")
    assert find_shards(folder).digest() == find_shards(Path(other)).digest()


def cut(path: Path) -> None:
    write_shard(path, np.array(read_shard(path)[:-1]))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def replace(path: Path) -> None:
    write_shard(path, np.array(read_shard(path)[::-1]))


@pytest.mark.parametrize("change", [cut, truncate, replace])
@pytest.mark.parametrize("name", ["x_train_000002.bin", "x_val_000000.bin"])
def test_the_digest_tells_of_a_shard_that_was_changed(folder, change, name):
    shards = find_shards(folder)
    before = shards.digest()
    change(folder / name)
    assert shards.digest() != before


def test_the_digest_tells_of_shards_added_renamed_or_mixed_up(folder):
    digests = [find_shards(folder).digest()]
    write_shard(folder / "x_train_000011.bin", tokens(5, 6, 7))
    digests.append(find_shards(folder).digest())
    (folder / "x_train_000011.bin").rename(folder / "x_train_000012.bin")
    digests.append(find_shards(folder).digest())
    first, second = folder / "x_train_000001.bin", folder / "x_train_000002.bin"
    first.rename(folder / "aside")
    second.rename(first)
    (folder / "aside").rename(second)
    digests.append(find_shards(folder).digest())
    assert len(set(digests)) == 4


def test_the_digest_tells_of_another_vocabulary(folder):
    before = find_shards(folder).digest()
    write_note(folder, 1024)
    assert find_shards(folder).digest() != before


def test_the_digest_samples_a_large_shard_from_beginning_to_end(tmp_path, monkeypatch):
    monkeypatch.setattr("evaluator.tasks.shards._SAMPLE_BYTES", 16)
    for split in ("train", "val"):
        write_shard(tmp_path / f"x_{split}_0.bin", np.zeros(20_000, dtype=np.uint16))
    shards = find_shards(tmp_path)
    before = shards.digest()
    for place in (slice(-1, None), slice(9_000, 11_000)):
        changed = np.zeros(20_000, dtype=np.uint16)
        changed[place] = 1
        write_shard(tmp_path / "x_train_0.bin", changed)
        assert shards.digest() != before


@pytest.mark.parametrize("note", ["{", "{}", "[]", '{"vocabulary": "many"}'])
def test_a_note_that_cannot_be_read_is_said(tmp_path: Path, note: str) -> None:
    for name in ("x_train_000000.bin", "x_val_000000.bin"):
        write_shard(tmp_path / name, np.zeros(10, dtype=np.uint16))
    (tmp_path / "shards.json").write_text(note)
    with pytest.raises(ShardError, match="cannot be read"):
        find_shards(tmp_path)


@pytest.mark.parametrize("count", [-506, 5, 100])
def test_a_header_that_lies_is_said(tmp_path: Path, count: int) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(np.array([20240520, 1, count], dtype=np.int32).tobytes())
    with pytest.raises(ShardError, match="damaged"):
        read_shard(path)


@pytest.mark.parametrize("name", ["x_train_000010.bin", "x_val_000000.bin"])
def test_tokens_beyond_the_vocabulary_are_told_before_anything_is_trained(folder: Path, name: str) -> None:
    write_note(folder, 64)
    find_shards(folder)
    write_shard(folder / name, tokens(1, 64, 2))
    with pytest.raises(ShardError, match=rf"{name} holds token 64, but a vocabulary of 64 .*shards\.json"):
        find_shards(folder)


@pytest.mark.parametrize("vocabulary", [-5, 0, 1, 65537, 10**9])
def test_a_vocabulary_that_cannot_be_is_told(folder: Path, vocabulary: int) -> None:
    write_note(folder, vocabulary)
    with pytest.raises(ShardError, match=f"a vocabulary of {vocabulary}: expected from 2 to 65536"):
        find_shards(folder)


def test_what_only_looks_like_a_shard_is_named(folder: Path) -> None:
    (folder / "x_train_000003.bin").symlink_to(folder / "not-there")
    with pytest.raises(ShardError, match=r"x_train_000003\.bin cannot be read: No such file"):
        find_shards(folder)
    (folder / "x_train_000003.bin").unlink()
    (folder / "x_train_000003.bin").mkdir()
    with pytest.raises(ShardError, match=r"x_train_000003\.bin cannot be read: Is a directory"):
        find_shards(folder)

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.tasks.text import TextError, load_text


def folder(path: Path, files: int) -> Path:
    for index in range(files):
        (path / f"{index:03}.txt").write_bytes(bytes([index % 256]) * 30)
    return path


def test_whole_files_are_split_ninety_five_five(tmp_path: Path) -> None:
    text = load_text(folder(tmp_path, 40), need=10)
    newline = ord("\n")
    in_splits = [set(part.tolist()) - {newline} for part in (text.train, text.validation, text.test)]
    assert in_splits[1] == {9, 29}
    assert in_splits[2] == {19, 39}
    assert in_splits[0] == set(range(40)) - {9, 29, 19, 39, newline}


def test_the_default_text_is_the_standard_library() -> None:
    text = load_text(None, need=1)
    assert len(text.train) > 2_000_000
    assert min(len(text.validation), len(text.test)) > 50_000
    assert b"import" in text.validation.tobytes()


def test_equal_text_gives_an_equal_digest_in_another_process(tmp_path: Path) -> None:
    folder(tmp_path, 25)
    code = f"from pathlib import Path; from evaluator.tasks.text import load_text; \
print(load_text(Path({str(tmp_path)!r}), 1).digest())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert load_text(tmp_path, 1).digest() == other.strip()


def test_one_changed_byte_changes_the_digest(tmp_path: Path) -> None:
    folder(tmp_path, 25)
    before = load_text(tmp_path, 1).digest()
    (tmp_path / "024.txt").write_bytes(b"x")
    assert load_text(tmp_path, 1).digest() != before


@given(st.binary(min_size=100, max_size=3000))
def test_one_file_is_cut_in_order_without_overlap(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("text") / "one"
    path.write_bytes(data)
    text = load_text(path, need=1)
    assert b"".join(part.tobytes() for part in (text.train, text.validation, text.test)) == data
    assert len(text.train) >= 0.89 * len(data)


def test_too_little_text_says_how_much_is_needed(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(bytes(100))
    with pytest.raises(TextError, match=r"every split needs 50 bytes.*validation 5, test 5.*about 1000 bytes"):
        load_text(tmp_path, need=50)


def test_a_missing_text_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TextError, match="there is no file or folder"):
        load_text(tmp_path / "nowhere", need=1)
    with pytest.raises(TextError, match="holds no files"):
        load_text(tmp_path, need=1)

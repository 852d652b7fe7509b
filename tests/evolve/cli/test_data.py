from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from evaluator.tasks import get_task
from evaluator.tasks.shards import ShardError, find_shards, read_shard, write_shard
from evolve.cli import main


def evolve(*args: object):
    return CliRunner().invoke(main, [str(arg) for arg in args], catch_exceptions=False)


@pytest.fixture
def text(tmp_path) -> Path:
    folder = tmp_path / "text"
    folder.mkdir()
    for number in range(45):
        (folder / f"{number}.txt").write_text(f"This is document {number}, and it says {number * number}.\n" * 5)
    return folder


@pytest.fixture
def hub(monkeypatch, tmp_path) -> type:
    """Stands for the Hugging Face Hub: every shard is the same thousand tokens."""
    made = tmp_path / "hub.bin"
    write_shard(made, np.arange(1000, dtype=np.uint16))

    class FakeHub:
        reachable = True

        def checksums(self, names):
            if not self.reachable:
                raise ShardError("the Hugging Face Hub could not be asked")
            return dict.fromkeys(names, hashlib.sha256(made.read_bytes()).hexdigest())

        def download(self, name, folder):
            (folder / name).write_bytes(made.read_bytes())

    monkeypatch.setattr("evolve.data.fetch.HuggingFace", FakeHub)
    return FakeHub


def test_help_names_both_commands():
    done = evolve("data", "-h")
    assert done.exit_code == 0
    assert "fetch" in done.output
    assert "prepare" in done.output


@pytest.mark.parametrize(
    ("name", "options"), [("fetch", ["--folder", "--shards"]), ("prepare", ["--text", "--vocabulary", "--gpt2"])]
)
def test_both_commands_have_help_with_both_spellings(name, options):
    short, long = evolve("data", name, "-h"), evolve("data", name, "--help")
    assert short.exit_code == 0
    assert short.output == long.output
    assert all(option in short.output for option in options)


def test_what_comes_next_is_the_largest_task_that_there_is_enough_for(tmp_path):
    own = Path(__file__).parents[3] / "evolve"
    done = evolve("data", "prepare", "--text", own, "-o", tmp_path / "out", "--vocabulary", 512)
    assert done.exit_code == 0, done.output
    assert done.stdout.endswith(f"; evolve start --task nanogpt-tiny --data {tmp_path / 'out'}\n")


def test_text_becomes_shards_that_the_task_finds(text, tmp_path):
    out = tmp_path / "out"
    done = evolve("data", "prepare", "--text", text, "-o", out, "--vocabulary", 512)
    assert done.exit_code == 0, done.output
    shards = find_shards(out)
    train, held_out = (sum(len(read_shard(path)) for path in part) for part in (shards.train, shards.held_out))
    assert done.stdout == (
        f"{out}: {train:,} tokens to train on, {held_out:,} held out, a vocabulary of {shards.vocabulary:,}; "
        "too little for any task: prepare more text\n"
    )
    task = get_task("nanogpt", out)
    assert task.shards() == shards
    assert task.data_digest() == shards.digest()


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ([], "Missing option '--text'"),
        (["--text", "TEXT"], "Missing option '-o'"),
        (["--text", "missing", "-o", "out"], "Path 'missing' does not exist"),
        (["--text", "TEXT", "-o", "file"], "is a file"),
        (["--text", "TEXT", "-o", "out", "--vocabulary", "100"], "512<=x<=65536"),
        (["--text", "TEXT", "-o", "out", "--vocabulary", "65537"], "512<=x<=65536"),
        (["--text", "TEXT", "-o", "out", "--gpt2", "missing"], "Directory 'missing' does not exist"),
    ],
)
def test_prepare_refuses_bad_options_with_exit_code_2(text, tmp_path, monkeypatch, args, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("in the way")
    done = evolve("data", "prepare", *(text if arg == "TEXT" else arg for arg in args))
    assert done.exit_code == 2
    assert expected in done.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--text", "empty", "-o", "out"], "Error: empty holds no text: expected files in UTF-8"),
        (["--text", "text", "-o", "full"], "Error: full holds shards already: take another folder, or delete them"),
        (["--text", "text", "-o", "out", "--gpt2", "empty"], "Error: empty holds no GPT-2 vocabulary"),
    ],
)
def test_prepare_tells_why_it_cannot(text, tmp_path, monkeypatch, args, expected):
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    Path("full").mkdir()
    write_shard(Path("full/x_train_0.bin"), np.arange(9, dtype=np.uint16))
    done = evolve("data", "prepare", *args)
    assert done.exit_code == 1
    assert expected in done.stderr
    assert done.stdout == ""
    assert not Path("out").exists()


def test_fetch_brings_shards_that_the_task_finds(hub, tmp_path):
    out = tmp_path / "out"
    done = evolve("data", "fetch", "-o", out, "--shards", 2)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{out}: ready; evolve start --task nanogpt --data {out}\n"
    assert "fineweb_train_000002.bin: 1,000 tokens" in done.stderr
    assert len(find_shards(out).train) == 2
    assert get_task("nanogpt", out).data_digest() == find_shards(out).digest()
    again = evolve("data", "fetch", "-o", out, "--shards", 2)
    assert again.stderr.count("there already") == 3


def test_fetch_goes_where_the_task_looks_unless_told_otherwise(hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    done = evolve("data", "fetch")
    out = tmp_path / "home" / ".cache" / "evolve" / "fineweb10B"
    assert done.stdout == f"{out}: ready; evolve start --task nanogpt\n"
    assert len(find_shards(out).train) == 18
    assert get_task("nanogpt").data_digest() == find_shards(out).digest()


def test_fetch_tells_why_it_cannot(hub, tmp_path):
    hub.reachable = False
    done = evolve("data", "fetch", "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert done.stderr == "Error: the Hugging Face Hub could not be asked\n"
    assert done.stdout == ""


def test_fetch_tells_where_it_cannot_write(hub, tmp_path):
    (tmp_path / "file").write_text("mine")
    done = evolve("data", "fetch", "-o", tmp_path / "file" / "out")
    assert done.exit_code == 1
    assert "Not a directory" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("shards", ["0", "104", "many"])
def test_fetch_refuses_a_number_of_shards_that_there_are_not(hub, tmp_path, shards):
    done = evolve("data", "fetch", "-o", tmp_path / "out", "--shards", shards)
    assert done.exit_code == 2
    assert "--shards" in done.output
    assert not (tmp_path / "out").exists()


def test_an_unknown_command_gets_a_hint():
    done = evolve("data", "prepar")
    assert done.exit_code == 2
    assert "Did you mean 'prepare'" in done.output

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from huggingface_hub.errors import HfHubHTTPError
from huggingface_hub.hf_api import RepoFile

from evaluator.tasks.shards import ShardError, find_shards, read_shard, write_shard
from evolve.data.fetch import REPOSITORY, HuggingFace, fetch, names

VAL, FIRST, SECOND = "fineweb_val_000000.bin", "fineweb_train_000001.bin", "fineweb_train_000002.bin"


class FakeHub:
    """Shards of a few tokens; downloads go wrong or break off where told so."""

    def __init__(self, made_in: Path) -> None:
        self.contents: dict[str, bytes] = {}
        self.downloads: list[str] = []
        self.damaged: set[str] = set()
        self.breaks_at: str | None = None
        for number, name in enumerate(names(3)):
            write_shard(made_in / name, np.arange(number, number + 1500).astype(np.uint16))
            self.contents[name] = (made_in / name).read_bytes()

    def checksums(self, names: Sequence[str]) -> Mapping[str, str]:
        return {name: hashlib.sha256(self.contents[name]).hexdigest() for name in names}

    def download(self, name: str, folder: Path) -> None:
        self.downloads.append(name)
        if name == self.breaks_at:
            raise ShardError(f"the download of {name} broke off")
        assert not (folder / name).exists(), "a client that finds a file there may leave it as it is"
        content = self.contents[name]
        (folder / name).write_bytes(content[:-2] + b"\xff\xff" if name in self.damaged else content)


@pytest.fixture
def hub(tmp_path_factory) -> FakeHub:
    return FakeHub(tmp_path_factory.mktemp("hub"))


@pytest.fixture
def folder(tmp_path) -> Path:
    return tmp_path / "cache" / "fineweb"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.bin")}


def get(folder: Path, shards: int, hub: FakeHub) -> list[str]:
    lines: list[str] = []
    fetch(folder, shards, hub, lines.append)
    return lines


def test_the_held_out_shard_and_the_first_to_train_on_are_named():
    assert names(2) == (VAL, FIRST, SECOND)
    assert names(103)[-1] == "fineweb_train_000103.bin"


def test_all_that_is_asked_for_is_fetched(hub, folder):
    lines = get(folder, 2, hub)
    assert hub.downloads == [VAL, FIRST, SECOND]
    assert contents(folder) == {name: hub.contents[name] for name in names(2)}
    assert lines == [f"{name}: 1,500 tokens" for name in names(2)]


def test_what_was_fetched_is_ready_to_train_on(hub, folder):
    get(folder, 2, hub)
    shards = find_shards(folder)
    assert [path.name for path in shards.train] == [FIRST, SECOND]
    assert [path.name for path in shards.held_out] == [VAL]
    assert shards.vocabulary == 50304
    assert json.loads((folder / "shards.json").read_text()) == {"vocabulary": 50304, "source": REPOSITORY}


def test_a_right_file_is_not_fetched_again(hub, folder):
    get(folder, 1, hub)
    hub.downloads.clear()
    lines = get(folder, 2, hub)
    assert hub.downloads == [SECOND]
    assert lines == [f"{VAL}: there already", f"{FIRST}: there already", f"{SECOND}: 1,500 tokens"]


@pytest.mark.parametrize("damage", [lambda content: content[:-100], lambda content: content[:-1] + b"\xee"])
def test_a_damaged_file_is_replaced(hub, folder, damage):
    get(folder, 2, hub)
    (folder / FIRST).write_bytes(damage(hub.contents[FIRST]))
    hub.downloads.clear()
    get(folder, 2, hub)
    assert hub.downloads == [FIRST]
    assert contents(folder) == {name: hub.contents[name] for name in names(2)}


def test_a_file_that_comes_damaged_is_deleted_and_reported(hub, folder):
    hub.damaged = {FIRST}
    with pytest.raises(ShardError, match=f"{FIRST} came damaged .* was deleted; run the same command again"):
        get(folder, 2, hub)
    assert contents(folder) == {VAL: hub.contents[VAL]}
    assert not json.loads((folder / "shards.json").read_text())["finished"]


def test_after_a_break_off_finished_files_stay_and_the_rest_is_fetched(hub, folder):
    hub.breaks_at = SECOND
    with pytest.raises(ShardError, match=f"{SECOND} broke off"):
        get(folder, 3, hub)
    assert contents(folder) == {name: hub.contents[name] for name in (VAL, FIRST)}
    with pytest.raises(ShardError, match="never finished: run `evolve data fetch` again"):
        find_shards(folder)
    hub.breaks_at = None
    hub.downloads.clear()
    get(folder, 3, hub)
    assert hub.downloads == [SECOND, "fineweb_train_000003.bin"]
    assert len(find_shards(folder).train) == 3


def test_shards_beyond_those_asked_for_are_left_alone(hub, folder):
    get(folder, 2, hub)
    get(folder, 1, hub)
    assert len(read_shard(folder / SECOND)) == 1500


def http_error(message: str) -> HfHubHTTPError:
    return HfHubHTTPError(message, response=SimpleNamespace(headers={}, request=None))


@pytest.fixture
def api(monkeypatch) -> SimpleNamespace:
    """What the hub's client is asked, and what it answers."""
    api = SimpleNamespace(asked=[], answer=[])

    def get_paths_info(repository, paths, **options):
        api.asked.append((repository, paths, options))
        if isinstance(api.answer, Exception):
            raise api.answer
        return api.answer

    monkeypatch.setattr("huggingface_hub.HfApi", lambda: SimpleNamespace(get_paths_info=get_paths_info))
    return api


def stored(name: str, checksum: str) -> RepoFile:
    return RepoFile(path=name, size=9, oid="git", lfs={"size": 9, "oid": checksum, "pointerSize": 1})


def test_checksums_are_those_of_the_large_files(api):
    api.answer = [stored(FIRST, "aa"), stored(VAL, "bb")]
    assert HuggingFace().checksums((VAL, FIRST)) == {VAL: "bb", FIRST: "aa"}
    assert api.asked == [(REPOSITORY, [VAL, FIRST], {"repo_type": "dataset"})]


def test_files_that_the_hub_has_not_are_named(api):
    api.answer = [stored(VAL, "bb"), RepoFile(path=FIRST, size=9, oid="git")]
    with pytest.raises(ShardError, match=f"{REPOSITORY} has no {FIRST}, {SECOND}$"):
        HuggingFace().checksums((VAL, FIRST, SECOND))


@pytest.mark.parametrize("error", [http_error("busy"), OSError("busy"), httpx.ConnectError("busy")])
def test_a_hub_that_does_not_answer_is_reported(api, error):
    api.answer = error
    with pytest.raises(ShardError, match=rf"could not be asked for {REPOSITORY} \(busy\)"):
        HuggingFace().checksums((VAL,))


def test_a_file_is_downloaded_by_the_hubs_client(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *args, **options: asked.append((args, options)))
    HuggingFace().download(VAL, tmp_path)
    assert asked == [((REPOSITORY, VAL), {"repo_type": "dataset", "local_dir": tmp_path})]


@pytest.mark.parametrize("error", [http_error("cut"), OSError("cut"), httpx.ReadTimeout("cut")])
def test_a_download_that_breaks_off_says_what_to_do(monkeypatch, tmp_path, error):
    def broken(*args, **options):
        raise error

    monkeypatch.setattr("huggingface_hub.hf_hub_download", broken)
    with pytest.raises(ShardError, match=rf"download of {VAL} broke off \(cut\); the same command keeps the files"):
        HuggingFace().download(VAL, tmp_path)

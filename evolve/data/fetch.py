"""The public benchmark's token shards, from the Hugging Face Hub: file by file, checked, none of them twice."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from evaluator.tasks.shards import FINEWEB_VOCABULARY, ShardError, read_shard, write_note

REPOSITORY = "kjj0/fineweb10B-gpt2"
"""FineWeb in GPT-2's tokens: the shards that the benchmark names."""
_HELD_OUT = "fineweb_val_000000.bin"
_BLOCK = 1 << 22


class Hub(Protocol):
    """Where the shards come from."""

    def checksums(self, names: Sequence[str]) -> Mapping[str, str]:
        """SHA-256 of each file, in hex digits."""
        ...

    def download(self, name: str, folder: Path) -> None:
        """Bring one file into a folder."""
        ...


class HuggingFace:
    """The Hugging Face Hub, through its own client."""

    def checksums(self, names: Sequence[str]) -> Mapping[str, str]:
        """As the hub tells them.

        Raises:
            ShardError: The hub cannot be reached, or has no such files.
        """
        import httpx
        from huggingface_hub import HfApi
        from huggingface_hub.errors import HfHubHTTPError
        from huggingface_hub.hf_api import RepoFile

        try:
            found = HfApi().get_paths_info(REPOSITORY, list(names), repo_type="dataset")
        except (HfHubHTTPError, httpx.HTTPError, OSError) as error:
            raise ShardError(
                f"the Hugging Face Hub could not be asked for {REPOSITORY} ({error}); for a machine without a network, "
                "copy the folder from one that has fetched it"
            ) from error
        sums = {each.path: each.lfs.sha256 for each in found if isinstance(each, RepoFile) and each.lfs is not None}
        missing = [name for name in names if name not in sums]
        if missing:
            raise ShardError(f"{REPOSITORY} has no {', '.join(missing[:3])}")
        return sums

    def download(self, name: str, folder: Path) -> None:
        """By the hub's client, which shows how far it is.

        Raises:
            ShardError: It broke off.
        """
        import httpx
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import HfHubHTTPError

        try:
            hf_hub_download(REPOSITORY, name, repo_type="dataset", local_dir=folder)
        except (HfHubHTTPError, httpx.HTTPError, OSError) as error:
            raise ShardError(
                f"the download of {name} broke off ({error}); the same command keeps the files that are there"
            ) from error


def names(shards: int) -> tuple[str, ...]:
    """Files of the held-out shard and of the first shards to train on."""
    return (_HELD_OUT, *(f"fineweb_train_{number:06d}.bin" for number in range(1, shards + 1)))


def fetch(folder: Path, shards: int, hub: Hub, tell: Callable[[str], None]) -> None:
    """Have the benchmark's shards in a folder.

    Args:
        folder: Made if need be; files that are there and right are not fetched again.
        shards: How many to train on, of 100 million tokens each.
        hub: Where they come from.
        tell: Called with a line about each file.

    Raises:
        ShardError: A file could not be fetched, or is not what the hub says it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = names(shards)
    sums = hub.checksums(wanted)
    for name in wanted:
        path = folder / name
        if path.exists() and _checksum(path) == sums[name]:
            tell(f"{name}: there already")
            continue
        # Until all have come the folder says so: with fewer shards a full run would go over the same tokens again.
        write_note(folder, FINEWEB_VOCABULARY, source=REPOSITORY, finished=False)
        path.unlink(missing_ok=True)
        hub.download(name, folder)
        if _checksum(path) != sums[name]:
            path.unlink()
            raise ShardError(f"{name} came damaged (its checksum differs) and was deleted; run the same command again")
        tell(f"{name}: {len(read_shard(path)):,} tokens")
    write_note(folder, FINEWEB_VOCABULARY, source=REPOSITORY)


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evaluator.devices.found import Card
from evaluator.tasks import get_task
from evaluator.tasks.nanogpt import NanoGPT
from evaluator.tasks.shards import write_note, write_shard
from evolve import shortage
from evolve.shortage import shortages
from evolve.slots import SEARCH_RUNGS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards of 70,000 tokens to train on."""
    folder = tmp_path_factory.mktemp("shards")
    for name, tokens in (("train_000000", 70_000), ("train_000001", 70_000), ("val_000000", 140_000)):
        write_shard(folder / f"x_{name}.bin", np.zeros(tokens, dtype=np.uint16))
    write_note(folder, 16384)
    return folder


@pytest.fixture(autouse=True)
def cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortage, "gpus", lambda: (Card("large", 141 << 30), Card("small", 8 << 30)))


def test_nothing_is_short_where_batches_are_drawn_or_the_standard_library_is_read() -> None:
    for name in ("charlm", "nanogpt-tiny"):
        assert shortages(get_task(name), SEARCH_RUNGS, ("cpu",)) == ()


def test_a_text_that_is_read_again_is_told_for_the_rung_that_reads_most(folder: Path) -> None:
    proxy = NanoGPT(folder, tiny=True, steps=1094)  # 256 tokens a step: two times the text and a little more
    (told,) = shortages(proxy, SEARCH_RUNGS, ("cpu",))
    assert "a trial of the proxy rung reads 280,064 tokens and the text has 140,000, which come 2.0 times" in told
    assert shortages(NanoGPT(folder, tiny=True, steps=546), SEARCH_RUNGS, ("cpu",)) == ()
    assert shortages(proxy, ("full",), ("cpu",), train_steps=546) == ()


def test_a_card_that_may_be_too_small_is_told(folder: Path) -> None:
    task = NanoGPT(folder, steps=1)
    assert shortages(task, ("proxy",), ("cuda:0",)) == ()
    (told,) = shortages(task, ("proxy", "confirm"), ("cuda:0", "cuda:1"))
    assert "a trial of the confirm rung takes some 12 GiB of a card and the smallest chosen has 8" in told

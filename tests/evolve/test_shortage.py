from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evaluator.devices.found import Card
from evaluator.tasks import get_task
from evaluator.tasks.base import Task
from evaluator.tasks.nanogpt import NanoGPT
from evaluator.tasks.shards import write_note, write_shard
from evolve import shortage
from evolve.shortage import shortages
from evolve.slots import SEARCH_RUNGS, Slots

PROCESSOR = Slots(2, ("cpu",), ())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two shards of 400,000 tokens to train on: 1,562 steps each of 256 tokens, and some rest."""
    folder = tmp_path_factory.mktemp("shards")
    for name, tokens in (("train_000000", 400_000), ("train_000001", 400_000), ("val_000000", 140_000)):
        write_shard(folder / f"x_{name}.bin", np.zeros(tokens, dtype=np.uint16))
    write_note(folder, 16384)
    return folder


@pytest.fixture(autouse=True)
def cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortage, "gpus", lambda: (Card("large", 141 << 30), Card("small", 8 << 30)))


def told(task: Task, slots: Slots, *rungs: str) -> tuple[str, ...]:
    return shortages(task, [task.rung(name) for name in rungs or SEARCH_RUNGS], slots)


def test_nothing_is_short_where_batches_are_drawn_or_the_standard_library_is_read() -> None:
    for name in ("charlm", "nanogpt-tiny"):
        assert told(get_task(name), PROCESSOR) == ()


def test_a_text_that_is_begun_again_is_told(folder: Path) -> None:
    (text,) = told(NanoGPT(folder, tiny=True, steps=4686), PROCESSOR)
    assert "a trial of the proxy rung reads the text 1.50 times" in text
    assert told(NanoGPT(folder, tiny=True, steps=3124), PROCESSOR) == ()
    assert len(told(NanoGPT(folder, tiny=True, steps=3125), PROCESSOR)) == 1


def test_cards_that_may_be_too_small_are_told(folder: Path) -> None:
    task = NanoGPT(folder, steps=1)
    assert told(task, Slots(8, ("cuda:0",), ())) == ()
    (card,) = told(task, Slots(2, ("cuda:0", "cuda:1"), ()))
    assert "of the confirm rung that train at once on a card may take 11.6 GiB of its 8.0" in card
    (card,) = told(task, Slots(20, ("cuda:0",), ()))
    assert "may take 231.1 GiB of its 141.0" in card
    assert len(told(task, Slots(1, ("cuda:0", "cuda:1"), (), 2))) == 1


def test_a_trial_that_has_its_card_to_itself_counts_once(folder: Path) -> None:
    task = NanoGPT(folder, tiny=True, steps=1)
    one = task.problem(task.rung("full")).card_bytes
    assert 8 * one > (8 << 30) > one
    assert told(task, Slots(8, ("cuda:1",), ()), "full") == ()

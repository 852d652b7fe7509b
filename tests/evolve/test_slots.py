from __future__ import annotations

import numpy as np
import pytest

from evaluator.devices.found import Card
from evaluator.tasks import get_task
from evaluator.tasks.nanogpt import NanoGPT
from evaluator.tasks.shards import write_note, write_shard
from evolve import slots
from evolve.slots import SlotsError, slots_for

CHARLM, TINY = get_task("charlm"), get_task("nanogpt-tiny")


@pytest.fixture(scope="module")
def nanogpt(tmp_path_factory: pytest.TempPathFactory) -> NanoGPT:
    folder = tmp_path_factory.mktemp("shards")
    for name in ("x_train_000000.bin", "x_val_000000.bin"):
        write_shard(folder / name, np.zeros(140_000, dtype=np.uint16))
    write_note(folder, 16384)
    return NanoGPT(folder)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """A machine with 16 cores and the cards given."""

    def make(*cards: str, mps: bool = False, gigabytes: int = 141) -> None:
        monkeypatch.setattr(slots, "gpus", lambda: tuple(Card(card, gigabytes << 30) for card in cards))
        monkeypatch.setattr(slots, "shares", lambda: mps)
        monkeypatch.setattr(slots.os, "sched_getaffinity", lambda pid: set(range(16)))

    return make


def test_a_task_for_processors_takes_one_core_a_trial(machine) -> None:
    machine("NVIDIA H200")
    assert slots_for(CHARLM, None, None, None, weak=False).jobs == 16
    assert slots_for(CHARLM, 3, None, None, weak=False).devices == ("cpu",)
    assert slots_for(TINY, None, None, None, weak=False).devices == ("cpu",)


def test_a_task_for_cards_takes_all_of_them(machine, nanogpt) -> None:
    machine("NVIDIA H200", "NVIDIA H200")
    found = slots_for(nanogpt, None, None, None, weak=False)
    assert found.devices == ("cuda:0", "cuda:1")
    assert found.cards == 2
    assert found.jobs == 4


def test_more_trials_a_card_where_processes_share_it(machine, nanogpt) -> None:
    machine("NVIDIA H200", mps=True)
    assert slots_for(nanogpt, None, None, None, weak=False).jobs == 6
    machine("NVIDIA H200", "NVIDIA H200", mps=True)
    assert slots_for(nanogpt, None, None, None, weak=False).jobs == 8  # two cores each


def test_no_more_trials_than_fit_a_card(machine, nanogpt) -> None:
    machine("small", mps=True, gigabytes=24)
    assert slots_for(nanogpt, None, None, None, weak=False).jobs == 2
    machine("tiny", mps=True, gigabytes=8)
    assert slots_for(nanogpt, None, None, None, weak=False).jobs == 1


def test_cards_and_trials_may_be_chosen(machine) -> None:
    machine("NVIDIA H200", "NVIDIA H200", "NVIDIA H200")
    found = slots_for(TINY, None, (2, 0, 2), 5, weak=False)
    assert (found.devices, found.jobs) == (("cuda:2", "cuda:0"), 10)


def test_cards_may_train_a_full_size_trial_together(machine) -> None:
    machine(*["NVIDIA H200"] * 8)
    found = slots_for(TINY, None, tuple(range(8)), None, weak=False, ranks=2)
    assert (found.jobs, found.ranks, len(found.devices)) == (4, 2, 8)
    with pytest.raises(SlotsError, match=r"2 passes, and 6 cards were chosen.*choose 1 or 2$"):
        slots_for(TINY, None, tuple(range(6)), None, weak=False, ranks=3)
    with pytest.raises(SlotsError, match="leave --trials-per-gpu out"):
        slots_for(TINY, None, tuple(range(8)), 3, weak=False, ranks=2)
    with pytest.raises(SlotsError, match="--gpus-per-trial goes with --gpus"):
        slots_for(CHARLM, None, None, None, weak=False, ranks=2)


@pytest.mark.parametrize(
    ("task", "cards", "asked", "message"),
    [
        ("nanogpt", (), (None, None, None), "nanogpt-tiny"),
        (TINY, (), (None, (0,), None), "--gpus: nvidia-smi shows none"),
        (CHARLM, ("A",), (None, (0,), None), "trained on the processor"),
        (CHARLM, ("A",), (None, None, 2), "goes with --gpus"),
        ("nanogpt", ("A",), (4, None, None), "--trials-per-gpu"),
        ("nanogpt", ("A",), (None, (1,), None), "no card 1; there are 0: A"),
        ("nanogpt", ("A", "B"), (None, None, None), "cannot be compared"),
    ],
)
def test_what_cannot_be_is_said(machine, nanogpt, task, cards, asked, message: str) -> None:
    machine(*cards)
    task = nanogpt if task == "nanogpt" else task
    with pytest.raises(SlotsError, match=message):
        slots_for(task, *asked, weak=False)


def test_weak_sandboxes_take_a_word(machine) -> None:
    machine()
    assert "rlimits" not in slots_for(CHARLM, 1, None, None, weak=False).sandboxes
    assert "rlimits" in slots_for(CHARLM, 1, None, None, weak=True).sandboxes

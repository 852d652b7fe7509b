from __future__ import annotations

import ctypes
import os
from types import SimpleNamespace

import pytest
import torch

from evaluator.devices import cuda, found, get_device
from evaluator.devices.cuda import Cuda
from evaluator.fingerprint import fingerprint
from evaluator.tasks.charlm import CharLM

CARDS = "0, GPU-aa, 143771, NVIDIA H200\n1, GPU-bb, 81559, NVIDIA H100 80GB HBM3\n2, GPU-cc, 143771, NVIDIA H200\n"


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch):
    found.gpus.cache_clear()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(found.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(found.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=CARDS))
    yield monkeypatch
    found.gpus.cache_clear()


def test_a_processor_shares_memory_by_a_descriptor() -> None:
    device = get_device("cpu")
    fd = device.create(128)
    ours, theirs = device.map(fd, 128), device.map(fd, 128)
    os.close(fd)
    ours.gradients[5] = 7
    assert theirs.gradients[5] == 7
    assert not theirs.parameters.any()
    assert device.point().query()


@pytest.mark.parametrize("name", ["gpu", "cuda", "cuda:x", "cuda:-1", "cpu:0", ""])
def test_other_names_are_no_devices(name: str) -> None:
    with pytest.raises(ValueError, match="no device is called"):
        get_device(name)


def test_cards_are_told_in_the_order_of_their_numbers(cards) -> None:
    assert [card.model for card in found.gpus()] == ["NVIDIA H200", "NVIDIA H100 80GB HBM3", "NVIDIA H200"]
    assert found.gpus()[1].memory_bytes == 81559 << 20
    assert found.model_of("cuda:1") == "cuda NVIDIA H100 80GB HBM3"
    with pytest.raises(ValueError, match="no cuda:3: this machine has 3"):
        found.model_of("cuda:3")


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("2,1", ("NVIDIA H200", "NVIDIA H100 80GB HBM3")),
        ("GPU-bb", ("NVIDIA H100 80GB HBM3",)),
        ("GPU-a,GPU-c", ("NVIDIA H200", "NVIDIA H200")),
        ("GPU-", ()),
        ("", ()),
        ("0,7,1", ("NVIDIA H200",)),
    ],
)
def test_visible_devices_choose_and_order(cards, visible: str, expected: tuple[str, ...]) -> None:
    cards.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert tuple(card.model for card in found.gpus()) == expected


def test_words_instead_of_cards_are_no_cards(cards) -> None:
    cards.setattr(found.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout="No devices were found\n"))
    assert found.gpus() == ()


def test_no_driver_is_no_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    found.gpus.cache_clear()
    monkeypatch.setattr(found.shutil, "which", lambda name: None)
    assert found.gpus() == ()
    found.gpus.cache_clear()


def test_values_from_different_devices_are_not_comparable(cards) -> None:
    task, rung = CharLM(), CharLM().rung("proxy")
    prints = [fingerprint(task, rung, found.place_of(device)) for device in ("cpu", "cuda:0", "cuda:1", "cuda:2")]
    assert prints[1] == prints[3]
    assert len(set(prints)) == 3


class Driver:
    """Two counts in memory; a wait that could not be met is noted."""

    def __init__(self) -> None:
        self.memory: dict[int, int] = {}
        self.unmet: list[tuple[int, int]] = []

    def __call__(self, name: str, stream: object, address: ctypes.c_uint64, value: ctypes.c_uint32, *_: object) -> None:
        if name.startswith("cuStreamWrite"):
            self.memory[address.value] = value.value
        elif self.memory.get(address.value, 0) < value.value:
            self.unmet.append((address.value, value.value))


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> tuple[Driver, Cuda, Cuda]:
    driver = Driver()
    monkeypatch.setattr(cuda, "_call", driver)
    monkeypatch.setattr(Cuda, "_stream", lambda self: None)
    monkeypatch.setattr(Cuda, "_tensor", lambda self, address, size: torch.zeros(1))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda device=None: None)
    trainer, candidate = Cuda(0), Cuda(0)
    trainer._creator = True
    trainer._marks = candidate._marks = 4096
    return driver, trainer, candidate


def test_work_of_trainer_and_candidate_is_ordered_by_marks(both) -> None:
    driver, trainer, candidate = both
    candidate.hand_over()  # the recipe
    trainer.take_over()
    for _ in range(3):
        trainer.hand_over()
        candidate.take_over()
        candidate.hand_over()
        trainer.take_over()
    assert driver.unmet == []
    assert driver.memory == {4096: 3, 4100: 4}


def test_work_that_comes_too_early_waits(both) -> None:
    driver, trainer, candidate = both
    candidate.take_over()
    assert driver.unmet == [(4096, 1)]
    trainer.take_over()
    assert driver.unmet == [(4096, 1), (4100, 1)]


def test_what_waits_for_a_candidate_that_is_gone_is_let_go(both, monkeypatch) -> None:
    driver, trainer, _ = both
    monkeypatch.setattr(torch.cuda, "Stream", lambda index: SimpleNamespace(cuda_stream=0))
    trainer.take_over()
    trainer.take_over()
    assert driver.memory.get(4100, 0) < 2
    trainer.release()
    assert driver.memory[4100] == 2

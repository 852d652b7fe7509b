from __future__ import annotations

import json
import subprocess

import pytest

from evaluator.devices.found import Card
from evolve import doctor


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """A machine with such cards, on which other processes answer so."""

    def make(*cards: str, answer: str = "1\n", compiles: bool = True, shares: bool = False) -> None:
        def ask(*_: str) -> str:
            if not answer:
                raise subprocess.TimeoutExpired("python", 60)
            return answer

        monkeypatch.setattr(doctor, "gpus", lambda: tuple(Card(card, 141 << 30) for card in cards))
        monkeypatch.setattr(doctor, "compiles", lambda: compiles)
        monkeypatch.setattr(doctor, "shares", lambda: shares)
        monkeypatch.setattr(doctor, "_ask", ask)

    return make


def test_no_card_is_no_fault(machine) -> None:
    machine()
    assert (doctor._gpu().state, doctor._gpu().found) == ("ok", "none")
    assert doctor._card_sandbox().state == "ok"


@pytest.mark.parametrize(
    ("lacks", "state", "advice"),
    [
        ({"answer": "0\n"}, "warn", "build for CUDA"),
        ({"answer": ""}, "warn", "could not be asked"),
        ({"compiles": False}, "warn", "C compiler"),
        ({}, "ok", "nvidia-cuda-mps-control"),
        ({"shares": True}, "ok", ""),
    ],
)
def test_a_card_and_what_it_lacks(machine, lacks: dict, state: str, advice: str) -> None:
    machine("NVIDIA H200", "NVIDIA H200", **lacks)
    check = doctor._gpu()
    assert check.state == state
    assert "1: NVIDIA H200" in check.found
    assert advice in check.advice


def test_the_sandbox_for_cards_is_probed_too(machine) -> None:
    machine("NVIDIA H200", answer=json.dumps({"namespaces": "no", "landlock": "", "rlimits": ""}))
    check = doctor._card_sandbox()
    assert (check.state, check.advice) == ("warn", "namespaces: no")
    machine("NVIDIA H200", answer=json.dumps({"namespaces": "no", "landlock": "no", "rlimits": ""}))
    assert doctor._card_sandbox().state == "fail"

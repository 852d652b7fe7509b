"""What a slot's two processes are before they begin; the rest of the fork server is seen in `test_pool.py`."""

from __future__ import annotations

import os
import socket

import pytest

from evaluator import forkserver, nursery, trainer
from evaluator.messages import StartSlot

PRIORITY = "CUDA_MPS_CLIENT_PRIORITY"


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The priority that a process begins with, instead of what it would do."""
    found: list[str | None] = []
    monkeypatch.setenv(PRIORITY, "0")
    for module, name in ((trainer, "run_trainer"), (nursery, "run_nursery")):
        monkeypatch.setattr(module, name, lambda *_: found.append(os.environ.get(PRIORITY)))
    monkeypatch.setattr(nursery, "prepare", lambda: None)
    monkeypatch.setattr(forkserver, "close_all_but", lambda _: None)
    monkeypatch.setattr(forkserver, "end_after", lambda work: work())
    return found


def test_on_a_shared_card_trainers_are_below_the_candidates(seen: list[str | None]) -> None:
    ours, theirs = socket.socketpair()
    engine, other = socket.socketpair()
    with ours, theirs, other:
        forkserver._become_nursery(theirs, sandbox=None)
        forkserver._become_trainer(engine.detach(), ours, StartSlot(device="cpu"))
    assert seen == ["0", "1"]

"""A tiny task and one warm evaluator, shared by the tests that need processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from evaluator.pool import Evaluator
from evaluator.records import Limits, Rung, Trial, TrialRequest
from evaluator.tasks.charlm import CharLM

LIMITS = Limits(cpu_seconds=20.0, wall_seconds=120.0, memory_bytes=1 << 30, output_bytes=1 << 20)


@pytest.fixture(scope="session")
def task() -> CharLM:
    """Charlm on the real text, with a model of two thousand parameters."""
    return CharLM(width=8, depth=1, heads=1, context=16, batch=4, held_out_sequences=16, proxy_steps=8)


@pytest.fixture(scope="session")
def rung(task: CharLM) -> Rung:
    """The tiny task's proxy rung, with a validation in the middle and limits that a busy machine keeps."""
    return replace(task.rung("proxy"), validate_every=3, limits=LIMITS)


@pytest.fixture(scope="session")
def evaluator(task: CharLM) -> Iterator[Evaluator]:
    """One slot, started once."""
    with Evaluator(task, jobs=1) as pool:
        yield pool


Run = Callable[..., Trial]


@pytest.fixture
def run(evaluator: Evaluator, rung: Rung) -> Run:
    """Runs one genome to its end: `run(source, rng_seed=0, rung=...)`."""

    def run_one(source: str, rng_seed: int = 0, rung: Rung = rung) -> Trial:
        ticket = evaluator.submit(TrialRequest("digest", source, rung, rng_seed))
        ((answered, trial),) = evaluator.wait()
        assert answered == ticket
        return trial

    return run_one


@pytest.fixture
def run_unchecked(run: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Like `run`, without the static check: what hostile code does once it runs."""
    monkeypatch.setattr("evaluator.pool.check", lambda source: None)
    return run

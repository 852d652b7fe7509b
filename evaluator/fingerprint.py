"""What a trial's value depends on besides genome and rng_seed, as one short text. Must not import torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cache
from importlib import metadata

from evaluator.devices.found import Place
from evaluator.records import Rung
from evaluator.tasks.base import Task, ranks_of

VERSION = 1
"""Raised whenever a change to this package may move a value: older trials are then never reused."""
_LENGTH = 16


def fingerprint(task: Task, rung: Rung, place: Place) -> str:
    """Identity of everything that determines a trial's value, given genome and rng_seed.

    Covers the task's name and sizes, its text and splits, all fields of the rung that can move it, this
    package's version, torch's version, device and numerics. A finished or diverged trial, a crash or a
    rejection may be reused wherever this is equal; a time-out or a memory failure never.

    Args:
        task: The task.
        rung: The rung.
        place: What trains it; cards of one model are alike.

    Returns:
        16 hex digits.
    """
    problem = task.problem(rung)
    ranks = ranks_of(problem, place.ranks)
    rung_fields = asdict(rung)
    del rung_fields["limits"], rung_fields["traced_steps"], rung_fields["alone"]  # none of them moves a value
    return _digest(
        {
            "task": task.name,
            "config": dict(problem.describe()),
            "data": task.data_digest(),
            "rung": rung_fields,
            "evaluator": VERSION,
            "torch": _torch_version(),
            "device": place.model,
            "numerics": place.numerics + (f", {ranks} ranks" if ranks > 1 else ""),
        }
    )


@cache
def _torch_version() -> str:
    return metadata.version("torch")


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]

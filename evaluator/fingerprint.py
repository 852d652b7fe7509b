"""What a trial's value depends on besides genome and rng_seed, as one short text. Must not import torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cache
from importlib import metadata

from evaluator.devices.found import compiles, model_of
from evaluator.records import Limits, Rung
from evaluator.tasks.base import Task

VERSION = 1
"""Raised whenever a change to this package may move a value: older trials are then never reused."""
_LENGTH = 16


def fingerprint(task: Task, rung: Rung, device: str = "cpu") -> str:
    """Identity of everything that determines a trial's value, given genome and rng_seed.

    Covers the task's name and sizes, its text and splits, all fields of the rung that can move it, this
    package's version, torch's version, device and numerics. A finished or diverged trial, a crash or a
    rejection may be reused wherever this is equal; a time-out or a memory failure only where
    `limits_fingerprint` is equal too.

    Args:
        task: The task.
        rung: The rung.
        device: Where trials are trained; cards of one model are alike.

    Returns:
        16 hex digits.

    Raises:
        ValueError: There is no such device here.
    """
    rung_fields = asdict(rung)
    del rung_fields["limits"], rung_fields["traced_steps"], rung_fields["alone"]  # none of them moves a value
    return _digest(
        {
            "task": task.name,
            "config": dict(task.problem(rung).describe()),
            "data": task.data_digest(),
            "rung": rung_fields,
            "evaluator": VERSION,
            "torch": _torch_version(),
            "device": model_of(device),
            "numerics": _numerics(device),
        }
    )


def limits_fingerprint(limits: Limits, device: str = "cpu") -> str:
    """Identity of what decides whether a genome runs out of time or memory: limits and device."""
    return _digest({"limits": asdict(limits), "device": model_of(device)})


def _numerics(device: str) -> str:
    """How the trainer computes; the dtypes are the problem's own affair."""
    if device == "cpu":
        return "eager fp32, one thread"
    return "compiled, graphs" if compiles() else "eager, graphs"


@cache
def _torch_version() -> str:
    return metadata.version("torch")


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]

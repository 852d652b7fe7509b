"""What a trial's value depends on besides genome and rng_seed, as one short text. Must not import torch."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict
from functools import cache
from importlib import metadata

from evaluator.records import Limits, Rung
from evaluator.tasks.base import Task

VERSION = 1
"""Raised whenever a change to this package may move a value: older trials are then never reused."""
_NUMERICS = "eager fp32, one thread"
_LENGTH = 16


def fingerprint(task: Task, rung: Rung) -> str:
    """Identity of everything that determines a trial's value, given genome and rng_seed.

    Covers the task's name and sizes, its text and splits, all fields of the rung that can move it, this
    package's version, torch's version, device and numerics. A finished or diverged trial, a crash or a
    rejection may be reused wherever this is equal; a time-out or a memory failure only where
    `limits_fingerprint` is equal too.

    Returns:
        16 hex digits.
    """
    rung_fields = asdict(rung)
    del rung_fields["limits"], rung_fields["traced_steps"]  # neither moves a value
    return _digest(
        {
            "task": task.name,
            "config": dict(task.describe()),
            "data": task.data_digest(),
            "rung": rung_fields,
            "evaluator": VERSION,
            "torch": _torch_version(),
            "device": device(),
            "numerics": _NUMERICS,
        }
    )


def limits_fingerprint(limits: Limits) -> str:
    """Identity of what decides whether a genome runs out of time or memory: limits and device."""
    return _digest({"limits": asdict(limits), "device": device()})


def device() -> str:
    """Name of the device that trains, such as "cpu x86_64"."""
    return f"cpu {platform.machine()}"


@cache
def _torch_version() -> str:
    return metadata.version("torch")


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_LENGTH]

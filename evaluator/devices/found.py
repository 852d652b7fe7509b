"""Which devices this machine has, looked up without torch: the engine's process has none."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

_SECONDS = 20.0


@dataclass(frozen=True)
class Card:
    """One NVIDIA card.

    Attributes:
        model: Its model.
        memory_bytes: Its memory.
    """

    model: str
    memory_bytes: int


@cache
def gpus() -> tuple[Card, ...]:
    """The NVIDIA cards that programs may use, in the order of their numbers; none where there is no driver.

    Their numbers are those of `nvidia-smi`, of which `CUDA_VISIBLE_DEVICES` chooses some, by numbers or by UUIDs.
    """
    if shutil.which("nvidia-smi") is None:
        return ()
    command = ["nvidia-smi", "--query-gpu=index,uuid,memory.total,name", "--format=csv,noheader,nounits"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout
    except (subprocess.SubprocessError, OSError):
        return ()
    rows = [[part.strip() for part in line.split(",", 3)] for line in answer.splitlines()]
    cards = [(row[0], row[1], Card(row[3], int(row[2]) << 20)) for row in rows if len(row) == 4 and row[2].isdecimal()]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return tuple(card for _, _, card in cards)
    found = []
    for wanted in (each.strip() for each in visible.split(",")):
        named = [card for index, uuid, card in cards if wanted and (wanted == index or uuid.startswith(wanted))]
        if len(named) != 1:
            break  # CUDA, too, stops at the first that is not there
        found.append(named[0])
    return tuple(found)


@dataclass(frozen=True)
class Place:
    """What a value depends on beside the task and the genome.

    Attributes:
        model: What the device is, such as "cpu x86_64" or "cuda NVIDIA H200".
        numerics: How the trainer computes on it.
        ranks: Devices that train a trial together, where its batch can be cut.
    """

    model: str
    numerics: str
    ranks: int = 1


def place_of(device: str, ranks: int = 1) -> Place:
    """The place that a device is, or so many of its model.

    Raises:
        ValueError: There is no such card here.
    """
    if device == "cpu":
        return Place(model_of(device), "eager fp32, one thread", ranks)
    return Place(model_of(device), "compiled, fused head, graphs" if compiles() else "eager, graphs", ranks)


def model_of(device: str) -> str:
    """What a device is, such as "cpu x86_64" or "cuda NVIDIA H200": values differ between models.

    Raises:
        ValueError: There is no such card here.
    """
    kind, _, index = device.partition(":")
    if kind == "cpu":
        return f"cpu {platform.machine()}"
    if int(index) >= len(gpus()):
        raise ValueError(f"there is no {device}: this machine has {len(gpus())} NVIDIA cards that programs may use")
    return f"cuda {gpus()[int(index)].model}"


def shares() -> bool:
    """Whether NVIDIA's multi-process service runs here, by which processes use one card at the same time."""
    folder = os.environ.get("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps")
    return os.path.exists(os.path.join(folder, "control"))


@cache
def compiles() -> bool:
    """Whether torch can compile for a card here: it needs Triton and a C compiler."""
    return find_spec("triton") is not None and any(shutil.which(name) for name in ("cc", "gcc", "clang"))

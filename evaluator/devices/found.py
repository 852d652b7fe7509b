"""Which devices this machine has, looked up without torch: the engine's process has none."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from functools import cache
from importlib.util import find_spec

_SECONDS = 20.0


@cache
def gpus() -> tuple[str, ...]:
    """Models of the NVIDIA cards that programs may use, in the order of their numbers; none where there is no driver.

    `CUDA_VISIBLE_DEVICES` chooses and orders, as it does for every CUDA program.
    """
    if shutil.which("nvidia-smi") is None:
        return ()
    command = ["nvidia-smi", "--query-gpu=index,uuid,name", "--format=csv,noheader"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout
    except (subprocess.SubprocessError, OSError):
        return ()
    cards = [tuple(part.strip() for part in line.split(",", 2)) for line in answer.splitlines() if line.strip()]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return tuple(name for _, _, name in cards)
    by_id = {key: name for index, uuid, name in cards for key in (index, uuid)}
    found = []
    for wanted in visible.split(","):
        if wanted.strip() not in by_id:
            break  # CUDA, too, stops at the first that is not there
        found.append(by_id[wanted.strip()])
    return tuple(found)


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
    return f"cuda {gpus()[int(index)]}"


def shares() -> bool:
    """Whether NVIDIA's multi-process service runs here, by which processes use one card at the same time."""
    folder = os.environ.get("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps")
    return os.path.exists(os.path.join(folder, "control"))


@cache
def compiles() -> bool:
    """Whether torch can compile for a card here: it needs Triton and a C compiler."""
    return find_spec("triton") is not None and any(shutil.which(name) for name in ("cc", "gcc", "clang"))

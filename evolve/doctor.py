"""What this machine offers, looked at without a network and without importing torch into this process."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from evaluator.devices.found import compiles, gpus, shares
from evaluator.pool import Evaluator, EvaluatorError
from evaluator.records import Outcome, TrialRequest
from evaluator.sandbox import STRONG
from evaluator.tasks import get_task
from evolve.genomes import shipped
from evolve.views.tables import Check

KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY", "MISTRAL_API_KEY")
"""Names of environment variables that hold model keys; only whether they are set is told."""
LEAST_FREE_BYTES = 1 << 30
LEAST_MEMORY_BYTES = 2 << 30
SECONDS = 60.0
"""Longest wait for an answer from another process."""


def checks() -> tuple[Check, ...]:
    """Everything that is looked at, in the order shown."""
    looks: tuple[Callable[[], Check], ...] = (
        _system,
        _python,
        _cores,
        _memory,
        _disk,
        _torch,
        _gpu,
        _sandbox,
        _card_sandbox,
        _models,
        _trial,
    )
    return tuple(look() for look in looks)


def _system() -> Check:
    name = f"{platform.system()} {platform.release()} {platform.machine()}"
    if platform.system() != "Linux":
        return Check("system", name, "fail", "trials need Linux: use a Linux machine, virtual machine or container")
    return Check("system", name)


def _python() -> Check:
    return Check("python", platform.python_version())


def _cores() -> Check:
    usable = len(os.sched_getaffinity(0))
    return Check("cores", f"{usable} usable of {os.cpu_count()}")


def _memory() -> Check:
    available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    found = f"{available / 2**30:.1f} GiB free of {total / 2**30:.1f} GiB"
    if available < LEAST_MEMORY_BYTES:
        return Check("memory", found, "warn", "one trial at once needs about 1 GiB: use fewer --jobs")
    return Check("memory", found)


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free
    found = f"{free / 2**30:.1f} GiB free in {Path.cwd()}"
    if free < LEAST_FREE_BYTES:
        return Check("disk", found, "warn", "a run of 100,000 programs takes about 1 GiB")
    return Check("disk", found)


def _torch() -> Check:
    try:
        return Check("torch", version("torch"))
    except PackageNotFoundError:
        return Check("torch", "not installed", "fail", "install this package again: it brings torch")


def _gpu() -> Check:
    """Cards, whether torch can use them, and what would make them quicker."""
    if not gpus():
        return Check("GPU", "none", "ok", "not needed: only the task nanogpt is trained on one")
    found = ", ".join(f"{number}: {card.model} ({card.memory_bytes >> 30} GiB)" for number, card in enumerate(gpus()))
    try:
        answer = _ask("-c", "import torch; print(torch.cuda.device_count())")
    except subprocess.SubprocessError as error:
        return Check("GPU", found, "warn", f"torch could not be asked about it: {error}")
    if int(answer) == 0:
        return Check("GPU", found, "warn", "this torch cannot use it: install a build for CUDA to train nanogpt")
    if not compiles():
        return Check("GPU", found, "warn", "no Triton or no C compiler (gcc): models are not compiled and train slowly")
    if not shares():
        return Check(
            "GPU",
            found,
            "ok",
            "`nvidia-cuda-mps-control -d` would let several trials share a card at once: nearly twice as many",
        )
    return Check("GPU", f"{found}, shared by NVIDIA's multi-process service")


def _ask(*arguments: str) -> str:
    """What another Python process prints.

    Raises:
        subprocess.SubprocessError: It failed, or took too long.
    """
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    done = subprocess.run(
        [sys.executable, "-P", *arguments],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    return done.stdout


def _sandbox() -> Check:
    return _probed("sandbox", "cpu")


def _card_sandbox() -> Check:
    """The same for candidates on the first card, which each of them starts."""
    if not gpus():
        return Check("GPU sandbox", "none needed")
    return _probed("GPU sandbox", "cuda:0")


def _probed(name: str, device: str) -> Check:
    """Each is entered once, by a process that forks from one with a single thread."""
    try:
        against: dict[str, str] = json.loads(_ask("-m", "evaluator.sandbox.probe", device))
    except subprocess.SubprocessError as error:
        return Check(name, f"the probe failed: {error}", "fail", "is this Linux, and not overloaded?")
    works = [sandbox for sandbox, reason in against.items() if not reason]
    missing = "; ".join(f"{sandbox}: {reason}" for sandbox, reason in against.items() if reason)
    found = f"{works[0]}, the strongest of {', '.join(works)}" if works else "none"
    if not set(works) & set(STRONG):
        advice = f"trials need --allow-weak-sandbox, for genomes that you trust ({missing})"
        return Check(name, found, "fail", advice)
    return Check(name, found, "warn" if works[0] != STRONG[0] else "ok", missing)


def _models() -> Check:
    present = [name for name in KEYS if os.environ.get(name)]
    return Check("model keys", ", ".join(present) or "none set", "ok", "" if present else "not needed")


def _trial() -> Check:
    task = get_task("charlm")
    genome = shipped()[0]
    request = TrialRequest(genome.digest, genome.source, task.rung("smoke"), 0)
    try:
        with Evaluator(task, 1) as evaluator:
            evaluator.submit(request)
            ended = evaluator.wait(SECONDS)
    except EvaluatorError as error:
        return Check("smoke trial", str(error), "fail", "see the reason above")
    if not ended:
        return Check("smoke trial", f"no answer within {SECONDS:.0f} s", "fail", "is the machine overloaded?")
    trial = ended[0][1]
    if trial.outcome is not Outcome.FINISHED:
        return Check("smoke trial", f"{genome.name}: {trial.outcome}: {trial.reason}", "fail", "see the reason")
    return Check("smoke trial", f"{genome.name} finished in {trial.wall_seconds:.1f} s")

"""A nursery: the warm process that forks one candidate per trial, ends it and tells how it ended.

Each trainer has one. It has imported torch and nothing secret, runs one thread and no tensor work, so that a
fork is cheap and safe. It must never hold the task, tokens or the engine's sockets.
"""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from torch.testing._internal.distributed.fake_pg import FakeStore

from evaluator.candidate import CandidateSpec, run_candidate
from evaluator.orders import ExitCode
from evaluator.process import close_all_but, die_with_parent, resident_bytes
from evaluator.removal import remove
from evaluator.sandbox import Sandbox
from evaluator.wire import Channel, ClosedError

_FOR_CARDS = ("CUDA_DEVICE_ORDER", "CUDA_VISIBLE_DEVICES", "CUDA_MPS_PIPE_DIRECTORY")
"""What a card's driver asks of the environment: which card has which number, who shares them."""


_LOOK_SECONDS = 0.2
_DEVICE_BYTES = 2 << 30
"""What a card's driver and libraries may take beside the genome."""


@dataclass(frozen=True)
class Spawn:
    """Fork a candidate; with three file descriptors: shared memory, control socket, output pipe."""

    spec: CandidateSpec


@dataclass(frozen=True)
class End:
    """Kill the candidate if it still lives, and tell how it ended."""


@dataclass(frozen=True)
class Ended:
    """How a candidate ended.

    Attributes:
        exit_code: Its exit code, or minus the number of the signal that killed it.
        cpu_seconds: CPU time it used.
    """

    exit_code: int
    cpu_seconds: float


def prepare() -> None:
    """What every candidate shall find: a `torch.distributed` of one process, and no compiler.

    Sources call `torch.distributed` and decorate with `torch.compile`. The fake backend needs no sockets and
    at world size 1 gives what a real one would; compiling wants a compiler and child processes, so here it is
    the identity.
    """
    dist.init_process_group("fake", rank=0, world_size=1, store=FakeStore())
    torch.compile = _identity
    torch.set_num_threads(1)
    gc.collect()
    gc.freeze()


def _identity(model: Any = None, **options: object) -> Any:
    return model if model is not None else _identity


def run_nursery(trainer: Channel, sandbox: Sandbox) -> NoReturn:
    """Serve `Spawn` and `End` until the trainer is gone.

    Args:
        trainer: Whom the candidates are for.
        sandbox: What confines them.
    """
    try:
        while True:
            message, fds = trainer.receive()
            assert isinstance(message, Spawn)
            _raise_one(trainer, sandbox, message.spec, fds)
    except ClosedError:
        os._exit(0)


def _raise_one(trainer: Channel, sandbox: Sandbox, spec: CandidateSpec, fds: list[int]) -> None:
    """Fork one candidate and wait for the order to end it."""
    folder = tempfile.mkdtemp(prefix="candidate-")
    parent = os.getpid()
    pid = sandbox.fork()
    if pid == 0:
        _become_candidate(parent, sandbox, spec, fds, folder)
    for fd in fds:
        os.close(fd)
    ate_too_much = False
    try:
        if sandbox.polled:
            ate_too_much = _watch_memory(trainer, pid, spec.limits.memory_bytes)
        message, _ = trainer.receive()
        assert isinstance(message, End)
    finally:
        # Not reaped yet, so the number is still its own; a candidate that has ended keeps its exit code.
        os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        remove(folder)
    code = ExitCode.OUT_OF_MEMORY if ate_too_much else os.waitstatus_to_exitcode(status)
    trainer.send(Ended(code, usage.ru_utime + usage.ru_stime))


def _watch_memory(trainer: Channel, pid: int, limit: int) -> bool:
    """Until the trainer has something to say, end a candidate that has more in memory than it may; tells if it had."""
    most = resident_bytes(pid) + limit + _DEVICE_BYTES
    ate_too_much = False
    while not select.select([trainer], [], [], _LOOK_SECONDS)[0]:
        if not ate_too_much and resident_bytes(pid) > most:
            os.kill(pid, signal.SIGKILL)
            ate_too_much = True
    return ate_too_much


def _become_candidate(parent: int, sandbox: Sandbox, spec: CandidateSpec, fds: list[int], folder: str) -> NoReturn:
    die_with_parent(parent)
    memory, control, output = fds
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    close_all_but({memory, control})
    os.chdir(folder)
    kept = {name: os.environ[name] for name in _FOR_CARDS if name in os.environ}
    os.environ.clear()
    os.environ.update(kept)
    os.environ["TMPDIR"] = os.environ["HOME"] = tempfile.tempdir = folder
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    run_candidate(spec, memory, socket.socket(fileno=control), partial(sandbox.enter, spec.limits, folder))

"""The fork server: imports torch once, then forks a trainer and a nursery for each slot.

It runs one thread, does no tensor work and holds nothing secret: a task goes from the engine straight to its
trainer.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import socket
import sys
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

from evaluator.devices.base import Device
from evaluator.messages import SlotStarted, StartSlot
from evaluator.process import close_all_but, die_with_parent, end_after
from evaluator.sandbox import NO_SANDBOX, Sandbox, get_sandbox
from evaluator.sandbox.probe import choose
from evaluator.wire import Channel, ClosedError


def main(engine_fd: int, parent: int, device: str, sandboxes: Sequence[str]) -> None:
    """Serve `StartSlot` until the engine is gone; end at once, with the reasons, if no sandbox works here.

    Args:
        engine_fd: Our end of the socket to the engine.
        parent: Process id of the engine.
        device: One that slots will train on; the others are of its kind.
        sandboxes: Names of those that may be used, in order of preference.
    """
    die_with_parent(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sandbox, against = choose([get_sandbox(name, device) for name in sandboxes])
    if sandbox is None:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in against.items())
        sys.exit(f"{NO_SANDBOX} ({reasons}). --allow-weak-sandbox confines by limits alone: for genomes that you trust")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children that end are not waited for
    _warm_up()
    engine = Channel(socket.socket(fileno=engine_fd))
    try:
        while True:
            message, fds = engine.receive()
            assert isinstance(message, StartSlot)
            _start_slot(engine, fds[0], message, sandbox.name)
    except ClosedError:
        os._exit(0)


_WARM = (
    "torch._dynamo",
    "evaluator.nursery",
    "evaluator.trainer",
    "evaluator.tasks.gpt",
    "evaluator.devices.cpu",
    "evaluator.devices.cuda",
)
"""What trainers and candidates need. Left to itself, each candidate's first optimizer imports torch._dynamo."""


def _warm_up() -> None:
    """Import it all, and keep the collector from touching the shared pages."""
    for module in _WARM:
        importlib.import_module(module)
    import torch

    # Forward-mode derivatives read sources of the standard library when first used, which no candidate may.
    torch.set_num_threads(1)
    torch.func.jvp(torch.sin, (torch.zeros(1),), (torch.ones(1),))
    gc.collect()
    gc.freeze()


def _start_slot(engine: Channel, trainer_fd: int, wanted: StartSlot, sandbox: str) -> None:
    ours, theirs = socket.socketpair()
    nursery = _fork()
    if nursery == 0:
        _become_nursery(theirs, get_sandbox(sandbox, _only(wanted.device)))
    trainer = _fork()
    if trainer == 0:
        _become_trainer(trainer_fd, ours, wanted)
    pidfd = os.pidfd_open(trainer)
    engine.send(SlotStarted(sandbox), [pidfd])
    os.close(pidfd)
    os.close(trainer_fd)
    ours.close()
    theirs.close()


def _only(device: str) -> str:
    """Let this process, and those below it, see no other card; returns the name that the device has then."""
    kind, _, index = device.partition(":")
    if kind == "cpu":
        return device
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    os.environ["CUDA_VISIBLE_DEVICES"] = visible.split(",")[int(index)].strip() if visible else index
    return f"{kind}:0"


def _fork() -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        die_with_parent(parent)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return pid


def _become_nursery(trainer: socket.socket, sandbox: Sandbox) -> NoReturn:
    from evaluator.nursery import prepare, run_nursery

    close_all_but({trainer.fileno()})
    prepare()
    run_nursery(Channel(trainer), sandbox)


_BELOW_NORMAL = "1"
"""Of NVIDIA's multi-process service: where processes share a card, a candidate's many small kernels go before the few
large ones of all trainers, behind which each of them would wait."""


def _become_trainer(engine_fd: int, nursery: socket.socket, wanted: StartSlot) -> NoReturn:
    from evaluator.ranks import Team
    from evaluator.trainer import run_trainer

    close_all_but({engine_fd, nursery.fileno()})
    os.environ["CUDA_MPS_CLIENT_PRIORITY"] = _BELOW_NORMAL
    team = Team([partial(_device, name) for name in wanted.further])
    engine = Channel(socket.socket(fileno=engine_fd))
    end_after(lambda: run_trainer(engine, Channel(nursery), _device(wanted.device), team))


def _device(name: str) -> Device:
    """The device, with no other to be seen by this process from now on."""
    from evaluator.devices import get_device

    return get_device(_only(name))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4:])

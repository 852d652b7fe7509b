"""Several devices for one trial: each trains a share of every batch; the first one leads and has the candidate.

The leading trainer forks a process for each further device. They get its weights before a pass, and it gets the sums of
their gradients and losses after it; batches and their order stay what they are. A genome sees one device. Nothing of a
genome is ever executed here.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import torch
import torch.distributed as dist
from torch import Tensor, nn

from evaluator.devices.base import Device
from evaluator.layout import stretches
from evaluator.process import close_all_but, die_with_parent, end_after
from evaluator.tasks.base import Problem, Share, Training, ranks_of
from evaluator.wire import Channel, ClosedError
from evaluator.workplace import Workplace

_BACKENDS = {"cpu": "gloo", "cuda": "nccl"}
_PATIENCE = timedelta(days=1)
"""How long a pass may be waited for: the trial's own limits are the leader's business."""


@dataclass(frozen=True)
class Begin:
    """Leader to follower: from now on train your share of this problem."""

    problem: Problem


@dataclass(frozen=True)
class Pass:
    """Leader to follower: forward and backward pass of the batch of a step."""

    step: int


@dataclass(frozen=True)
class Score:
    """Leader to follower: forward pass of a split's held-out tokens."""

    split: str


class Team:
    """A leader's hold of its followers, which end with its process. To be made before the leader's device starts.

    Args:
        followers: One for each, called in its process: gives its device.
    """

    def __init__(self, followers: Sequence[Callable[[], Device]]) -> None:
        self._size = 1 + len(followers)
        self._channels: list[Channel] = []
        if followers:
            self._meeting = Path(tempfile.mkdtemp(prefix="ranks-")) / "meeting"
            self._channels += [self._fork(rank, device) for rank, device in enumerate(followers, start=1)]
            threading.Thread(target=_watch, args=(self._channels,), daemon=True).start()

    def open(self, problem: Problem, device: Device) -> Workplace:
        """The leader's workplace, while the followers make theirs; or a lone one where shares would not be equal."""
        if ranks_of(problem, self._size) == 1:
            return Workplace(problem, device)
        _tell(self._channels, Begin(problem))
        workplace = Workplace(problem, device, Share(0, self._size))
        _meet(device, 0, self._size, self._meeting)
        workplace.training = _Led(workplace, self._channels)
        return workplace

    def _fork(self, rank: int, device: Callable[[], Device]) -> Channel:
        ours, theirs = socket.socketpair()
        parent = os.getpid()
        if os.fork() == 0:
            die_with_parent(parent)
            close_all_but({theirs.fileno()})
            end_after(lambda: _follow(Channel(theirs), device(), rank, self._size, self._meeting))
        theirs.close()
        return Channel(ours)


class _Led:
    """The leader's training, together with its followers': a `Training`."""

    def __init__(self, workplace: Workplace, followers: Sequence[Channel]) -> None:
        self._own: Training = workplace.training
        self._workplace, self._followers = workplace, followers
        self.guess = self._own.guess

    def backward(self, model: nn.Module, step: int) -> Tensor:
        """As `Training.backward`, over the whole batch."""
        _tell(self._followers, Pass(step))
        return _backward(self._workplace, self._own, step)

    def rehearse(self, model: nn.Module) -> None:
        """Everybody has rehearsed alone."""

    def held_out(self, model: nn.Module, split: str) -> float:
        """As `Training.held_out`, over all tokens."""
        _tell(self._followers, Score(split))
        return _held_out(self._workplace, self._own, split)


def _follow(leader: Channel, device: Device, rank: int, ranks: int, meeting: Path) -> NoReturn:
    """Be a follower until the leader is gone."""
    torch.set_num_threads(1)
    device.start()
    workplace: Workplace | None = None
    try:
        while True:
            order, _ = leader.receive()
            match order:
                case Begin(problem):
                    if workplace is not None:
                        workplace.close()
                    workplace = Workplace(problem, device, Share(rank, ranks))
                    _meet(device, rank, ranks, meeting)
                case Pass(step):
                    assert workplace is not None
                    workplace.gradients.zero_()
                    _backward(workplace, workplace.training, step)
                case Score(split):
                    assert workplace is not None
                    _held_out(workplace, workplace.training, split)
    except ClosedError:
        os._exit(0)


def _backward(workplace: Workplace, training: Training, step: int) -> Tensor:
    """One rank's part of a pass; the sums are the leader's."""
    dist.broadcast(workplace.weights, 0)
    loss = training.backward(workplace.model, step)
    for stretch in (*stretches(workplace.model, workplace.gradients), loss):
        dist.reduce(stretch, 0)
    return loss


def _held_out(workplace: Workplace, training: Training, split: str) -> float:
    dist.broadcast(workplace.weights, 0)
    share = training.held_out(workplace.model, split)
    loss = torch.tensor(share, dtype=torch.float64, device=workplace.weights.device)
    dist.reduce(loss, 0)
    return float(loss)


def _watch(followers: Sequence[Channel]) -> None:
    """End this process with the first follower that ends: whoever waits for it in a sum would wait for ever."""
    poll = select.poll()
    for channel in followers:
        poll.register(channel.fileno(), 0)  # hang-ups are told unasked
    poll.poll()
    sys.stderr.write("a process that trained a share of the batches has ended\n")
    sys.stderr.flush()
    os._exit(1)


def _tell(followers: Sequence[Channel], order: object) -> None:
    for channel in followers:
        channel.send(order)


def _meet(device: Device, rank: int, ranks: int, meeting: Path) -> None:
    """Join the others, once; after everything was recorded, for a group's own thread disturbs recording."""
    if dist.is_initialized():
        return
    # Ranks talk to each other on this machine alone; so few sums need no multicast, which some machines cannot do.
    os.environ.update(GLOO_SOCKET_IFNAME="lo", NCCL_SOCKET_IFNAME="lo", NCCL_NVLS_ENABLE="0")
    backend = _BACKENDS[device.torch_device().type]
    store = dist.FileStore(str(meeting), ranks)
    dist.init_process_group(backend, store=store, rank=rank, world_size=ranks, timeout=_PATIENCE)

"""A trainer: the trusted process of one slot, which owns tokens, forward, backward, step counter and scores.

It stays warm across candidates. Nothing of a genome is ever executed here.
"""

from __future__ import annotations

import os
from typing import NoReturn

import torch

from evaluator.devices.base import Device
from evaluator.fingerprint import fingerprint
from evaluator.messages import Prepare
from evaluator.ranks import Team
from evaluator.records import TrialRequest
from evaluator.trial import run_trial
from evaluator.wire import Channel, ClosedError
from evaluator.workplace import Workplace


def run_trainer(engine: Channel, nursery: Channel, device: Device, team: Team) -> NoReturn:
    """Run one trial after the other until the engine or the nursery is gone.

    Args:
        engine: Sends `Prepare`, then `TrialRequest`s one by one; each is answered by a `Trial`.
        nursery: Forks this slot's candidates.
        device: Where to train.
        team: Those that train with it.
    """
    try:
        torch.set_num_threads(1)
        message, _ = engine.receive()
        assert isinstance(message, Prepare)
        task, place = message.task, message.place
        device.start()
        workplace: Workplace | None = None
        while True:
            request, _ = engine.receive()
            assert isinstance(request, TrialRequest)
            problem = task.problem(request.rung)
            if workplace is not None and workplace.problem != problem:
                workplace.close()
                workplace = None
            workplace = workplace or team.open(problem, device)
            identity = fingerprint(task, request.rung, place)
            engine.send(run_trial(workplace, nursery, request, identity))
    except ClosedError:
        os._exit(0)

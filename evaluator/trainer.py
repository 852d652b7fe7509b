"""A trainer: the trusted process of one slot, which owns tokens, forward, backward, step counter and scores.

It stays warm across candidates. Nothing of a genome is ever executed here.
"""

from __future__ import annotations

import os
from typing import NoReturn

import torch

from evaluator.fingerprint import fingerprint
from evaluator.messages import Prepare
from evaluator.records import TrialRequest
from evaluator.trial import run_trial
from evaluator.wire import Channel, ClosedError


def run_trainer(engine: Channel, nursery: Channel) -> NoReturn:
    """Run one trial after the other until the engine or the nursery is gone.

    Args:
        engine: Sends `Prepare`, then `TrialRequest`s one by one; each is answered by a `Trial`.
        nursery: Forks this slot's candidates.
    """
    try:
        torch.set_num_threads(1)
        message, _ = engine.receive()
        assert isinstance(message, Prepare)
        task = message.task
        training = task.training()
        models = task.shape().build(), task.shape().build()
        while True:
            request, _ = engine.receive()
            assert isinstance(request, TrialRequest)
            engine.send(run_trial(task, training, models, nursery, request, fingerprint(task, request.rung)))
    except ClosedError:
        os._exit(0)

"""A genome with absolute step numbers runs on rungs of that many steps alone, and smokes anywhere."""

from __future__ import annotations

from dataclasses import replace

from evaluator.pool import Evaluator
from evaluator.records import Outcome, TrialRequest
from evaluator.tasks import get_task

SOURCE = """
import torch
from typing import Literal

def recipe(model, train_steps: Literal[40]):
    torch.nn.init.zeros_(model.proj.weight)
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003)

    def set_hparams(step):
        optimizer.param_groups[0]["lr"] = 0.003 * (train_steps - step) / 40

    return dict(optimizers=[optimizer], set_hparams=set_hparams)
"""


def test_rungs_of_another_length_refuse_it() -> None:
    task = get_task("nanogpt-tiny")
    smoke, proxy = task.rung("smoke"), task.rung("proxy")
    rungs = [smoke, proxy, replace(proxy, train_steps=40)]
    with Evaluator(task, 1) as evaluator:
        for number, rung in enumerate(rungs):
            evaluator.submit(TrialRequest("d", SOURCE, rung, number))
        trials = {}
        while len(trials) < len(rungs):
            trials |= {trial.rng_seed: trial for _, trial in evaluator.wait()}
    assert [trials[number].outcome for number in range(3)] == [Outcome.FINISHED, Outcome.REJECTED, Outcome.FINISHED]
    assert "runs of 40 steps" in trials[1].reason
    assert "--fractions" in trials[1].reason

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from tiny_genomes import ADAMW, SGD

from evaluator.devices.found import place_of
from evaluator.fingerprint import fingerprint
from evaluator.layout import flat_bytes, stretches, views
from evaluator.pool import Evaluator
from evaluator.records import Outcome, Trial, TrialRequest
from evaluator.tasks.base import Share, ranks_of
from evaluator.tasks.charlm import CharLM
from evaluator.tasks.nanogpt import TINY, NanoGPT

TASK = NanoGPT(tiny=True, steps=8)
RUNG = replace(TASK.rung("proxy"), train_steps=8, validate_every=4)
CPU = torch.device("cpu")


def test_shares_of_a_batch_add_up_to_the_whole() -> None:
    problem = TASK.problem(RUNG)
    torch.manual_seed(0)
    model = problem.shape().build()
    sums = []
    for shares in ((Share(),), (Share(0, 2), Share(1, 2))):
        model.zero_grad()
        trainings = [problem.training(CPU, share) for share in shares]
        losses = [training.backward(model, 3) for training in trainings]
        scores = [training.held_out(model, "validation") for training in trainings]
        gradients = [parameter.grad.clone() for parameter in model.parameters()]
        sums.append((sum(losses), sum(scores), gradients))
    (loss, score, gradients), (other_loss, other_score, other_gradients) = sums
    assert torch.equal(loss, other_loss)
    assert score == pytest.approx(other_score, rel=1e-12)
    assert all(map(torch.equal, gradients, other_gradients))


def test_shares_must_be_whole_microbatches() -> None:
    problem = TASK.problem(RUNG)
    assert problem.parts == TINY.batch // TINY.microbatch == 2
    assert [ranks_of(problem, devices) for devices in (1, 2, 3, 4)] == [1, 2, 1, 1]
    assert ranks_of(CharLM(), 2) == 1
    with pytest.raises(ValueError, match="2 microbatches cannot be dealt to 3 ranks"):
        problem.training(CPU, Share(0, 3))


def test_a_flat_buffer_is_few_stretches_of_one_dtype_each() -> None:
    model = TASK.problem(RUNG).shape().build()
    flat = torch.zeros(flat_bytes(model), dtype=torch.uint8)
    found = stretches(model, flat)
    assert len(found) < 4
    assert sum(stretch.numel() * stretch.element_size() for stretch in found) == flat.numel()
    for stretch in found:
        stretch += 1
    assert all((view == 1).all() for view in views(model, flat))


def trained(ranks: int, source: str) -> Trial:
    with Evaluator(TASK, 1, devices=("cpu",) * ranks, ranks=ranks) as evaluator:
        evaluator.submit(TrialRequest("digest", source, RUNG, 0))
        ((_, trial),) = evaluator.wait()
        assert evaluator.fingerprint(RUNG) == trial.fingerprint
    return trial


@pytest.mark.parametrize("source", [SGD, ADAMW], ids=["sgd", "adamw"])
def test_two_ranks_train_as_one(source: str) -> None:
    alone, together = trained(1, source), trained(2, source)
    assert alone.outcome is together.outcome is Outcome.FINISHED
    assert together.value == pytest.approx(alone.value, rel=1e-12)
    assert together.training == alone.training
    assert together.fingerprint != alone.fingerprint


def test_a_problem_that_cannot_be_cut_is_trained_by_the_first_alone() -> None:
    smaller = CharLM(width=8, depth=1, heads=1, context=16, batch=4, held_out_sequences=16, proxy_steps=8)
    rung = smaller.rung("proxy")
    assert fingerprint(smaller, rung, place_of("cpu", 2)) == fingerprint(smaller, rung, place_of("cpu"))
    with Evaluator(smaller, 1, devices=("cpu", "cpu"), ranks=2) as evaluator:
        evaluator.submit(TrialRequest("digest", SGD, rung, 0))
        assert evaluator.wait()[0][1].outcome is Outcome.FINISHED


def test_devices_must_come_out_even() -> None:
    with pytest.raises(ValueError, match="3 devices cannot be put together 2 by 2"):
        Evaluator(TASK, 1, devices=("cpu",) * 3, ranks=2)


TEAM = """
import subprocess
import sys
from dataclasses import replace
import torch
from evaluator.devices import get_device
from evaluator.ranks import Team
from evaluator.tasks.nanogpt import TINY, NanoGPTProblem
from evaluator.workplace import Workplace

torch.set_num_threads(1)
team, device = Team([lambda: get_device("cpu")]), get_device("cpu")
problem = NanoGPTProblem(TINY, 256, None)
four_parts = NanoGPTProblem(replace(TINY, batch=16, held_out_sequences=4), 256, None)
odd = NanoGPTProblem(replace(TINY, batch=12), 256, None)
for each in (problem, four_parts, odd, problem):
    found = []
    for workplace in (team.open(each, device), Workplace(each, device)):
        torch.manual_seed(0)
        for parameter in workplace.model.parameters():
            parameter.data.normal_(std=0.2)
        workplace.gradients.zero_()
        loss = workplace.training.backward(workplace.model, 2).item()
        gradients = [parameter.grad.float() for parameter in workplace.model.parameters()]
        found.append((loss, workplace.training.held_out(workplace.model, "test"), gradients))
    together, alone = found
    assert abs(together[0] - alone[0]) < 1e-5 * alone[0], found
    assert abs(together[1] - alone[1]) < 1e-9, found
    for mine, theirs in zip(together[2], alone[2], strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0.02, atol=0.02 * theirs.abs().max().item())
workplace = team.open(problem, device)
workplace.weights.view(torch.float32).fill_(float("nan"))
assert workplace.training.backward(workplace.model, 0).isnan()
print("as one")
"""


def test_one_team_trains_one_problem_after_the_other() -> None:
    """Also more than one pass a rank, held-out tokens for one rank alone, a batch that cannot be cut."""
    done = subprocess.run([sys.executable, "-c", TEAM], capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout == "as one\n", done.stderr


FAILING = """
import os, sys, time
from evaluator.devices import get_device
from evaluator.ranks import Team
from evaluator.tasks.nanogpt import TINY, NanoGPTProblem

def device():
    if sys.argv[1] == "start":
        raise OSError("no such device")
    return get_device("cpu")

team = Team([device])
workplace = team.open(NanoGPTProblem(TINY, 256, None), get_device("cpu"))
(follower,) = (int(name) for name in open(f"/proc/self/task/{os.getpid()}/children").read().split())
os.kill(follower, 9)
while True:
    workplace.training.backward(workplace.model, 0)
"""


@pytest.mark.parametrize("when", ["start", "later"])
def test_who_leads_ends_with_a_follower(when: str) -> None:
    command = [sys.executable, "-c", FAILING, when]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert ("no such device" in done.stderr) == (when == "start")

from __future__ import annotations

import os
import select
import signal

import pytest
from simulated import genome

from evolve.variation import Variation, VariationWorker, vary

PERTURB = Variation(1, "perturb", (genome(),), ())


def wait_for(worker: VariationWorker):
    while True:
        select.select([worker.fileno()], [], [], 30)
        varied = worker.take()
        if varied is not None:
            return varied


@pytest.fixture(scope="module")
def worker():
    with VariationWorker(7) as worker:
        yield worker


def test_the_process_gives_what_the_function_gives(worker):
    worker.submit(PERTURB)
    assert worker.busy
    varied = wait_for(worker)
    assert not worker.busy
    here = vary(7, PERTURB)
    assert (varied.child, varied.digest) == (here.child, here.digest)
    assert varied.child is not None


def test_attempts_differ():
    assert vary(7, PERTURB) != vary(7, Variation(2, "perturb", (genome(),), ()))


@pytest.mark.parametrize(
    ("variation", "reason"),
    [
        (Variation(1, "perturb", ("def recipe(model, train_steps): pass",), ()), "hyperparameter"),
        (Variation(1, "crossover", (genome(),), ()), "wants 2 parents"),
        (Variation(1, "perturb", ("(" * 3000,), ()), "genome"),
    ],
)
def test_what_cannot_be_varied_has_a_reason(worker, variation, reason):
    worker.submit(variation)
    varied = wait_for(worker)
    assert varied.child is None
    assert reason in varied.reason


def test_a_process_killed_while_idle_is_replaced(worker):
    os.kill(worker._process.pid, signal.SIGKILL)
    worker._process.join()
    worker.submit(PERTURB)
    assert wait_for(worker).child is not None


def test_a_process_that_dies_at_work_is_tried_again(worker):
    os.kill(worker._process.pid, signal.SIGSTOP)
    worker.submit(PERTURB)
    os.kill(worker._process.pid, signal.SIGKILL)
    assert wait_for(worker).child is not None


def test_a_source_that_kills_twice_is_given_up_with_a_reason(worker):
    os.kill(worker._process.pid, signal.SIGSTOP)  # else it may be done before the first kill
    worker.submit(PERTURB)
    for _ in range(2):
        os.kill(worker._process.pid, signal.SIGKILL)
        worker._process.join()
        varied = worker.take()
    assert varied is not None
    assert varied.reason == "the operator's process died on this source, twice"

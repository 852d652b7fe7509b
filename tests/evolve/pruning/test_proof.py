from __future__ import annotations

import sys
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest

from evaluator.pool import Evaluator
from evaluator.records import Outcome, Rung, Trial
from evaluator.tasks import get_task
from evaluator.tasks.charlm import CharLM
from evolve.operators.prune import EVERYTHING, Key, Step, steps
from evolve.operators.pruning.reading import Reading
from evolve.operators.pruning.text import Edit
from evolve.pruning.proof import Check, ProofError, check_rungs, check_task, prove

sys.path.insert(0, str(Path(__file__).parents[1] / "operators"))
from barnacles import PROVEN

SEEDS = Path(__file__).parents[3] / "seed_programs"
GROWN = dedent(
    """
    import torch

    WARM = False
    SPARE = 3


    def recipe(model, train_steps):
        lr = 0.5 * 0.5
        if WARM:
            lr = 1.0
        return dict(optimizers=[torch.optim.SGD(model.parameters(), lr=lr)], after_step=None)
    """
).lstrip()


def test_everything_goes_that_the_check_agrees_with():
    found = prove(GROWN, lambda one, other: True)
    assert found.left_out == ()
    assert "WARM" not in found.source
    assert "SPARE" not in found.source
    assert "lr = 0.25" in found.source


@pytest.mark.parametrize("kind", ["fold", "empty_hooks", "unused"])
def test_a_removal_that_shows_is_found_by_bisection_and_left_out(kind):
    bad = next(step for step in steps(GROWN) if step.kind == kind)
    asked: list[str] = []

    def same(one: str, other: str) -> bool:
        asked.append(other)
        return all(new in other if new else old not in other for old, new in ()) and not _made(bad, other)

    found = prove(GROWN, same)
    assert bad.key in [step.key for step in found.left_out]
    assert not _made(bad, found.source)
    assert found.source != GROWN
    assert same(GROWN, found.source)


def _made(step, source: str) -> bool:
    """Whether a removal was made in a text."""
    return all(old.strip() not in source for old, _ in step.removed)


def test_when_every_removal_shows_nothing_goes():
    found = prove(GROWN, lambda one, other: one == other)
    assert found.source == GROWN
    assert found.steps == ()
    assert found.left_out


def test_a_program_without_barnacles_is_not_even_checked():
    source = (SEEDS / "lion.py").read_text()

    def never(one: str, other: str) -> bool:
        raise AssertionError

    assert prove(source, never).source == source


class Fake:
    """Trials by a table: outcome and digest of weights by rung and text."""

    idle = 2

    def __init__(self, outcome, weights):
        self.outcome, self.weights, self.requests = outcome, weights, []

    def submit(self, request):
        self.requests.append(request)
        return len(self.requests)

    def filenos(self):
        return []

    def wait(self, timeout=None):
        found = []
        for ticket, request in enumerate(self.requests, 1):
            outcome = self.outcome(request)
            value = 2.0 if outcome is Outcome.FINISHED else None
            measures = {"trajectory": self.weights(request)}
            found.append((ticket, Trial(request.digest, "smoke", 0, "f", outcome, value, measures=measures)))
        open_tickets = [pair for pair in found if pair[0] not in getattr(self, "given", set())]
        self.given = {ticket for ticket, _ in found}
        return open_tickets


def rungs() -> tuple[Rung, ...]:
    return check_rungs(get_task("charlm", None))


def test_equal_losses_with_other_weights_are_not_the_same():
    same = Check(Fake(lambda r: Outcome.FINISHED, lambda r: r.source), rungs())
    assert same("A = 1\n", "A = 1\n")
    assert not same("A = 1\n", "A = 2\n")


def test_the_short_run_is_tried_first_and_no_trial_twice():
    runner = Fake(lambda r: Outcome.FINISHED, lambda r: r.source)
    same = Check(runner, rungs())
    assert not same("A = 1\n", "A = 2\n")
    assert [r.rung.train_steps for r in runner.requests] == [rungs()[0].train_steps] * 2
    assert not same("A = 1\n", "A = 3\n")
    assert len(runner.requests) == 3


def test_a_program_that_finishes_nowhere_cannot_be_checked():
    same = Check(Fake(lambda r: Outcome.DIVERGED, lambda r: ""), rungs())
    with pytest.raises(ProofError, match="does not finish"):
        same("A = 1\n", "A = 2\n")


def test_the_check_runs_on_a_processor_for_as_many_steps_as_the_task():
    task = get_task("nanogpt-tiny", None)
    assert check_task(task) is task
    short, whole = check_rungs(task)
    assert short.name == whole.name == "smoke"
    assert whole.train_steps == task.rung("proxy").train_steps > short.train_steps


@pytest.mark.parametrize("task", [CharLM(width=16, context=16, batch=4, held_out_sequences=8), None])
def test_a_grown_program_comes_back_with_equal_losses_and_weights(task):
    task = task if task is not None else get_task("nanogpt-tiny", None)
    grown = (SEEDS / "adamw.py").read_text()
    for n, name in enumerate(("idle_factor", "idle_term", "wrapper", "unreached_schedule", "unread_state")):
        grown = PROVEN[name](grown, n)
    short = [replace(rung, train_steps=min(rung.train_steps, 20), validate_every=10) for rung in check_rungs(task)]
    with Evaluator(task, 1) as evaluator:
        check = Check(evaluator, short)
        found = prove(grown, check)
        assert found.left_out == ()
        assert found.source == (SEEDS / "adamw.py").read_text()
        assert not check(grown, grown.replace("BETA1 = 0.71", "BETA1 = 0.72"))


def test_an_unsound_pass_is_caught_by_training_and_the_rest_goes(monkeypatch):
    def unsound(reading: Reading) -> Iterator[list[Edit]]:
        """Takes a weight decay for nothing."""
        at = reading.text.source.find("p.mul_(1 - lr")
        if at >= 0:
            yield [Edit(at, reading.text.source.index("\n", at), "pass")]

    def more(source: str, left_out: Collection[Key]) -> tuple[Step, ...]:
        return steps(source, left_out, (unsound, *EVERYTHING))

    monkeypatch.setattr("evolve.pruning.proof.steps", more)
    task = CharLM(width=16, context=16, batch=4, held_out_sequences=8)
    grown = PROVEN["unread_state"](PROVEN["idle_factor"]((SEEDS / "adamw.py").read_text(), 0), 1)
    with Evaluator(task, 1) as evaluator:
        found = prove(grown, Check(evaluator, check_rungs(task)[:1]))
    assert [step.kind for step in found.left_out] == ["unsound"]
    assert found.source == (SEEDS / "adamw.py").read_text()

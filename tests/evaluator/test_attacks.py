"""No attack gets through the strongest sandbox that this machine has, and none gains anything on the score."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from attacks import HONEST, MARK, SECRET, attacks, smuggling

from evaluator.check import Rejected, check
from evaluator.records import Limits, Outcome

STRICT = Limits(cpu_seconds=1.0, wall_seconds=20.0, memory_bytes=256 << 20, output_bytes=1 << 16)
NAMES = [attack.name for attack in attacks("/secret", "/tmp", 1)]
HARMLESS = {
    "hooks that double gradients", "module hooks", "a closure that runs the loss again", "find tokens by gc",
    "find losses by gc", "a patched cross entropy", "a patched backward", "a patched isfinite", "patched timers",
    "patched randomness", "a swapped forward", "training inside eval_weights",
    "weights that change while they are scored", "a harness patched from inside", "a larger shared memory",
    "no shared memory", "own gradients scaled before the optimizer sees them", "a dict that lies",
    "a harness patched, then parameters rebound",
}  # fmt: skip
"""Attacks on the score that may finish, so long as they gain nothing."""
UNSEEN = {
    "patched randomness", "a swapped forward", "training inside eval_weights", "a parameter more",
    "a wider parameter", "a parameter replaced", "a parameter rebound in a step", "a parameter with two owners",
    "a parameter without an owner", "weights that are not numbers", "weights that are infinite", "a dict that lies",
    "own gradients scaled before the optimizer sees them", "flood its output", "spin", "eat memory by tensors",
    "eat memory by objects", "another backward pass through the graph",
    "a closure that runs the loss again", "a patched backward", "a patched cross entropy", "a patched isfinite",
}  # fmt: skip
"""Attacks that the static check may let pass: what only shows when it runs."""


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory, evaluator):
    """The attacks, with a secret to find and a folder to write to."""
    folder: Path = tmp_path_factory.mktemp("user")
    folder.chmod(0o777)
    (folder / "secret").write_text(SECRET)
    return {attack.name: attack for attack in attacks(str(folder / "secret"), str(folder), os.getpid())}


@pytest.fixture(scope="module")
def honest(evaluator, rung) -> float:
    from evaluator.records import TrialRequest

    evaluator.submit(TrialRequest("digest", HONEST, rung, 0))
    value = evaluator.wait()[0][1].value
    assert value is not None
    return value


@pytest.mark.parametrize("name", NAMES)
def test_no_attack_gets_through(name, planned, honest, run_unchecked, rung, evaluator) -> None:
    attack = planned[name]
    trial = run_unchecked(attack.source, rung=replace(rung, limits=STRICT))
    assert evaluator.sandbox == "namespaces"
    assert trial.outcome is not Outcome.LOST, trial
    assert MARK not in trial.reason, trial
    assert "exit code 0" not in trial.reason or name == "an early end"
    if name in HARMLESS and trial.outcome is Outcome.FINISHED:
        assert trial.value >= honest
    else:
        assert trial.value is None, trial


@pytest.mark.parametrize("name", NAMES)
def test_the_static_check_stops_what_can_be_seen(name, planned) -> None:
    if name in UNSEEN:
        check(planned[name].source)
        return
    with pytest.raises(Rejected, match=r"\w{3}"):
        check(planned[name].source)


def test_nothing_is_smuggled_from_one_trial_to_the_next(tmp_path, run_unchecked) -> None:
    leave, look = smuggling(str(tmp_path))
    assert run_unchecked(leave.source).outcome is Outcome.FINISHED
    assert run_unchecked(look.source).outcome is Outcome.FINISHED


def test_an_honest_genome_is_not_held_up(run) -> None:
    assert run(HONEST).outcome is Outcome.FINISHED

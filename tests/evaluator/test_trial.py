"""How an end is explained; whole trials are tested through the pool."""

from __future__ import annotations

import os
import signal
import socket
from threading import Thread

import pytest
from tiny_genomes import SGD

from evaluator.devices import get_device
from evaluator.nursery import End, Ended, Spawn
from evaluator.orders import ExitCode
from evaluator.records import Limits, Outcome, TrialRequest
from evaluator.trial import explain, run_trial
from evaluator.wire import Channel
from evaluator.workplace import Workplace

LIMITS = Limits(cpu_seconds=2.5, wall_seconds=9.0, memory_bytes=64 << 20)


@pytest.mark.parametrize(
    ("exit_code", "cpu", "outcome", "said"),
    [
        (ExitCode.REJECTED, 0.1, Outcome.REJECTED, "last words"),
        (ExitCode.OUT_OF_MEMORY, 0.1, Outcome.OUT_OF_MEMORY, "64 MiB: last words"),
        (ExitCode.RAISED, 0.1, Outcome.CRASHED, "last words"),
        (-signal.SIGXCPU, 3.0, Outcome.TIMED_OUT, "2.5 CPU seconds"),
        (-signal.SIGKILL, 4.0, Outcome.TIMED_OUT, "2.5 CPU seconds"),
        (-signal.SIGKILL, 0.1, Outcome.CRASHED, "signal 9. last words"),
        (-signal.SIGSEGV, 9.0, Outcome.CRASHED, "signal 11"),
        (0, 0.1, Outcome.CRASHED, "a genome must not exit. last words"),
    ],
)
def test_every_end_has_an_outcome_and_a_sentence(exit_code, cpu, outcome, said) -> None:
    got, reason = explain(Ended(exit_code, cpu), LIMITS, "first\nlast words\n")
    assert got is outcome
    assert said in reason


def test_a_silent_end_is_explained_too() -> None:
    for code in (*ExitCode, 0, -11):
        assert isinstance(explain(Ended(code, 0.0), LIMITS, "")[1], str)


def broken_nursery(channel: Channel) -> None:
    """Stands in for a machine whose sandbox cannot be entered: the candidate ends before it says anything."""
    message, (memory, control, output) = channel.receive()
    assert isinstance(message, Spawn)
    os.write(output, b"OSError: the sandbox member 'seccomp' could not be entered\n")
    for fd in (memory, control, output):
        os.close(fd)
    message, _ = channel.receive()
    assert isinstance(message, End)
    channel.send(Ended(ExitCode.RAISED, 0.0))


def test_a_candidate_that_could_not_be_made_is_our_fault(task, rung) -> None:
    ours, theirs = socket.socketpair()
    nursery = Thread(target=broken_nursery, args=(Channel(theirs),))
    nursery.start()
    workplace = Workplace(task, get_device("cpu"))
    trial = run_trial(workplace, Channel(ours), TrialRequest("d", SGD, rung, 0), "print")
    nursery.join()
    assert trial.outcome is Outcome.LOST
    assert trial.reason.endswith("the sandbox member 'seccomp' could not be entered")

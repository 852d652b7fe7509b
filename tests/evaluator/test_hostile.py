"""Candidates that mean harm: each costs its limit and nothing else, and the next trial is as good as ever."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tiny_genomes import SGD, sgd_with

from evaluator.records import Limits, Outcome, TrialRequest

STRICT = Limits(cpu_seconds=1.0, wall_seconds=60.0, memory_bytes=256 << 20, output_bytes=1 << 16)
SOCKET = """
import os, socket, stat, struct
def _is_socket(fd):
    try: return stat.S_ISSOCK(os.fstat(fd).st_mode)
    except OSError: return False
control = socket.socket(fileno=next(fd for fd in range(3, 30) if _is_socket(fd)))
"""
"""The candidate's end of the control socket."""
OVER_FDS = "for fd in range(3, 30):\n    try:\n        {}\n    except OSError:\n        pass\n"

HOSTILE = {
    "loops": (sgd_with("while True: pass"), Outcome.TIMED_OUT, "1 CPU seconds"),
    "loops in a step": (
        sgd_with("def after_step(step):\n    while True: pass", "after_step=after_step"),
        Outcome.TIMED_OUT,
        "1 CPU seconds",
    ),
    "loops deaf to signals": (
        sgd_with("import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass"),
        Outcome.TIMED_OUT,
        "CPU seconds",
    ),
    "sleeps": (sgd_with("import time; time.sleep(1e6)"), Outcome.TIMED_OUT, "wall-clock"),
    "forks": (sgd_with("import os; os.fork()"), Outcome.CRASHED, "PermissionError"),
    "runs a program": (sgd_with("import os; os.execv('/bin/true', ['true'])"), Outcome.CRASHED, "PermissionError"),
    "spawns a program": (
        sgd_with("import subprocess; subprocess.run(['true'])"), Outcome.CRASHED, "PermissionError"
    ),
    "starts a thread": (
        sgd_with("import threading; threading.Thread(target=print).start()"), Outcome.CRASHED, "thread"
    ),
    "floods stdout": (sgd_with("while True: print('x' * 1000)"), Outcome.CRASHED, "printed more than 65536"),
    "floods stderr": (
        sgd_with("import sys\nwhile True: sys.stderr.write('x' * 1000)"), Outcome.CRASHED, "printed more than"
    ),
    "eats tensors": (
        sgd_with("eaten = []\nwhile True: eaten.append(torch.ones(1 << 22))"), Outcome.OUT_OF_MEMORY, "256 MiB"
    ),
    "eats objects": (sgd_with("x = [0]\nwhile True: x = x + x"), Outcome.OUT_OF_MEMORY, "256 MiB"),
    "exits": (sgd_with("import os; os._exit(0)"), Outcome.CRASHED, "exit code 0"),
    "raises SystemExit": (sgd_with("raise SystemExit(0)"), Outcome.CRASHED, "SystemExit"),
    "aborts": (sgd_with("import os; os.abort()"), Outcome.CRASHED, "signal"),
    "kills its parent": (sgd_with("import os; os.kill(os.getppid(), 9)"), Outcome.CRASHED, "PermissionError"),
    "crashes the interpreter": (
        sgd_with("import ctypes; ctypes.string_at(0)"), Outcome.CRASHED, "signal 11"
    ),
    "hangs up": (
        sgd_with("import os\n" + OVER_FDS.format("os.close(fd)") + "while True: pass"), Outcome.CRASHED, "signal 9"
    ),
    "writes garbage": (
        sgd_with("import os\n" + OVER_FDS.format("os.write(fd, b'garbage')") + "while True: pass"),
        Outcome.CRASHED,
        "control socket",
    ),
    "forges replies": (
        sgd_with("import os, struct\n" + OVER_FDS.format("os.write(fd, struct.pack('<IId', 5, 99, 0.0))")),
        Outcome.CRASHED,
        "control socket",
    ),
    "answers orders ahead": (
        sgd_with(
            "def after_step(step):\n    for at in (step, step + 1): control.send(struct.pack('<IId', 5, at, 0.0))",
            "after_step=after_step",
            SOCKET,
        ),
        Outcome.CRASHED,
        "control socket",
    ),
    "answers without end": (
        sgd_with("while True: control.send(struct.pack('<IId', 0, 0, 0.0))", top=SOCKET),
        Outcome.CRASHED,
        "control socket",
    ),
    "sends what is too long": (sgd_with("control.send(bytes(100_000))", top=SOCKET), Outcome.CRASHED, "control socket"),
    "sends nothing": (sgd_with("control.send(b'')\nwhile True: pass", top=SOCKET), Outcome.CRASHED, "signal 9"),
    "sends descriptors": (
        sgd_with("for _ in range(99): socket.send_fds(control, [struct.pack('<IId', 1, 0, 0.0)], [0, 1])", top=SOCKET),
        Outcome.CRASHED,
        "control socket",
    ),
    "shuts the control socket": (
        sgd_with("control.shutdown(socket.SHUT_WR)\nwhile True: pass", top=SOCKET), Outcome.CRASHED, "signal 9"
    ),
    "has hooks that there are not": (
        sgd_with("control.send(struct.pack('<IId', 1, 0, -1.0))", top=SOCKET), Outcome.CRASHED, "control socket"
    ),
    "never leaves eval_weights": (
        sgd_with(
            "import contextlib\n@contextlib.contextmanager\ndef eval_weights(step):\n    yield\n    while True: pass",
            "eval_weights=eval_weights",
        ),
        Outcome.TIMED_OUT,
        "CPU seconds",
    ),
    "raises what has no words": (
        sgd_with("raise Mute()", top="class Mute(Exception):\n    def __str__(self): raise self"),
        Outcome.CRASHED,
        "Mute: <exception str() failed>",
    ),
    "raises what talks without end": (
        sgd_with("raise Endless()", top="class Endless(Exception):\n    def __str__(self):\n        while True: pass"),
        Outcome.TIMED_OUT,
        "CPU seconds",
    ),
    "takes the words out of our mouth": (
        sgd_with("import sys\nsys.stdout = sys.stderr = None\nraise ValueError"),
        Outcome.CRASHED,
        "nothing could be printed",
    ),
    "wants to outlive us": (
        sgd_with("import ctypes\nassert ctypes.CDLL(None).prctl(1, 0, 0, 0, 0) == 0"),
        Outcome.CRASHED,
        "AssertionError",
    ),
    "truncates the shared memory": (
        sgd_with("import os\n" + OVER_FDS.format("os.ftruncate(fd, 0)") + "raise ValueError('in vain')"),
        Outcome.CRASHED,
        "ValueError: in vain",
    ),
    "fills a file": (
        sgd_with("f = open('big', 'wb')\nwhile True: f.write(bytes(1 << 20))"), Outcome.CRASHED, ""
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def healthy(evaluator, rung):
    """The curve of a healthy genome on a fresh slot."""
    evaluator.submit(TrialRequest("digest", SGD, rung, 0))
    return evaluator.wait()[0][1].curve


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_candidate_costs_its_limit_and_nothing_else(name, healthy, run_unchecked, rung) -> None:
    source, outcome, said = HOSTILE[name]
    limits = replace(STRICT, wall_seconds=1.0) if name == "sleeps" else STRICT
    trial = run_unchecked(source, rung=replace(rung, limits=limits))
    assert (trial.outcome, trial.value) == (outcome, None), trial
    assert said in trial.reason
    after = run_unchecked(SGD)
    assert after.curve == healthy


def test_the_candidate_sees_no_environment_and_a_folder_of_its_own(run_unchecked, evaluator) -> None:
    trial = run_unchecked(sgd_with("import os; raise ValueError(sorted(os.environ), os.listdir('.'))"))
    assert trial.reason == "ValueError: (['HOME', 'TMPDIR'], [])"
    assert list(evaluator._server._scratch.path.glob("candidate-*")) == []


def test_a_candidate_imports_nothing_heavy_by_itself(run_unchecked) -> None:
    trial = run_unchecked(
        """
import sys
before = set(sys.modules)
import torch
def recipe(model, train_steps):
    optimizer = torch.optim.AdamW(model.parameters())
    def after_step(step):
        raise ValueError("torch._dynamo" in before, len(set(sys.modules) - before) < 5)
    return dict(optimizers=[optimizer], set_hparams=lambda step: None, after_step=after_step)
"""
    )
    assert trial.reason == "ValueError: (True, True)"


def test_the_candidate_holds_no_descriptor_but_its_own(run_unchecked) -> None:
    trial = run_unchecked(
        sgd_with(
            """
            import os, stat
            kinds = []
            for fd in range(64):
                try:
                    mode = os.fstat(fd).st_mode
                except OSError:
                    continue
                kinds += [name for name in ("FIFO", "SOCK", "REG", "CHR", "DIR") if getattr(stat, f"S_IS{name}")(mode)]
            raise ValueError(sorted(kinds))
            """
        )
    )
    # /dev/null, its output twice, the control socket, and the shared memory, whose size is sealed (Python's mmap keeps
    # a duplicate of the descriptor).
    assert trial.reason == "ValueError: ['CHR', 'FIFO', 'FIFO', 'REG', 'SOCK']"


def test_a_training_loss_that_is_no_number_is_a_divergence(run_unchecked) -> None:
    trial = run_unchecked(
        sgd_with(
            """
            kept = []
            @torch.no_grad()
            def before_forward(step):
                kept[:] = [p.clone() for p in model.parameters()]
                if step == 3: model.embed.weight.fill_(float("nan"))
            @torch.no_grad()
            def after_backward(step):
                for p, old in zip(model.parameters(), kept): p.copy_(old); p.grad.zero_()
            """,
            "before_forward=before_forward, after_backward=after_backward",
        )
    )
    assert (trial.outcome, trial.value) == (Outcome.DIVERGED, None)
    assert "training loss" in trial.reason


def test_what_a_candidate_prints_cannot_steer_a_terminal(run_unchecked) -> None:
    trial = run_unchecked(sgd_with(r"raise ValueError('\x1b[31mred\x1b[2J \x07\x00\x9b')"))
    assert trial.reason == "ValueError: �[31mred�[2J ���"
    assert not any(ord(letter) < 32 and letter not in "\n\t" for letter in trial.stderr)


def test_weights_that_know_the_text_are_rejected(run) -> None:
    known = "model.proj.bias.fill_(-3.0)\n    model.proj.bias[97:123] = 0.0\n    model.proj.bias[32] = 1.5"
    trial = run(sgd_with(f"with torch.no_grad():\n    {known}\n    model.proj.weight.zero_()"))
    assert trial.outcome is Outcome.REJECTED
    assert trial.reason.startswith("untrained-start: the loss before step 0 is ")

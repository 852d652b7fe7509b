from __future__ import annotations

import errno
import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tiny_genomes import ADAMW, SGD

from evaluator.pool import Evaluator, EvaluatorError
from evaluator.records import Outcome, Rung, Trial, TrialRequest
from evaluator.sandbox import SANDBOXES, get_sandbox
from evaluator.sandbox.probe import reason_against
from evaluator.server import ForkServer, Slot
from evaluator.tasks.charlm import CharLM
from evaluator.wire import Channel


def plain_loop(task: CharLM, source: str, rung: Rung, rng_seed: int) -> list[tuple[int, float]]:
    """The genome contract's loop in one process, on tensors of its own: what a trial must equal bit for bit."""
    namespace: dict[str, object] = {"__name__": "genome"}
    exec(source, namespace)
    training = task.training(torch.device("cpu"))
    torch.manual_seed(rng_seed)
    model = task.shape().build()
    answer = namespace["recipe"](model, rung.train_steps)
    curve = []
    for step in range(rung.train_steps):
        if step % rung.validate_every == 0:
            curve.append((step, training.held_out(model, rung.split)))
        training.loss(model, step).backward()
        answer["set_hparams"](step)
        for optimizer in answer["optimizers"]:
            optimizer.step()
        if "after_step" in answer:
            answer["after_step"](step)
        model.zero_grad(set_to_none=True)
    return [*curve, (rung.train_steps, training.held_out(model, rung.split))]


@pytest.mark.parametrize("source", [SGD, ADAMW], ids=["sgd", "adamw"])
@pytest.mark.parametrize("rng_seed", [0, 7])
def test_equals_a_plain_training_loop_bit_for_bit(source, rng_seed, run, task, rung) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    expected = plain_loop(task, source, rung, rng_seed)
    torch.set_num_threads(threads)
    trial = run(source, rng_seed)
    assert trial.outcome is Outcome.FINISHED
    assert list(trial.curve) == expected
    assert trial.value == expected[-1][1] < expected[0][1]
    assert trial.reason == trial.stderr == ""
    assert trial.cpu_seconds > 0


def test_the_rng_seed_moves_the_initialization(run) -> None:
    first, again, other = run(ADAMW, 0), run(ADAMW, 0), run(ADAMW, 1)
    assert first.curve == again.curve
    assert first.curve[0] != other.curve[0]


def test_a_trial_carries_its_request_and_fingerprint(run, evaluator, rung) -> None:
    trial = run(SGD, 3)
    assert (trial.digest, trial.rung, trial.rng_seed) == ("digest", "proxy", 3)
    assert trial.fingerprint == evaluator.fingerprint(rung)


def test_a_rejected_source_takes_no_slot(evaluator, rung) -> None:
    ticket = evaluator.submit(TrialRequest("digest", "import os", rung, 0))
    assert evaluator.idle == 1
    ((answered, trial),) = evaluator.wait()
    assert (answered, trial.outcome, trial.value) == (ticket, Outcome.REJECTED, None)


def test_waiting_for_nothing_returns_at_once(evaluator) -> None:
    assert evaluator.wait() == []


def test_more_requests_than_slots_are_queued(evaluator, rung) -> None:
    tickets = [evaluator.submit(TrialRequest("digest", SGD, rung, seed)) for seed in range(3)]
    assert evaluator.idle == 0
    assert evaluator.wait(timeout=0) in ([], [])
    done: list[tuple[int, Trial]] = []
    while len(done) < 3:
        done += evaluator.wait()
    assert [ticket for ticket, _ in done] == tickets
    assert [trial.rng_seed for _, trial in done] == [0, 1, 2]


def test_a_dead_trainer_costs_nothing_but_time(run, evaluator, rung) -> None:
    healthy = run(SGD)
    evaluator.submit(TrialRequest("digest", SGD, rung, 0))
    for slot in list(evaluator._slots):
        slot.kill()
    ((_, trial),) = evaluator.wait()
    assert trial.outcome is Outcome.FINISHED
    assert trial.curve == healthy.curve


def test_a_trial_whose_trainer_dies_again_and_again_is_lost(evaluator, run, rung) -> None:
    evaluator.submit(TrialRequest("digest", SGD, replace(rung, train_steps=100_000), 0))
    done: list[tuple[int, Trial]] = []
    while not done:
        for slot in list(evaluator._slots):
            slot.kill()
        done = evaluator.wait(timeout=0.01)
    assert done[0][1].outcome is Outcome.LOST
    assert "died 3 times" in done[0][1].reason
    assert run(SGD).outcome is Outcome.FINISHED


def test_a_trainer_that_hangs_is_replaced(evaluator, run, rung) -> None:
    healthy = run(SGD)
    evaluator.submit(TrialRequest("digest", SGD, replace(rung, train_steps=100_000), 0))
    evaluator.wait(timeout=0)
    for slot, job in evaluator._slots.items():
        signal.pidfd_send_signal(slot._pidfd, signal.SIGSTOP)
        job.deadline = 0.0
        job.request = replace(job.request, rung=rung)
    ((_, trial),) = evaluator.wait()
    assert trial.curve == healthy.curve


def test_a_dead_fork_server_is_replaced(evaluator, run, rung) -> None:
    healthy = run(SGD)
    evaluator.submit(TrialRequest("digest", SGD, rung, 0))
    evaluator._server.kill()
    ((_, trial),) = evaluator.wait()
    assert trial.curve == healthy.curve


def test_the_end_of_a_fork_server_is_no_end_of_the_run_however_many_slots_it_had(task, rung) -> None:
    with Evaluator(task, jobs=14) as pool:
        for _ in range(2):
            pool.submit(TrialRequest("digest", SGD, rung, 0))
            assert pool.wait()[0][1].outcome is Outcome.FINISHED
            pool._server.kill()
            pool._server._process.wait()


def test_a_candidate_that_somebody_killed_runs_again(evaluator, run, rung) -> None:
    long = replace(rung, train_steps=1500, validate_every=1500)
    healthy = run(SGD, rung=long)
    evaluator.submit(TrialRequest("digest", SGD, long, 0))
    while not (candidates := _candidates(evaluator)):
        assert evaluator.wait(timeout=0.01) == []
    for pid in candidates:
        os.kill(pid, signal.SIGKILL)
    ((_, trial),) = evaluator.wait()
    assert trial.outcome is Outcome.FINISHED
    assert trial.curve == healthy.curve


def test_a_candidate_that_is_killed_again_has_crashed(evaluator, rung) -> None:
    evaluator.submit(TrialRequest("digest", SGD, replace(rung, train_steps=100_000), 0))
    killed: set[int] = set()
    done: list[tuple[int, Trial]] = []
    while not done:
        for pid in set(_candidates(evaluator)) - killed:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        done = evaluator.wait(timeout=0.01)
    assert len(killed) == 2
    assert (done[0][1].outcome, done[0][1].value) == (Outcome.CRASHED, None)


def test_what_is_told_of_a_slot_that_is_closed_already_is_let_go() -> None:
    ours, theirs = socket.socketpair()
    slot = Slot(Channel(ours), "cpu")
    slot.close()
    pidfd = os.pidfd_open(os.getpid())
    slot.started(pidfd)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(pidfd)
    theirs.close()


def test_a_machine_where_nothing_works_is_told_with_the_log(task, rung, monkeypatch, tmp_path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('no torch on this machine')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("evaluator.server._ROOT", tmp_path)
    with Evaluator(task, jobs=1) as pool:
        pool.submit(TrialRequest("digest", SGD, rung, 0))
        with pytest.raises(EvaluatorError, match="no torch on this machine"):
            pool.wait()


def test_a_text_that_changes_under_the_run_is_noticed(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_bytes(bytes(range(256)) * 100)
    task = CharLM(width=8, depth=1, heads=1, context=16, batch=4, held_out_sequences=16, proxy_steps=2, text=text)
    with Evaluator(task, jobs=1) as pool:
        pool.fingerprint(task.rung("proxy"))
        text.write_bytes(bytes(range(256)) * 99)
        pool.submit(TrialRequest("digest", SGD, task.rung("proxy"), 0))
        with pytest.raises(EvaluatorError, match="text has changed"):
            pool.wait()


def test_where_no_sandbox_works_nothing_runs_and_the_reasons_are_told(task, rung, monkeypatch) -> None:
    with Evaluator(task, jobs=1, sandboxes=()) as pool:
        pool.submit(TrialRequest("digest", SGD, rung, 0))
        with pytest.raises(EvaluatorError, match=r"no sandbox works on this machine .*--allow-weak-sandbox"):
            pool.wait()


@pytest.mark.parametrize("name", [sandbox.name for sandbox in SANDBOXES])
def test_every_sandbox_gives_the_same_values(name, task, run, rung) -> None:
    if reason_against(get_sandbox(name)):
        pytest.skip(f"{name} does not work on this machine")
    with Evaluator(task, jobs=1, sandboxes=(name,)) as pool:
        pool.submit(TrialRequest("digest", ADAMW, rung, 0))
        assert pool.wait()[0][1].curve == run(ADAMW).curve
        assert pool.sandbox == name


def test_no_slots_is_an_error(task) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Evaluator(task, jobs=0)


def test_where_descriptors_do_not_suffice_it_says_what_to_do_and_leaves_nothing(task, monkeypatch) -> None:
    servers: list[ForkServer] = []
    start = ForkServer.start_slot

    def third_fails(server, *asked):
        servers.append(server)
        if len(servers) == 3:
            raise OSError(errno.EMFILE, "Too many open files")
        return start(server, *asked)

    monkeypatch.setattr(ForkServer, "start_slot", third_fails)
    with pytest.raises(EvaluatorError, match=r"4 trials at once .*Too many open files.*ulimit -n"):
        Evaluator(task, jobs=4)
    assert servers[0]._process.returncode == -signal.SIGKILL
    assert not servers[0]._scratch.path.exists()


EATER = """
import torch
def recipe(model, train_steps):
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
    kept = []
    def set_hparams(step):
        if step == 5:
            kept.append(torch.ones(1 << 34))
    return dict(optimizers=[optimizer], set_hparams=set_hparams)
"""


def spied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Digests of the requests that trainers are sent, on a processor that passes for a card."""
    sent: list[str] = []
    send = Channel.send

    def spy(self, message, *rest):
        if isinstance(message, TrialRequest):
            sent.append(message.digest)
        send(self, message, *rest)

    monkeypatch.setattr(Channel, "send", spy)
    for module in ("evaluator.pool", "evaluator.seating"):
        monkeypatch.setattr(f"{module}.on_card", lambda device: True)
    monkeypatch.setattr("evaluator.blame.CARD_MEMORY", "memory")
    return sent


def test_who_runs_out_of_memory_in_company_runs_again_alone(task, rung, monkeypatch) -> None:
    sent = spied(monkeypatch)
    with Evaluator(task, jobs=2) as pool:
        for digest, source in (("eater", EATER), ("honest", SGD), ("later", SGD)):
            pool.submit(TrialRequest(digest, source, replace(rung, train_steps=400, validate_every=400), 0))
        found: dict[str, Outcome] = {}
        while len(found) < 3:
            found.update({trial.digest: trial.outcome for _, trial in pool.wait()})
    assert found == {"eater": Outcome.OUT_OF_MEMORY, "honest": Outcome.FINISHED, "later": Outcome.FINISHED}
    assert sent.count("eater") == 2
    assert sorted(sent) == ["eater", "eater", "honest", "later"]


def test_who_runs_out_of_memory_alone_is_told_at_once(task, rung, monkeypatch) -> None:
    sent = spied(monkeypatch)
    with Evaluator(task, jobs=1) as pool:
        pool.submit(TrialRequest("eater", EATER, rung, 0))
        ((_, trial),) = pool.wait()
    assert trial.outcome is Outcome.OUT_OF_MEMORY
    assert sent == ["eater"]


@pytest.mark.parametrize(
    ("shared", "others", "outcome"),
    [(True, True, Outcome.CRASHED), (True, False, Outcome.LOST), (False, True, Outcome.LOST)],
)
def test_under_whom_trainers_die_runs_alone_at_last_and_is_to_blame_where_a_fault_ends_them_and_others_end_well(
    shared, others, outcome, task, rung, monkeypatch
) -> None:
    sent = spied(monkeypatch)
    monkeypatch.setattr("evaluator.pool.shares", lambda: shared)
    found: dict[str, Outcome] = {}
    with Evaluator(task, jobs=2) as pool:
        pool.submit(TrialRequest("culprit", SGD, replace(rung, train_steps=100_000), 0))
        while "culprit" not in found:
            at_work = {job.request.digest: (slot, job) for slot, job in pool._slots.items() if job is not None}
            if "culprit" in at_work:
                slot, job = at_work["culprit"]
                assert len(at_work) == 1 or not job.alone
                slot.kill()
            if sent.count("culprit") == 2 and others and "honest" not in sent:
                pool.submit(TrialRequest("honest", SGD, rung, 0))
            found.update({trial.digest: trial.outcome for _, trial in pool.wait(timeout=0.01)})
    assert found["culprit"] is outcome
    assert found.get("honest", Outcome.FINISHED) is Outcome.FINISHED


def test_devices_of_different_models_are_refused(task, monkeypatch) -> None:
    monkeypatch.setattr("evaluator.pool.model_of", lambda device: f"model of {device}")
    with pytest.raises(ValueError, match="devices of one model"):
        Evaluator(task, 1, devices=("cuda:0", "cuda:1"))


def test_importing_the_pool_does_not_import_torch() -> None:
    code = "import sys, evaluator.pool, evaluator.tasks; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


ENGINE = """
import sys
from evaluator.pool import Evaluator
from evaluator.records import TrialRequest
from evaluator.tasks.charlm import CharLM
task = CharLM(width=8, depth=1, heads=1, context=16, batch=4, held_out_sequences=16, proxy_steps=8)
pool = Evaluator(task, JOBS)
source = sys.stdin.read()
for seed in range(2):
    pool.submit(TrialRequest("digest", source, task.rung("proxy"), seed))
print(pool._server._process.pid, flush=True)
pool.wait()
"""

ENDLESS = SGD.replace("    return dict", "    while True:\n        pass\n    return dict")


def _session(leader: int) -> list[int]:
    """Processes of the session of `leader`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[3]) == leader and fields[0] != "Z":
                found.append(int(entry.name))
    return found


_TICKS_UNTIL_TRAINING = 20
"""CPU time, in hundredths of a second, that no sandbox and no recipe takes."""


def _candidates(pool: Evaluator) -> list[int]:
    """Candidates of an evaluator that are at work: children of a child of its fork server."""
    server = pool._server._process.pid
    stats = {}
    for pid in _session(server):
        with suppress(OSError):
            stats[pid] = [int(field) for field in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1:]]
    grandchildren = [pid for pid, stat in stats.items() if stats.get(stat[0], [0])[0] == server]
    return [pid for pid in grandchildren if sum(stats[pid][10:12]) > _TICKS_UNTIL_TRAINING]


@pytest.mark.parametrize(
    ("jobs", "processes"),
    [
        ("jobs=2", 7),  # the fork server, two trainers, two nurseries, two candidates
        (
            "jobs=1, devices=('cpu', 'cpu'), ranks=2",
            5,
        ),  # the fork server, a trainer, its follower, a nursery, a candidate
    ],
)
def test_killing_the_engine_ends_every_process(jobs: str, processes: int) -> None:
    command = [sys.executable, "-c", ENGINE.replace("JOBS", jobs)]
    engine = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert engine.stdin is not None
    assert engine.stdout is not None
    engine.stdin.write(ENDLESS)
    engine.stdin.close()
    server = int(engine.stdout.readline())
    everyone: list[int] = []
    while len(everyone) < processes:
        assert engine.poll() is None
        everyone = _session(server)
    watched = [os.pidfd_open(pid) for pid in everyone]
    engine.send_signal(signal.SIGKILL)
    engine.wait()
    poll = select.poll()
    for fd in watched:
        poll.register(fd, select.POLLIN)
    left = set(watched)
    while left:
        ended = poll.poll(2000)
        assert ended, f"{len(left)} processes outlived the engine by 2 s"
        for fd, _ in ended:
            poll.unregister(fd)
            left.discard(fd)
            os.close(fd)
    assert _session(server) == []

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from evaluator.sandbox import sandboxes
from evaluator.sandbox.probe import reason_against

EATER = """
import os, signal, socket, sys
from dataclasses import replace
import evaluator.devices.cpu
from evaluator import nursery
from evaluator.devices import get_device
from evaluator.process import close_all_but
from evaluator.records import Limits, TrialRequest
from evaluator.sandbox import sandboxes
from evaluator.sandbox.start import NoMoreThreads, StartDevice
from evaluator.tasks.charlm import CharLM
from evaluator.trial import run_trial
from evaluator.wire import Channel
from evaluator.workplace import Workplace

nursery._DEVICE_BYTES = 64 << 20
sandbox = sandboxes("cuda:0")[int(sys.argv[1])]
layers = [NoMoreThreads("cpu") if isinstance(each, NoMoreThreads) else each for each in sandbox.layers]
sandbox = replace(sandbox, layers=tuple(each for each in layers if not isinstance(each, StartDevice)))
ours, theirs = socket.socketpair()
pid = os.fork()
if pid == 0:
    close_all_but({theirs.fileno()})
    nursery.prepare()
    nursery.run_nursery(Channel(theirs), sandbox)
theirs.close()
task = CharLM(width=8, depth=1, heads=1, context=16, batch=4, held_out_sequences=16, proxy_steps=8)
rung = replace(task.rung("proxy"), limits=Limits(30.0, 60.0, memory_bytes=64 << 20))
source = "import mmap\\nm = mmap.mmap(-1, 400 << 20)\\nfor at in range(0, len(m), 4096): m[at] = 1\\nwhile True: pass"
trial = run_trial(Workplace(task, get_device("cpu")), Channel(ours), TrialRequest("d", source, rung, 0), "f")
os.kill(pid, signal.SIGKILL)
print(trial.outcome)
"""


@pytest.mark.parametrize("place", [0, 1])
def test_shared_memory_that_no_limit_counts_is_noticed_where_it_is_allowed(place: int) -> None:
    reason = reason_against(sandboxes("cpu")[place])
    if reason:
        pytest.skip(reason)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", EATER, str(place)], capture_output=True, text=True, check=False, cwd=root
    )
    assert done.stdout.strip() == "out_of_memory", done.stderr


def test_sandboxes_for_cards_have_the_same_names_and_start_the_card_before_anything_is_closed() -> None:
    for ours, theirs in zip(sandboxes("cpu"), sandboxes("cuda:1"), strict=True):
        assert (ours.name, ours.weak) == (theirs.name, theirs.weak)
        names = [layer.name for layer in theirs.layers]
        assert [name for name in names if name not in ("device", "threads")] == [layer.name for layer in ours.layers]
        assert names.index("device") <= 1
        assert names.index("threads") == (names.index("seccomp") - 1 if "seccomp" in names else len(names) - 1)
        assert names[0] in ("device", "user")
        assert theirs.polled
        assert not ours.polled

"""What stops which attack: every attack against every layer of the sandbox alone, and against whole sandboxes.

    python -m benchmarks.attacks [--name USER]

Candidates are made by a nursery of this script's own, so that layers can be tried one at a time; the static check is
passed over (its own verdict has a column). An attack on the machine says itself that it got through; one on the score
got through if its value is better than that of the honest genome it is made of. Writes
`benchmarks/results/attacks-USER.md`. Run it as an ordinary user too.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import os
import platform
import pwd
import re
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "evaluator"))
from attacks import HONEST, MARK, SECRET, Attack, attacks

from evaluator.check import Rejected, check
from evaluator.devices import get_device
from evaluator.process import close_all_but, die_with_parent
from evaluator.records import Limits, Outcome, Rung, Trial, TrialRequest
from evaluator.sandbox import SANDBOXES, Sandbox, get_sandbox, sandboxes
from evaluator.sandbox.probe import reason_against
from evaluator.sandbox.start import NoMoreThreads, StartDevice
from evaluator.tasks.charlm import CharLM
from evaluator.wire import Channel
from evaluator.workplace import Workplace

RESULTS = Path(__file__).parent / "results"
LIMITS = Limits(cpu_seconds=1.0, wall_seconds=4.0, memory_bytes=256 << 20, output_bytes=1 << 16)
TASK = CharLM(width=8, depth=1, heads=1, context=16, batch=4, held_out_sequences=16, proxy_steps=8)
_STRONGEST = get_sandbox("namespaces")
_USER, _SPACES, *_OTHERS = _STRONGEST.layers
ALONE = (
    Sandbox(_SPACES.name, _STRONGEST.fork, (_USER, _SPACES)),
    *(Sandbox(layer.name, os.fork, (layer,)) for layer in _OTHERS),
)
"""Every layer by itself."""
FOR_CARDS = tuple(
    replace(
        sandbox,
        name=f"{sandbox.name}, cards",
        layers=tuple(
            NoMoreThreads("cpu") if isinstance(layer, NoMoreThreads) else layer
            for layer in sandbox.layers
            if not isinstance(layer, StartDevice)
        ),
    )
    for sandbox in sandboxes("cuda:0")
    if not sandbox.weak
)
"""As they are where trials are trained on a card, but for the card."""
NONE = Sandbox("none", os.fork, ())


@dataclass(frozen=True)
class Column:
    """A way to confine, and what came of each attack."""

    name: str
    through: dict[str, bool]
    outcomes: dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--name", default=pwd.getpwuid(os.getuid()).pw_name, help="of the results file")
    options = parser.parse_args()
    for module in ("torch._dynamo", "evaluator.devices.cpu"):  # else each candidate does
        importlib.import_module(module)
    folder = Path(tempfile.mkdtemp(prefix="evolve-attacks-"))
    (folder / "secret").write_text(SECRET)
    (folder / "scratch").mkdir()
    tempfile.tempdir = str(folder / "scratch")  # without a sandbox an attack on the folder above gets through
    planned = attacks(str(folder / "secret"), str(folder), os.getpid())
    columns = [tried(sandbox, planned) for sandbox in (NONE, *ALONE)]
    usable = [sandbox for sandbox in (*SANDBOXES, *FOR_CARDS) if not reason_against(sandbox)]
    whole = [replace(tried(sandbox, planned), name=f"sandbox {sandbox.name}") for sandbox in usable]
    text = "\n".join(table(planned, columns, whole))
    (RESULTS / f"attacks-{options.name}.md").write_text(text)
    print(text)


def tried(sandbox: Sandbox, planned: tuple[Attack, ...]) -> Column:
    """Every attack under one sandbox, each in a fresh candidate."""
    nursery, pid = nursery_for(sandbox)
    from evaluator.trial import run_trial

    workplace = Workplace(TASK, get_device("cpu"))
    rung = replace(TASK.rung("proxy"), limits=LIMITS)

    def trial(source: str, rung: Rung = rung) -> Trial:
        return run_trial(workplace, nursery, TrialRequest("digest", source, rung, 0), "fingerprint")

    honest = trial(HONEST).value
    assert honest is not None, trial(HONEST)
    ended = {attack.name: trial(attack.source) for attack in planned}
    assert trial(HONEST).value == honest
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return Column(
        sandbox.name,
        {attack.name: got_through(attack, ended[attack.name], honest) for attack in planned},
        {name: f"{each.outcome}: {each.reason}" for name, each in ended.items()},
    )


def nursery_for(sandbox: Sandbox) -> tuple[Channel, int]:
    """A nursery with a sandbox of its own; forked before this process does any tensor work of several threads."""
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        from evaluator.nursery import prepare, run_nursery

        die_with_parent(parent)
        close_all_but({theirs.fileno()})
        prepare()
        run_nursery(Channel(theirs), sandbox)
    theirs.close()
    return Channel(ours), pid


def got_through(attack: Attack, trial: Trial, honest: float) -> bool:
    """Whether an attack has come to what it wanted."""
    if MARK in trial.reason:
        return True
    if attack.scores:
        return trial.value is not None and trial.value < honest
    another = "exit code 0" in trial.reason  # it became another program, which ended well
    used_up = trial.outcome is Outcome.TIMED_OUT and "wall-clock" in trial.reason  # ended by the backstop alone
    return another or used_up or trial.outcome is Outcome.FINISHED


def static(attack: Attack) -> str:
    """The rule by which the static check rejects an attack, or ""."""
    try:
        check(attack.source)
    except Rejected as rejection:
        return rejection.rule
    return ""


def cell(column: Column, attack: Attack) -> str:
    """What the table says of an attack on the machine."""
    return "OPEN" if column.through[attack.name] else "stop"


def table(planned: tuple[Attack, ...], columns: list[Column], whole: list[Column]) -> list[str]:
    """Two tables: attacks on the machine by layer, attacks on the score by how they ended."""
    machine = [attack for attack in planned if not attack.scores]
    score = [attack for attack in planned if attack.scores]
    strongest = whole[0]
    shown = [*columns, *whole]
    lines = [
        "# Attacks, and what stops them",
        "",
        f"Date {datetime.date.today()}, Linux {platform.release()} {platform.machine()}, uid {os.getuid()}; "
        "`python -m benchmarks.attacks`.",
        f"{len(planned)} attacks: {len(machine)} on the machine, {len(score)} on the score. The static check alone "
        f"rejects {sum(bool(static(attack)) for attack in planned)}; with it passed over, "
        f"{sum(strongest.through.values())} get through the strongest sandbox ({strongest.name}).",
        "",
        "## On the machine",
        "",
        "`OPEN`: it got through. Layers one at a time, then whole sandboxes.",
        "",
        "| attack | static check | " + " | ".join(column.name for column in shown) + " |",
        "| --- | --- |" + " --- |" * len(shown),
    ]
    for attack in machine:
        cells = " | ".join(cell(column, attack) for column in shown)
        lines.append(f"| {attack.name} | {static(attack) or '-'} | {cells} |")
    opened = " | ".join(str(sum(column.through[attack.name] for attack in machine)) for column in shown)
    lines += [f"| **got through** | | {opened} |", "", "## On the score", ""]
    lines += [
        "Gained: a better value than the honest genome's. Without any sandbox, and how it ended under the strongest.",
        "",
        f"| attack | static check | gained, no sandbox | gained, {strongest.name} | how it ended |",
        "| --- | --- | --- | --- | --- |",
    ]
    for attack in score:
        gained = ["yes" if column.through[attack.name] else "no" for column in (columns[0], strongest)]
        ended = re.sub(r"/\S*/", ".../", strongest.outcomes[attack.name]).replace("|", "/")[:110]
        lines.append(f"| {attack.name} | {static(attack) or '-'} | {gained[0]} | {gained[1]} | {ended} |")
    return [*lines, ""]


if __name__ == "__main__":
    main()

"""A run whose model fails in every way it can, killed twice on the way: is a birth lost, a budget overrun, a key told?

    python -m benchmarks.faults [--births 40] [--share 0.4]

`evolve start --model` asks a loopback server that plays faults on a share of all requests (429 and 500, answers that
are no JSON, empty ones, ones cut off, ones that never come) and gives words that are no change on some others. The
engine is killed twice with its whole family and resumed. A second run has hardly any money. The server keeps its own
account of what it would bill: every request that it did not turn away. Writes `benchmarks/results/faults.md`.
"""

from __future__ import annotations

import argparse
import datetime
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "evolve"))
from fake_models import FakeModels
from simulated_models import with_rate

from population.store import Store

RESULT = Path(__file__).parent / "results" / "faults.md"
SEED = Path(__file__).parent.parent / "seed_programs" / "adamw.py"
KEY = "sk-a-key-that-nobody-may-ever-read-0123456789"
FAULTS: tuple[int | str, ...] = (429, 500, "garbage", "empty", "truncate", "hang")
FREE = (429,)
"""Faults for which nobody bills."""
READ, WRITTEN = 1000, 200
"""Tokens that the server says of every answer."""
PRICES = (3.0, 15.0)
"""US dollars per million tokens read and written."""
PER_ANSWER = (READ * PRICES[0] + WRITTEN * PRICES[1]) / 1e6


class Server:
    """Answers with another learning rate; fails on a share of requests."""

    def __init__(self, share: float) -> None:
        rng = random.Random(0)
        plan = [rng.choice(FAULTS) if rng.random() < share else None for _ in range(5000)]
        self.models = FakeModels(self._reply, plan)  # type: ignore[arg-type]
        self._plan, self._rng, self._replies = plan, rng, 0
        self._thread = threading.Thread(target=self.models.serve, daemon=True)
        self._thread.start()

    def _reply(self, messages: list[dict[str, str]]) -> str:
        self._replies += 1
        if self._rng.random() < 0.1:
            return "I would rather talk about the weather."
        return with_rate(messages[1]["content"], "HIDDEN_LR", 0.004 + 1e-5 * self._replies)

    def played(self) -> Counter[str]:
        """Requests by what was played on them."""
        return Counter(str(fault) for fault in self._plan[: len(self.models.requests)])

    def billed(self) -> float:
        """US dollars for every request that was not turned away."""
        return PER_ANSWER * sum(fault not in FREE for fault in self._plan[: len(self.models.requests)])

    def close(self) -> None:
        self.models.close()
        self._thread.join()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--births", type=int, default=40)
    parser.add_argument("--share", type=float, default=0.4, help="of requests that meet a fault")
    options = parser.parse_args()
    lines = [
        "# A model that fails in every way, and an engine that is killed",
        "",
        f"Date {datetime.date.today()}; `python -m benchmarks.faults --births {options.births} --share "
        f"{options.share}`.",
        "",
    ]
    for title, budget, kills in (
        (f"{options.births} births, killed twice", ["--budget-births", options.births, "--budget-usd", 5], 2),
        ("money for a few answers", ["--budget-births", options.births, "--budget-usd", 0.8], 0),
    ):
        lines += [f"## {title}", "", *report(options.share, budget, kills), ""]
    RESULT.write_text("\n".join(lines))
    print(RESULT.read_text())


def report(share: float, budget: Sequence[object], kills: int) -> list[str]:
    """One run and what its rows, its server and its files say."""
    server = Server(share)
    home = Path(tempfile.mkdtemp(prefix="evolve-faults-"))
    run = home / "run"
    environment = {**os.environ, "HOME": str(home), "TMPDIR": str(home)}
    environment |= {"OPENAI_API_BASE": server.models.url, "OPENAI_API_KEY": KEY}
    model = ["--model", "openai/fake", "--price", f"openai/fake={PRICES[0]},{PRICES[1]}", "--call-time", "4s"]
    start = ["start", "--from", SEED, "--islands", 2, "--calls", 8, *model, *budget, "--run", run]
    missing = 0
    for turn in range(kills + 1):
        command = start if turn == 0 else ["resume", "--run", run]
        engine = subprocess.Popen(
            [sys.executable, "-m", "evolve", *map(str, command), "--quiet"], env=environment, start_new_session=True
        )
        if turn == kills:
            assert engine.wait() == 0
            break
        wait_for(run, births=10 * (turn + 1))
        known = ids(run)
        os.killpg(engine.pid, signal.SIGKILL)
        engine.wait()
        missing += len(known - ids(run))
    with Store.open(run / "population.db") as store:
        calls, replies = list(store.calls()), {row.call: row for row in store.replies()}
        births = sum(row.birth is not None for row in store.programs())
        by_models = sum(row.operator.startswith("llm_") for row in store.programs())
        ended = {event.data["attempt"] for event in store.events("attempt")}
        attempts = {call.attempt for call in calls}
    # What nobody told the cost of counts with the most that it can have cost.
    paid = [
        replies[call.id].usd if replies[call.id].usd is not None else call.most_usd
        for call in calls
        if call.id in replies and replies[call.id].outcome != "failed"
    ]
    told = [path for path in home.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    outcomes = Counter(row.outcome for row in replies.values())
    server.close()
    limit = float(str(budget[budget.index("--budget-usd") + 1]))
    return [
        f"- requests by fault: {', '.join(f'{name} {count}' for name, count in sorted(server.played().items()))}",
        f"- replies by outcome: {', '.join(f'{name} {count}' for name, count in sorted(outcomes.items()))}",
        f"- births {births}, {by_models} of them by models; programs missing after a kill: {missing}",
        f"- calls {len(calls)}, without a reply {len(calls) - len(replies)}; attempts that never ended "
        f"{len(attempts - ended)}",
        f"- US dollars: budget {limit:.2f}, counted by the engine {sum(usd or 0.0 for usd in paid):.4f}, "
        f"billed by the server {server.billed():.4f}",
        f"- files that hold the key: {len(told)}",
    ]


def wait_for(run: Path, births: int) -> None:
    """Until a run has so many births."""
    while len(ids(run)) < births + 1:
        time.sleep(0.2)


def ids(run: Path) -> set[int]:
    """Programs that are written."""
    path = run / "population.db"
    if not path.exists():
        return set()
    with Store.open(path) as store:
        return {row.id for row in store.programs()}


if __name__ == "__main__":
    main()

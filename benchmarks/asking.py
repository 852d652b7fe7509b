"""What asking a language model costs in our own code, the model's time left out.

    python -m benchmarks.asking [--births 100 1000]

Searches on the simulated landscape whose every child comes from a model that answers at once. Counted is the CPU time
of the engine's process for one call: deciding on it, collecting what the prompt tells, writing prompt and reply,
deciding what follows; and, apart, what the operators' process needs to make a child of a reply.
"""

from __future__ import annotations

import argparse
import datetime
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "evolve"))
from simulated import RUNGS, SimulatedRunner
from simulated_models import SimulatedModels, with_rate

from evaluator.tasks.charlm import CharLM
from evolve import engine as engine_module
from evolve.asker import Asker
from evolve.budget import Budget
from evolve.config import Config
from evolve.engine import Engine, replay
from evolve.genomes import shipped
from evolve.inbox import Inbox
from evolve.operators import ASKING
from evolve.questions import Question
from evolve.situation import Situations
from evolve.talks import Talks
from evolve.variation import Variation, Varied, vary
from evolve.views.silent import Silent
from population.store import Store

RESULT = Path(__file__).parent / "results" / "asking.md"
SEED = next(seed for seed in shipped() if seed.name == "adamw")


class Timed:
    """CPU seconds by name of what was done."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def wrapped(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        def timed(*args: object, **options: object) -> Any:
            began = time.process_time()
            try:
                return function(*args, **options)
            finally:
                self.seconds[name].append(time.process_time() - began)

        return timed


class Worker:
    """Makes children in this process, timed."""

    def __init__(self, timed: Timed) -> None:
        self._vary = timed.wrapped("a child from a reply", vary)
        self._varied: Varied | None = None
        self._fd = SimulatedModels().fileno()

    def fileno(self) -> int:
        """Always readable."""
        return self._fd

    def submit(self, variation: Variation) -> None:
        """Make a child."""
        self._varied = self._vary(0, variation)

    def take(self) -> Varied | None:
        """The child."""
        varied, self._varied = self._varied, None
        return varied


def answer(question: Question) -> str:
    """Another learning rate."""
    return with_rate(question.messages[1].content, "HIDDEN_LR", 0.004 + 0.00001 * question.id)


def measure(births: int) -> dict[str, float]:
    """Median milliseconds by what was done, over the last half of a run."""
    timed = Timed()
    config = Config(operators=tuple(ASKING), models=(("simulated", 1.0),))
    folder = Path(tempfile.mkdtemp(prefix="evolve-asking-"))
    Store.create(folder / "population.db", config.as_dict()).close()
    with Store.open(folder / "population.db", write=True) as store:
        state = replay(store, config, RUNGS)
        asker = Asker(SimulatedModels(answer), Situations(store, CharLM()))
        runner = SimulatedRunner(jobs=8, value=lambda source: 2.4 + (sum(map(ord, source)) % 97) / 1000)
        inbox, budget = Inbox(folder / "inbox"), Budget(births=births)
        engine = Engine(store, state, runner, Worker(timed), inbox, budget, Silent(), asker=asker)
        talks: Any = engine._talks
        for name, what in (("ask", "a question: prompt and row"), ("on_reply", "a reply: row and what follows")):
            setattr(talks, name, timed.wrapped(what, getattr(Talks, name).__get__(talks)))
        engine_module.next_ask = timed.wrapped("deciding whether and what to ask", engine_module.next_ask)
        engine.seed([SEED])
        engine.run()
        calls = state.calls
    decisions = timed.seconds["deciding whether and what to ask"]
    found = {name: 1000 * statistics.median(each[len(each) // 2 :]) for name, each in timed.seconds.items()}
    found["decisions a call"] = len(decisions) / calls
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--births", type=int, nargs="+", default=[100, 1000])
    arguments = parser.parse_args()
    columns = {births: measure(births) for births in arguments.births}
    lines = [
        "# What a call of a language model costs in our code",
        "",
        f"Date {datetime.date.today()}; `python -m benchmarks.asking`.",
        "Median CPU milliseconds in the second half of a run.",
        "",
        "| | " + " | ".join(f"{births} births" for births in columns) + " |",
        "| --- |" + " ---: |" * len(columns),
    ]
    for name in next(iter(columns.values())):
        lines.append(f"| {name} | " + " | ".join(f"{found[name]:.2f}" for found in columns.values()) + " |")
    RESULT.write_text("\n".join(lines) + "\n")
    print(RESULT.read_text())


if __name__ == "__main__":
    main()

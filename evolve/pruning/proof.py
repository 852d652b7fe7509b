"""Proven pruning, checked: a genome and its pruned form train alike to the last bit, or a removal is left out.

This module must not know the store; it asks whoever runs trials.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from evaluator.records import Outcome, Rung, Trial, TrialRequest
from evaluator.tasks import get_task
from evaluator.tasks.base import Task
from evolve.hands import Runner
from evolve.operators.prune import Key, Step, steps
from population.genome import digest

MOST_LEFT_OUT = 8
"""Removals that may fail the check before no more are tried."""


class ProofError(Exception):
    """A genome cannot be checked here; the message says why."""


@dataclass(frozen=True)
class Proof:
    """What came of it.

    Attributes:
        source: The pruned genome; the very text if nothing could go.
        steps: The removals that were made, in order.
        left_out: Removals that should have changed nothing and did.
    """

    source: str
    steps: tuple[Step, ...]
    left_out: tuple[Step, ...]


def prove(source: str, same: Callable[[str, str], bool]) -> Proof:
    """Remove what provably changes nothing, as far as the check agrees.

    Where the whole fails the check, the first removal after which it fails is found by bisection, left out, and the
    rest tried again.

    Args:
        source: The genome.
        same: The check: whether two genomes train alike.

    Raises:
        population.genome.GenomeError: The source is not a genome.
        ProofError: The check itself is impossible.
    """
    left_out: list[Step] = []
    banned: set[Key] = set()
    while True:
        found = steps(source, banned)
        if not found or same(source, found[-1].source):
            return Proof(found[-1].source if found else source, found, tuple(left_out))
        good, bad = 0, len(found)  # after `good` removals the check agrees, after `bad` it does not
        while bad - good > 1:
            middle = (good + bad) // 2
            good, bad = (middle, bad) if same(source, found[middle - 1].source) else (good, middle)
        left_out.append(found[bad - 1])
        banned.add(found[bad - 1].key)
        if len(left_out) == MOST_LEFT_OUT:
            return Proof(found[good - 1].source if good else source, found[:good], tuple(left_out))


def check_task(task: Task) -> Task:
    """What genomes are checked on: the task where it trains bitwise alike, else the benchmark's tiny form."""
    return task if "cpu" in task.devices else get_task("nanogpt-tiny", None)


def check_rungs(task: Task) -> tuple[Rung, ...]:
    """The runs that are compared: a few steps, and as many as a proxy trial of the task takes.

    Both are told as smoke rungs, on which the trainer takes a digest of all weights after the last step.
    """
    smoke, proxy = check_task(task).rung("smoke"), task.rung("proxy")
    every = max(1, proxy.train_steps // 4)
    whole = replace(smoke, train_steps=proxy.train_steps, validate_every=every, limits=proxy.limits, traced_steps=0)
    return replace(smoke, traced_steps=0), whole


class Check:
    """Compares genomes by trials on a processor: losses and weights, to the last bit.

    Args:
        runner: Runs trials of `check_task`.
        rungs: Those of `check_rungs`.
        rng_seed: Of all trials.
    """

    def __init__(self, runner: Runner, rungs: Sequence[Rung], rng_seed: int = 0) -> None:
        self._runner, self._rungs, self._rng_seed = runner, tuple(rungs), rng_seed
        self._known: dict[tuple[str, int], Trial] = {}

    def __call__(self, one: str, other: str) -> bool:
        """Whether two genomes train alike on all rungs; the short one is tried first.

        Raises:
            ProofError: The first does not finish on any rung, or trials are lost.
        """
        finished = False
        for index in range(len(self._rungs)):
            trials = list(self._trials((one, other), index))
            if _shown(trials[0]) != _shown(trials[1]):
                return False
            finished = finished or trials[0].outcome is Outcome.FINISHED
        if not finished:
            last = self._known[digest(one), len(self._rungs) - 1]
            raise ProofError(
                f"the program does not finish where it would be checked ({last.outcome}: {last.reason}): nothing "
                "can be said of what changes nothing in it"
            )
        return True

    def _trials(self, sources: Sequence[str], index: int) -> Iterator[Trial]:
        """Trials on one rung, those not known yet run side by side."""
        missing = {digest(s): s for s in sources if (digest(s), index) not in self._known}
        under_way = {
            self._runner.submit(TrialRequest(key, source, self._rungs[index], self._rng_seed)): key
            for key, source in missing.items()
        }
        while under_way:
            for ticket, trial in self._runner.wait():
                if trial.outcome is Outcome.LOST:
                    raise ProofError(f"a trial of the check was lost: {trial.reason}")
                self._known[under_way.pop(ticket), index] = trial
        return (self._known[digest(source), index] for source in sources)


def _shown(trial: Trial) -> object:
    """What two trials of one behaviour have in common; digests of weights among it."""
    return trial.outcome, trial.value, trial.curve, trial.training, trial.measures.get("trajectory")

"""Runs operators in a process of their own, one variation at a time.

Sources under selection pressure can hang or crash a parser; then this process dies, not the engine. What crosses the
pipe is made by our own code on both sides. This module must not know the store or the population's state.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

from evaluator.process import die_with_parent
from evolve.chance import stream
from evolve.operators.base import Child, NoVariationError, Tried

WALL_SECONDS = 60.0
"""Backstop for one variation; operators need some 10 ms."""


@dataclass(frozen=True)
class Variation:
    """What is asked of an operator.

    Attributes:
        attempt: Running number of the attempt; with the run's rng_seed it decides all chance.
        operator: Name of the operator.
        sources: The parents' texts, the main parent first.
        tried: Recent moves of the run, oldest first.
        reply: A language model's reply, for operators that ask one.
    """

    attempt: int
    operator: str
    sources: tuple[str, ...]
    tried: tuple[Tried, ...]
    reply: str = ""


@dataclass(frozen=True)
class Varied:
    """What came of it.

    Attributes:
        child: The child, or None.
        digest: Identity of the child's genome, or "".
        form: What it is but for its names, or "".
        reason: Why there is no child, or "".
        seconds: CPU time of the operator's own work.
    """

    child: Child | None
    digest: str = ""
    form: str = ""
    reason: str = ""
    seconds: float = 0.0


def vary(run_rng_seed: int, variation: Variation) -> Varied:
    """Apply an operator; a pure function of its arguments (the seconds aside)."""
    from evolve.replies.errors import UnusableReplyError
    from population.form import form
    from population.genome import GenomeError, digest

    start = time.process_time()
    try:
        child = _child(run_rng_seed, variation)
        identity, shape = digest(child.source), form(child.source)
    except (NoVariationError, UnusableReplyError) as error:
        return Varied(None, reason=str(error), seconds=time.process_time() - start)
    except GenomeError as error:
        return Varied(None, reason=f"the child is no genome: {error}", seconds=time.process_time() - start)
    return Varied(child, digest=identity, form=shape, seconds=time.process_time() - start)


def _child(run_rng_seed: int, variation: Variation) -> Child:
    from evolve.operators import ASKING, get_asking_operator, get_operator

    if variation.operator in ASKING:
        child = get_asking_operator(variation.operator).child(variation.reply, variation.sources)
        _check(child.source)
        return child
    operator = get_operator(variation.operator)
    if len(variation.sources) < operator.parents:
        raise NoVariationError(f"{operator.name} wants {operator.parents} parents, there is no second one")
    return operator.vary(variation.sources, stream(run_rng_seed, "vary", variation.attempt), variation.tried)


def _check(source: str) -> None:
    """The static rules: while the conversation goes on, a model can still be told which one it broke."""
    from evaluator.check import Rejected, check
    from evolve.replies.errors import UnusableReplyError

    try:
        check(source)
    except Rejected as error:
        raise UnusableReplyError(str(error)) from error


class VariationWorker:
    """A process that varies on request. Use as a context manager.

    Attributes:
        busy: Whether a variation is under way.
    """

    def __init__(self, run_rng_seed: int) -> None:
        self._run_rng_seed = run_rng_seed
        self._deadline: float | None = None
        self._variation: Variation | None = None
        self._retried = False
        self._start()

    @property
    def busy(self) -> bool:
        return self._deadline is not None

    def fileno(self) -> int:
        """Descriptor that becomes readable when a variation has ended."""
        return self._connection.fileno()

    def submit(self, variation: Variation) -> None:
        """Begin a variation; `take` gives its result."""
        assert not self.busy, "one variation at a time"
        if not self._process.is_alive():  # it died while idle: no fault of this source
            self._restart()
        self._variation, self._retried = variation, False
        self._deadline = time.monotonic() + WALL_SECONDS
        self._connection.send(variation)

    def take(self) -> Varied | None:
        """The result of the variation under way, or None while there is none yet."""
        if self._deadline is None:
            return None
        try:
            if self._connection.poll(0):
                varied: Varied = self._connection.recv()
                self._deadline = None
                return varied
        except (EOFError, ConnectionError):
            return self._again("died on this source")
        if time.monotonic() > self._deadline:
            return self._again(f"took more than {WALL_SECONDS:.0f} s on this source")
        return None

    def _again(self, what: str) -> Varied | None:
        """Try once more in a fresh process: the first failure may have been the machine's fault."""
        variation, first = self._variation, not self._retried
        self._restart()
        if first and variation is not None:
            self.submit(variation)
            self._retried = True
            return None
        return Varied(None, reason=f"the operator's process {what}, twice")

    def close(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.kill()
        self._process.join()

    def __enter__(self) -> VariationWorker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")  # the engine may hold threads; never fork it
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, self._run_rng_seed, os.getpid()), daemon=True, name="variation"
        )
        self._process.start()
        theirs.close()

    def _restart(self) -> None:
        self.close()
        self._deadline = None
        self._start()


def _serve(connection: Connection, run_rng_seed: int, parent: int) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the engine decides what Ctrl-C means
    die_with_parent(parent)
    while True:
        try:
            variation = connection.recv()
        except (EOFError, ConnectionError):
            return
        connection.send(vary(run_rng_seed, variation))

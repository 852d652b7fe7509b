"""A landscape instead of training: the engine's tests need trials by the hundred, not minutes of gradient steps."""

from __future__ import annotations

import hashlib
import math
import os
import random
from collections import deque
from collections.abc import Callable

from evaluator.records import Limits, Outcome, Rung, Trial, TrialRequest
from evolve.variation import Variation, Varied, vary
from population.components import hyperparameters

RUNGS = {
    "smoke": Rung("smoke", 10, 10, 0, 1, "validation", Limits(1.0, 1.0)),
    "proxy": Rung("proxy", 100, 50, 0, 2, "validation", Limits(1.0, 1.0)),
    "confirm": Rung("confirm", 300, 100, 1000, 3, "validation", Limits(1.0, 1.0)),
}

GENOME = """
LR = {lr}
BETA = {beta}
WARMUP_FRACTION = 0.1
INIT_SCALE = 0.5


def recipe(model, train_steps):
    return dict(lr=LR, beta=BETA, warmup=WARMUP_FRACTION, scale=INIT_SCALE)
"""


def genome(lr: float = 0.1, beta: float = 0.9) -> str:
    return GENOME.format(lr=lr, beta=beta)


def true_value(source: str) -> float:
    """Lower is better; the optimum is at LR 0.02, BETA 0.95."""
    found = {each.name.rpartition(".")[2]: each.value for each in hyperparameters(source)}
    lr, beta = found.get("LR", 1.0), found.get("BETA", 0.5)
    return 2.0 + 0.1 * math.log(lr / 0.02) ** 2 + 0.05 * math.log((1 - beta) / 0.05) ** 2


def _ready() -> int:
    """A descriptor that is always readable."""
    reader, writer = os.pipe()
    os.write(writer, b"x")
    os.close(writer)
    return reader


class Killed(BaseException):
    """Stands for kill -9: nothing may catch it."""


class SimulatedRunner:
    """Runs nothing: a value from the source, noise from the rng_seed. Oldest request first."""

    def __init__(
        self,
        jobs: int = 1,
        failing: float = 0.0,
        lose: int = 0,
        kill_at: int | None = None,
        value: Callable[[str], float] = true_value,
        behave: Callable[[str], dict[str, float | str]] = lambda source: {},
    ) -> None:
        self.behave = behave
        self.value = value
        self.kill_at = kill_at
        self.jobs = jobs
        self.failing = failing
        self.lose = lose
        self.requests: list[TrialRequest] = []
        self._queue: deque[tuple[int, TrialRequest]] = deque()
        self._fd = _ready()

    @property
    def idle(self) -> int:
        return self.jobs - len(self._queue)

    def fingerprint(self, rung: Rung) -> str:
        return f"simulated-{rung.name}"

    def filenos(self) -> list[int]:
        return [self._fd]

    def submit(self, request: TrialRequest) -> int:
        self.requests.append(request)
        self._queue.append((len(self.requests), request))
        return len(self.requests)

    def wait(self, timeout: float | None = None) -> list[tuple[int, Trial]]:
        if not self._queue:
            return []
        if len(self.requests) == self.kill_at:
            raise Killed
        ticket, request = self._queue.popleft()
        return [(ticket, self._trial(request))]

    def _trial(self, request: TrialRequest) -> Trial:
        rung = request.rung
        about = (request.digest, rung.name, request.rng_seed, self.fingerprint(rung))
        if self.lose > 0:
            self.lose -= 1
            return Trial(*about, Outcome.LOST, reason="simulated")
        own = random.Random(f"{request.digest}")
        if own.random() < self.failing:
            return Trial(*about, Outcome.CRASHED, reason="simulated", stderr="Traceback")
        noise = random.Random(f"{request.rng_seed}/{rung.name}").gauss(0, 0.01) + own.gauss(0, 0.002)
        value = self.value(request.source) + noise
        measures = {}
        if rung.name == "smoke":
            digest = hashlib.sha256(request.digest.encode()).digest()
            measures = {
                "state_bytes_per_parameter": 4.0 * (digest[0] % 4),
                "effective_rank": (digest[1] + 1) / 256,
                **self.behave(request.source),
            }
        steps = rung.train_steps
        curves = {"curve": ((0, 5.0), (steps, value)), "training": ((steps // 2, value + 1), (steps, value))}
        return Trial(*about, Outcome.FINISHED, value, measures=measures, **curves)


class InlineWorker:
    """Varies in this process."""

    def __init__(self, rng_seed: int) -> None:
        self._rng_seed = rng_seed
        self._varied: Varied | None = None
        self._fd = _ready()

    def fileno(self) -> int:
        return self._fd

    def submit(self, variation: Variation) -> None:
        self._varied = vary(self._rng_seed, variation)

    def take(self) -> Varied | None:
        varied, self._varied = self._varied, None
        return varied

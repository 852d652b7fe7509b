"""The benchmark's loop around one candidate, as the trusted trainer runs it.

The order is fixed by the genome contract: validation when due, `before_forward`, forward and backward,
`after_backward`, `set_hparams`, every `optimizer.step()`, `after_step`, gradients to None; validation at the
end.
"""

from __future__ import annotations

import math
import time
from collections import deque
from dataclasses import dataclass, field

import torch

from evaluator.devices.base import Point
from evaluator.layout import Buffers, views
from evaluator.link import CandidateLink, OverTimeError, StoppedError
from evaluator.measures import MOST_TRACE, Measures
from evaluator.orders import Hooks, Order
from evaluator.records import Rung
from evaluator.workplace import Workplace

_LUCK = 0.3
"""Nats by which random weights may be better than an even guess.

With logits of standard deviation s a token of probability p is favoured by chance as often as harmed: the loss moves
by about sqrt(sum p ** 2) s, and rises by s ** 2 / 2. Of 100 draws from four initializations the luckiest was better by
0.08 on `charlm`, and by 0.17 on a model of width 8.
"""


_NAP_SECONDS = 2e-4
_STEPS_AHEAD = 4
_PATIENCE_SECONDS = 10.0


class DivergedError(Exception):
    """A loss was not finite, or training made it worse."""


class UntrainedError(Exception):
    """The weights knew the data before the first step."""


@dataclass
class Progress:
    """What a trial has yielded so far."""

    curve: list[tuple[int, float]] = field(default_factory=list)
    measures: dict[str, float | str] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    """Training loss of each step, summed over its tokens; empty until all are taken."""


class TrainingLoop:
    """A candidate and the shared model, driven through all steps of a rung.

    Args:
        workplace: The problem and the trainer's own memory.
        shared: The memory that the candidate shares.
        rung: How long to train, and when to validate.
        link: The candidate.
    """

    def __init__(self, workplace: Workplace, shared: Buffers, rung: Rung, link: CandidateLink) -> None:
        self._training, self._device = workplace.training, workplace.device
        self._model, self._weights, self._gradients = workplace.model, workplace.weights, workplace.gradients
        self._shared = shared
        self._rung = rung
        self._link = link
        self._points: deque[Point] = deque()
        hidden = views(self._model, shared.parameters)
        self._measures = Measures(self._model, hidden) if rung.name == "smoke" else None

    def all_steps(self, progress: Progress) -> None:
        """Run the rung; `progress` is filled as it goes.

        Raises:
            DivergedError: A loss was not finite, or worse at the end than at the start.
            UntrainedError: The model was better than a guess before the first step.
            GoneError: The candidate ended.
            NotMadeError: There was no candidate.
            StoppedError: The candidate broke a limit or the protocol.
        """
        hooks = self._link.ready()
        self._device.take_over()
        losses = []
        steps = self._rung.train_steps
        for step in range(steps):
            if step % self._rung.validate_every == 0:
                self._validate(step, hooks, progress)
            if step == 0:
                self._check_start(progress.curve[0][1])
            if hooks & Hooks.BEFORE_FORWARD:
                self._order(Order.BEFORE_FORWARD, step)
            self._weights.copy_(self._shared.parameters)
            self._gradients.zero_()
            losses.append(self._training.backward(self._model, step))
            self._shared.gradients.copy_(self._gradients)
            self._keep_pace(step)
            if self._measures is not None:
                self._measures.before_step()
            self._order(Order.STEP, step)
            if self._measures is not None:
                self._settle(step)
                self._measures.after_step(counts=step >= steps // 2)
        self._settle(steps)
        progress.losses = torch.stack(losses).tolist()
        if not all(map(math.isfinite, progress.losses)):
            raise DivergedError("a training loss was not a finite number")
        state_bytes = self._order(Order.MEASURE, steps) if self._measures is not None else 0.0
        self._validate(steps, hooks, progress)
        if progress.curve[-1][1] > progress.curve[0][1]:
            raise DivergedError(
                f"the loss rose from {progress.curve[0][1]:.4f} before step 0 to {progress.curve[-1][1]:.4f} "
                "at the end; the learning rate may be too high or the update may have the wrong sign"
            )
        if self._measures is not None:
            later = self._rung.traced_steps
            trace = self._order(Order.TRACE, later) if later else 0.0
            self._settle(steps)
            if state_bytes > self._most_state() or trace >= MOST_TRACE:
                raise StoppedError("the genome answered for the evaluator: a measure is beyond its limits")
            progress.measures.update(
                self._measures.result(state_bytes, trace, self._shared.parameters.clone(), self._weights)
            )

    def _order(self, order: Order, step: int) -> float:
        """Have an order carried out between our work so far and what follows."""
        self._device.hand_over()
        number = self._link.order(order, step)
        self._device.take_over()
        return number

    def _keep_pace(self, step: int) -> None:
        """Issue work only so many steps ahead: beyond, a device's queue fills and calls wait without a deadline.

        A candidate whose work failed on the device makes no more marks and does not know it: it is made to look.
        """
        self._points.append(self._device.point())
        if len(self._points) <= _STEPS_AHEAD:
            return
        point, until = self._points.popleft(), time.monotonic() + _PATIENCE_SECONDS
        while not point.query():
            if time.monotonic() > until:
                self._settle(step)
                return
            time.sleep(_NAP_SECONDS)

    def _settle(self, step: int) -> None:
        """Wait until the device has done everything, for what comes next looks at numbers.

        The candidate waits first: what failed on the device shows in its process.
        """
        self._order(Order.SETTLE, step)
        self._points.clear()
        self._reach(self._device.point())

    def _reach(self, point: Point) -> None:
        """Wait for a point of our work.

        Raises:
            OverTimeError: The candidate's part of it does not end.
        """
        while not point.query():
            if time.monotonic() > self._link.deadline:
                raise OverTimeError("the trial was not done in time; the genome keeps the device busy")
            time.sleep(_NAP_SECONDS)

    def _most_state(self) -> int:
        """Bytes that a candidate's tensors can have."""
        limits = self._rung.limits
        return limits.memory_bytes + (0 if self._device.name == "cpu" else limits.device_bytes)

    def _check_start(self, loss: float) -> None:
        """Who guesses evenly loses `training.guess`: less means weights that were made from text."""
        guess = self._training.guess
        if loss < guess - _LUCK:
            raise UntrainedError(
                f"untrained-start: the loss before step 0 is {loss:.3f}, below the {guess:.3f} of an even guess: "
                "weights must start without knowledge of the data; initialize them with constants and random numbers"
            )

    def _validate(self, step: int, hooks: Hooks, progress: Progress) -> None:
        """Score a private copy of the weights, so that nothing a candidate does meanwhile counts."""
        if hooks & Hooks.EVAL_WEIGHTS:
            before = self._shared.parameters.clone()
            self._order(Order.ENTER_EVAL, step)
            self._weights.copy_(self._shared.parameters)
            self._order(Order.LEAVE_EVAL, step)
            self._shared.parameters.copy_(before)
        else:
            self._weights.copy_(self._shared.parameters)
        self._settle(step)
        loss = self._training.held_out(self._model, self._rung.split)
        if not math.isfinite(loss):
            raise DivergedError(f"the loss was not a finite number at step {step}")
        progress.curve.append((step, loss))

"""One trial, as the trusted trainer runs it: the benchmark's loop around a candidate process.

The order is fixed by the genome contract: validation when due, `before_forward`, forward and backward,
`after_backward`, `set_hparams`, every `optimizer.step()`, `after_step`, gradients to None; validation at the
end.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

import torch
from torch import nn

from evaluator.candidate import CandidateSpec
from evaluator.contract import Info
from evaluator.layout import flat_bytes, map_shared, views
from evaluator.link import CandidateLink, GoneError, OverTimeError, StoppedError
from evaluator.measures import Measures
from evaluator.nursery import Ended
from evaluator.orders import ExitCode, Hooks, Order
from evaluator.records import Limits, Outcome, Trial, TrialRequest
from evaluator.tasks.base import Task, Training
from evaluator.wire import Channel

_CPU_SIGNAL = 24  # SIGXCPU
_KILL_SIGNAL = 9


class DivergedError(Exception):
    """A loss was not finite, or training made it worse."""


@dataclass
class Progress:
    """What a trial has yielded so far."""

    curve: list[tuple[int, float]] = field(default_factory=list)
    measures: dict[str, float | str] = field(default_factory=dict)


class Run:
    """A candidate and the shared model, driven through all steps of a rung.

    Args:
        training: The task's losses and scores.
        models: Two skeletons of the task: one to train over shared memory, one to score a private copy.
        request: What to run.
        link: The candidate.
    """

    def __init__(
        self,
        training: Training,
        models: tuple[nn.Module, nn.Module],
        request: TrialRequest,
        link: CandidateLink,
    ) -> None:
        self._training = training
        self._model, self._scored = models
        self._rung = request.rung
        self._link = link
        buffers = map_shared(link.memory_fd, flat_bytes(self._model))
        self._parameters, self._gradients = buffers.parameters, buffers.gradients
        for parameter, home, gradient in zip(
            self._model.parameters(),
            views(self._model, self._parameters),
            views(self._model, self._gradients),
            strict=True,
        ):
            parameter.data = home
            parameter.grad = gradient
        self._private = torch.empty_like(self._parameters)
        for parameter, home in zip(self._scored.parameters(), views(self._scored, self._private), strict=True):
            parameter.data = home
        self._measures = Measures(self._model) if request.rung.name == "smoke" else None

    def all_steps(self, progress: Progress) -> None:
        """Run the rung; `progress` is filled as it goes.

        Raises:
            DivergedError: A loss was not finite, or worse at the end than at the start.
            GoneError: The candidate ended.
            StoppedError: The candidate broke a limit or the protocol.
        """
        hooks = self._link.ready()
        steps = self._rung.train_steps
        for step in range(steps):
            if step % self._rung.validate_every == 0:
                self._validate(step, hooks, progress)
            if hooks & Hooks.BEFORE_FORWARD:
                self._link.order(Order.BEFORE_FORWARD, step)
            self._gradients.zero_()
            self._training.loss(self._model, step).backward()
            if self._measures is not None:
                self._measures.before_step()
            self._link.order(Order.STEP, step)
            if self._measures is not None:
                self._measures.after_step(counts=step >= steps // 2)
        state_bytes = self._link.order(Order.MEASURE, steps) if self._measures is not None else 0.0
        self._validate(steps, hooks, progress)
        if progress.curve[-1][1] > progress.curve[0][1]:
            raise DivergedError(
                f"the loss rose from {progress.curve[0][1]:.4f} before step 0 to {progress.curve[-1][1]:.4f} "
                "at the end; the learning rate may be too high or the update may have the wrong sign"
            )
        if self._measures is not None:
            progress.measures.update(self._measures.result(state_bytes, self._parameters, self._private))

    def _validate(self, step: int, hooks: Hooks, progress: Progress) -> None:
        """Score a private copy of the weights, so that nothing a candidate does meanwhile counts."""
        if hooks & Hooks.EVAL_WEIGHTS:
            before = self._parameters.clone()
            self._link.order(Order.ENTER_EVAL, step)
            self._private.copy_(self._parameters)
            self._link.order(Order.LEAVE_EVAL, step)
            self._parameters.copy_(before)
        else:
            self._private.copy_(self._parameters)
        loss = self._training.held_out(self._scored, self._rung.split)
        if not math.isfinite(loss):
            raise DivergedError(f"the loss was not a finite number at step {step}")
        progress.curve.append((step, loss))


def run_trial(
    task: Task,
    training: Training,
    models: tuple[nn.Module, nn.Module],
    nursery: Channel,
    request: TrialRequest,
    fingerprint: str,
) -> Trial:
    """Run one trial to whatever end it comes to.

    Raises:
        evaluator.wire.ClosedError: The nursery is gone: the slot has to be restarted.
    """
    rung = request.rung
    started, cpu_started = time.monotonic(), time.process_time()
    spec = CandidateSpec(
        request.source,
        task.shape(),
        request.rng_seed,
        rung.train_steps,
        Info(task.tokens_per_step, rung.train_steps),
        rung.limits,
    )
    progress = Progress()
    with CandidateLink(nursery, spec, flat_bytes(models[0])) as link:
        try:
            Run(training, models, request, link).all_steps(progress)
            outcome, reason = Outcome.FINISHED, ""
        except DivergedError as error:
            outcome, reason = Outcome.DIVERGED, str(error)
        except OverTimeError as error:
            outcome, reason = Outcome.TIMED_OUT, str(error)
        except StoppedError as error:
            outcome, reason = Outcome.CRASHED, str(error)
        except GoneError:
            ended = link.end()
            outcome, reason = explain(ended, rung.limits, link.output())
        ended = link.end()
    finished = outcome is Outcome.FINISHED
    return Trial(
        digest=request.digest,
        rung=rung.name,
        rng_seed=request.rng_seed,
        fingerprint=fingerprint,
        outcome=outcome,
        value=progress.curve[-1][1] if finished else None,
        reason=reason,
        stderr="" if finished else link.output(),
        cpu_seconds=time.process_time() - cpu_started + ended.cpu_seconds,
        wall_seconds=time.monotonic() - started,
        curve=tuple(progress.curve),
        measures=progress.measures,
    )


def explain(ended: Ended, limits: Limits, output: str) -> tuple[Outcome, str]:
    """Why a candidate is gone: outcome and a sentence for its author.

    Args:
        ended: How the process ended.
        limits: What it was allowed.
        output: The last lines it printed.
    """
    lines = output.strip().splitlines()
    last = lines[-1].strip() if lines else ""
    if ended.exit_code == ExitCode.REJECTED:
        return Outcome.REJECTED, last
    if ended.exit_code == ExitCode.OUT_OF_MEMORY:
        return Outcome.OUT_OF_MEMORY, (
            f"the genome asked for more memory than its limit of {limits.memory_bytes >> 20} MiB: {last}"
        )
    if ended.exit_code == ExitCode.RAISED:
        return Outcome.CRASHED, last
    used_up = ended.cpu_seconds >= math.ceil(limits.cpu_seconds)
    if ended.exit_code == -_CPU_SIGNAL or (ended.exit_code == -_KILL_SIGNAL and used_up):
        return Outcome.TIMED_OUT, (
            f"the genome used up its {limits.cpu_seconds:g} CPU seconds; its optimizers cost too much per "
            "step, or it loops"
        )
    if ended.exit_code < 0:
        return (
            Outcome.CRASHED,
            f"the candidate process was killed by signal {-ended.exit_code}. {last}".strip(),
        )
    return Outcome.CRASHED, (
        f"the candidate ended with exit code {ended.exit_code}; a genome must not exit. {last}".strip()
    )

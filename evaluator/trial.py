"""One trial, from request to outcome: makes the candidate, runs the loop, says how it ended."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from evaluator.candidate import CandidateSpec
from evaluator.check import iso_steps
from evaluator.contract import Info
from evaluator.link import CandidateLink, GoneError, NotMadeError, OverTimeError, StoppedError
from evaluator.loop import DivergedError, Progress, TrainingLoop, UntrainedError
from evaluator.nursery import Ended
from evaluator.orders import ExitCode
from evaluator.records import CARD_MEMORY, KILLED, Limits, Outcome, Rung, Trial, TrialRequest
from evaluator.step_conditions import has_step_conditions
from evaluator.wire import Channel
from evaluator.workplace import Workplace

POINTS = 8
"""Points of a training curve."""


def run_trial(workplace: Workplace, nursery: Channel, request: TrialRequest, fingerprint: str) -> Trial:
    """Run one trial to whatever end it comes to.

    Args:
        workplace: The problem of the request's rung, on a device.
        nursery: Forks the candidate.
        request: What to run.
        fingerprint: Goes into the trial.

    Raises:
        evaluator.wire.ClosedError: The nursery is gone: the slot has to be restarted.
    """
    started, cpu_started = time.monotonic(), time.process_time()
    rung = request.rung
    horizon, against = _horizon(request.source, rung)
    if against:
        return Trial(request.digest, rung.name, request.rng_seed, fingerprint, Outcome.REJECTED, reason=against)
    if rung.traced_steps and has_step_conditions(request.source, rung.train_steps):
        rung = replace(rung, traced_steps=0)  # what comes later cannot be told from these steps
    problem = workplace.problem
    spec = CandidateSpec(
        request.source,
        problem.shape(),
        request.rng_seed,
        horizon,
        Info(problem.tokens_per_step, rung.train_steps),
        rung.limits,
        workplace.device.name,
    )
    progress = Progress()
    with workplace.memory() as (memory, shared), CandidateLink(nursery, spec, memory) as link:
        try:
            TrainingLoop(workplace, shared, rung, link).all_steps(progress)
            outcome, reason = Outcome.FINISHED, ""
        except DivergedError as error:
            outcome, reason = Outcome.DIVERGED, str(error)
        except UntrainedError as error:
            outcome, reason = Outcome.REJECTED, str(error)
        except OverTimeError as error:
            outcome, reason = Outcome.TIMED_OUT, str(error)
        except StoppedError as error:
            outcome, reason = Outcome.CRASHED, str(error)
        except NotMadeError:
            link.end()
            outcome, reason = Outcome.LOST, f"no candidate could be made: {last_line(link.output())}"
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
        training=training_curve(progress.losses, problem.tokens_per_step),
    )


def _horizon(source: str, rung: Rung) -> tuple[int, str]:
    """The horizon that a recipe is told, and why the genome cannot be tried on this rung, or "".

    A genome with absolute step numbers means something else at another length. The smoke rung, which only asks whether
    a genome runs, takes the first steps of its own length.
    """
    try:
        steps = iso_steps(source)
    except (SyntaxError, ValueError, RecursionError):
        return rung.train_steps, ""  # the candidate says it better
    if steps is None or steps == rung.train_steps:
        return rung.train_steps, ""
    if rung.name == "smoke" and steps > rung.train_steps:
        return steps, ""
    return rung.train_steps, (
        f"iso-step: the genome is written for runs of {steps} steps (its recipe says train_steps: Literal[{steps}]), "
        f"the {rung.name} rung has {rung.train_steps}; write its step numbers as shares of train_steps, as "
        f"`evolve import --fractions` does, or use rungs of that many steps (--train-steps {steps})"
    )


def training_curve(losses: Sequence[float], tokens: int) -> tuple[tuple[int, float], ...]:
    """Mean training losses of consecutive stretches of a run.

    Args:
        losses: Loss of each step, summed over its tokens.
        tokens: Tokens of a step.

    Returns:
        (steps taken by the end of the stretch, nats per token) pairs, at most `POINTS`.
    """
    ends = sorted({len(losses) * point // POINTS for point in range(1, POINTS + 1)} - {0})
    starts = [0, *ends]
    return tuple((end, fmean(losses[start:end]) / tokens) for start, end in zip(starts, ends, strict=False))


def last_line(output: str) -> str:
    """What a process said last, or an empty text."""
    lines = output.strip().splitlines()
    return lines[-1].strip() if lines else ""


def explain(ended: Ended, limits: Limits, output: str) -> tuple[Outcome, str]:
    """Why a candidate is gone: outcome and a sentence for its author.

    Args:
        ended: How the process ended.
        limits: What it was allowed.
        output: The last lines it printed.
    """
    last = last_line(output)
    if ended.exit_code == ExitCode.REJECTED:
        return Outcome.REJECTED, last
    if ended.exit_code == ExitCode.OUT_OF_MEMORY:
        what, most = (CARD_MEMORY, limits.device_bytes) if "CUDA" in last else ("memory", limits.memory_bytes)
        return Outcome.OUT_OF_MEMORY, f"the genome asked for more {what} than its limit of {most >> 20} MiB: {last}"
    if ended.exit_code == ExitCode.RAISED:
        return Outcome.CRASHED, last or "the genome raised an error, and nothing could be printed about it"
    used_up = ended.cpu_seconds >= math.ceil(limits.cpu_seconds)
    if ended.exit_code == -signal.SIGXCPU or (ended.exit_code == -signal.SIGKILL and used_up):
        return Outcome.TIMED_OUT, (
            f"the genome used up its {limits.cpu_seconds:g} CPU seconds; its optimizers cost too much per "
            "step, or it loops"
        )
    if ended.exit_code == -signal.SIGKILL:
        return Outcome.CRASHED, f"the candidate process was {KILLED}. {last}".strip()
    if ended.exit_code < 0:
        return Outcome.CRASHED, f"the candidate process was killed by signal {-ended.exit_code}. {last}".strip()
    return Outcome.CRASHED, (
        f"the candidate ended with exit code {ended.exit_code}; a genome must not exit. {last}".strip()
    )

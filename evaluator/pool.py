"""The engine's side of the evaluator: trial requests in, trials out, as many at once as there are slots.

Free of threads and of torch: fork server, trainers and candidates are other processes, and this one only
waits on their sockets.
"""

from __future__ import annotations

import select
import time
from collections import Counter, deque
from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType

from evaluator.blame import Job, after_losses, runs_again, survives_loss
from evaluator.check import Rejected, check
from evaluator.devices.found import model_of, place_of, shares
from evaluator.fingerprint import fingerprint
from evaluator.process import require_linux
from evaluator.records import Outcome, Rung, Trial, TrialRequest
from evaluator.sandbox import NO_SANDBOX, STRONG
from evaluator.seating import next_seat, on_card
from evaluator.server import ForkServer, Slot
from evaluator.tasks.base import Task
from evaluator.wire import ClosedError

_DEATHS_IN_A_ROW = 12
"""Times that all slots may die without a trial between before we say that nothing works here."""
_PATIENCE_FACTOR, _PATIENCE_SECONDS = 2.0, 60.0
"""A slot silent for the factor times the rung's wall-clock limit plus these seconds is taken for dead."""


def patience(rung: Rung) -> float:
    """Seconds after which a slot that trains a rung is taken for dead."""
    return _PATIENCE_FACTOR * rung.limits.wall_seconds + _PATIENCE_SECONDS


class EvaluatorError(RuntimeError):
    """The evaluator itself cannot work; the message holds the last lines of its log."""


class Evaluator:
    """Runs trials on `jobs` slots. A context manager: leaving it ends all its processes at once.

    The thread that makes it must live as long as it does: the kernel ends the fork server with that thread.

    Args:
        task: The training problem.
        jobs: Trials at once; each takes one core, and a share of its device.
        sandboxes: Names of those that may confine candidates, in order of preference (`evaluator.sandbox`).
        devices: Where they are trained, by turns; all of one model.
        ranks: Devices that train a trial together: the first so many, the next so many, and so on.

    Raises:
        ValueError: `jobs` is below 1, or a device is not there, or they differ, or some are left over.
        OSError: Not Linux.
        EvaluatorError: There are too few descriptors for so many slots.
    """

    def __init__(
        self,
        task: Task,
        jobs: int,
        sandboxes: Sequence[str] = STRONG,
        devices: Sequence[str] = ("cpu",),
        ranks: int = 1,
    ) -> None:
        require_linux()
        if jobs < 1:
            raise ValueError(f"jobs must be at least 1, but is {jobs}")
        if len({model_of(device) for device in devices}) != 1:
            raise ValueError(f"trials must be comparable: expected devices of one model, got {', '.join(devices)}")
        if ranks < 1 or len(devices) % ranks:
            raise ValueError(f"{len(devices)} devices cannot be put together {ranks} by {ranks}")
        self._task = task
        self._jobs = jobs
        self._tickets = 0
        self._waiting: deque[Job] = deque()
        self._done: list[tuple[int, Trial]] = []
        self._deaths = 0
        self._ended = 0
        self._closed = False
        self._slots: dict[Slot, Job | None] = {}
        self._place = place_of(devices[0], ranks)
        self._sandboxes, self._kind = tuple(sandboxes), devices[0]
        self._groups = {devices[first]: devices[first : first + ranks] for first in range(0, len(devices), ranks)}
        self._server = self._start_server()
        with ExitStack() as undo:
            undo.callback(self.close)
            self._fill()
            undo.pop_all()

    def __enter__(self) -> Evaluator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def idle(self) -> int:
        """Slots that neither run a trial nor have one waiting for them."""
        busy = sum(job is not None for job in self._slots.values()) + len(self._waiting)
        return max(0, self._jobs - busy)

    @property
    def sandbox(self) -> str:
        """Name of the sandbox that confines candidates; "" until the first trial has begun."""
        return self._server.sandbox

    def fingerprint(self, rung: Rung) -> str:
        """What determines a value on `rung` beside genome and rng_seed; see `evaluator.fingerprint`."""
        return fingerprint(self._task, rung, self._place)

    def submit(self, request: TrialRequest) -> int:
        """Queue one trial; never blocks on it.

        A genome that fails the static check is answered by the next `wait` without using a slot.

        Returns:
            A ticket, by which `wait` names the trial.
        """
        self._tickets += 1
        try:
            check(request.source)
        except Rejected as rejection:
            self._done.append((self._tickets, self._failed(request, Outcome.REJECTED, str(rejection))))
        else:
            self._waiting.append(Job(self._tickets, request, request.rung.alone))
            self._hand_out()
        return self._tickets

    def wait(self, timeout: float | None = None) -> list[tuple[int, Trial]]:
        """Wait until at least one trial has ended.

        Args:
            timeout: Seconds to wait at most; None waits as long as anything runs.

        Returns:
            (ticket, trial) pairs; empty when the time is over or nothing was submitted.

        Raises:
            EvaluatorError: Our own processes keep dying.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while not self._done and (self._waiting or any(self._slots.values())):
            left = None if until is None else until - time.monotonic()
            self._listen(left)
            if left is not None and left <= 0:
                break
        done, self._done = self._done, []
        return done

    def filenos(self) -> list[int]:
        """Descriptors that become readable when `wait` may have something to give.

        A source that `submit` rejected makes none of them readable: the next `wait` gives it at once.
        """
        return [slot.channel.fileno() for slot in self._slots] + [self._server.channel.fileno()]

    def close(self) -> None:
        """End all processes at once; trials that run are dropped. Idempotent."""
        if not self._closed:
            self._closed = True
            self._server.close()
            for slot in self._slots:
                slot.close()

    def _listen(self, timeout: float | None) -> None:
        """Take what the sockets have to say, for at most `timeout` seconds."""
        now = time.monotonic()
        deadlines = [job.deadline for job in self._slots.values() if job is not None]
        first = min([*deadlines, now + 3600.0 if timeout is None else now + max(0.0, timeout)])
        poll = select.poll()
        by_fd = {slot.channel.fileno(): slot for slot in self._slots}
        for fd in [*by_fd, self._server.channel.fileno()]:
            poll.register(fd, select.POLLIN)
        ready = {fd for fd, _ in poll.poll(max(0.0, first - now) * 1000)}
        for fd in ready & by_fd.keys():
            self._take_trial(by_fd[fd])
        if self._server.channel.fileno() in ready:
            try:
                self._server.take_news()
            except ClosedError:
                self._restart_server()
            except OSError as error:
                raise self._no_room(error) from error
        self._end_overdue()
        self._fill()
        self._hand_out()

    def _end_overdue(self) -> None:
        """Kill what should have answered long ago; its socket closes, and the trial counts as lost."""
        now = time.monotonic()
        for slot, job in self._slots.items():
            if job is not None and job.deadline < now:
                job.deadline = now + _PATIENCE_SECONDS
                slot.killed = True
                if not slot.kill():
                    self._server.kill()

    def _take_trial(self, slot: Slot) -> None:
        try:
            trial, _ = slot.channel.receive()
        except ClosedError:
            self._bury(slot)
            return
        job = self._slots[slot]
        assert isinstance(trial, Trial)
        assert job is not None
        if trial.fingerprint != self.fingerprint(job.request.rung):
            raise EvaluatorError("the task's text has changed since this run started; start the run again")
        self._slots[slot] = None
        self._deaths = 0
        slot.used = True
        self._ended += 1
        if runs_again(job, trial):
            self._waiting.appendleft(job)
        else:
            self._done.append((job.ticket, trial))

    def _bury(self, slot: Slot) -> None:
        """A slot died: its trial is lost, and run again unless that has happened too often."""
        job = self._slots.pop(slot)
        slot.close()
        self._deaths += 1
        # The fork server's end is every slot's, a fault on a card that of all there.
        if self._deaths > _DEATHS_IN_A_ROW * self._jobs:
            raise EvaluatorError(f"trainer processes keep dying; the last lines of their log:\n{self._server.log()}")
        if job is None:
            return
        card = on_card(slot.device)
        if survives_loss(job, card, self._ended):
            self._waiting.appendleft(job)
            return
        log = self._server.log()
        outcome, reason = after_losses(job, card and shares() and not slot.killed, self._ended, log)
        self._done.append((job.ticket, self._failed(job.request, outcome, reason)))

    def _restart_server(self) -> None:
        """The fork server died, and every slot with it."""
        if not self._server.sandbox:
            log = self._server.log()
            if NO_SANDBOX in log:
                raise EvaluatorError(log[log.rindex(NO_SANDBOX) :])
            raise EvaluatorError(f"the fork server could not start; the last lines of its log:\n{log}")
        for slot in list(self._slots):
            slot.killed = True
            self._bury(slot)
        self._server.close()
        self._server = self._start_server()

    def _start_server(self) -> ForkServer:
        return ForkServer(self._sandboxes, self._kind)

    def _fill(self) -> None:
        """Have as many slots as jobs."""
        while len(self._slots) < self._jobs:
            try:
                taken = Counter(slot.device for slot in self._slots)
                first = min(self._groups, key=lambda name: taken[name])
                self._slots[self._server.start_slot(self._task, self._groups[first], self._place)] = None
            except ClosedError:
                self._restart_server()
            except OSError as error:
                raise self._no_room(error) from error

    def _no_room(self, error: OSError) -> EvaluatorError:
        return EvaluatorError(
            f"{self._jobs} trials at once cannot be started ({error.strerror or error}): ask for fewer, or allow more "
            "open files (ulimit -n)"
        )

    def _hand_out(self) -> None:
        while (seat := self._next_seat()) is not None:
            place, device = seat
            job = self._waiting[place]
            del self._waiting[place]
            there = self._on(device)
            if job.alone and on_card(device):
                self._clear(device)
            job.company = bool(there)
            for neighbour in there:
                neighbour.company = True
            slot = next(slot for slot, other in self._slots.items() if other is None and slot.device == device)
            job.deadline = time.monotonic() + patience(job.request.rung)
            self._slots[slot] = job
            try:
                slot.channel.send(job.request)
            except ClosedError:
                self._bury(slot)

    def _clear(self, device: str) -> None:
        """End idle trainers of a card but one: what they keep warm there takes its memory."""
        idle = [slot for slot, job in self._slots.items() if job is None and slot.device == device]
        for slot in sorted(idle, key=lambda slot: slot.used)[1:]:
            if slot.used and slot.kill():
                del self._slots[slot]
                slot.close()

    def _next_seat(self) -> tuple[int, str] | None:
        """Place of the next trial among those that wait, and its device."""
        idle = dict.fromkeys(slot.device for slot, job in self._slots.items() if job is None)
        running = {device: [job.alone for job in self._on(device)] for device in self._groups}
        return next_seat([job.alone for job in self._waiting], idle, running)

    def _on(self, device: str) -> list[Job]:
        """What runs on a device."""
        return [job for slot, job in self._slots.items() if job is not None and slot.device == device]

    def _failed(self, request: TrialRequest, outcome: Outcome, reason: str) -> Trial:
        return Trial(
            digest=request.digest,
            rung=request.rung.name,
            rng_seed=request.rng_seed,
            fingerprint=self.fingerprint(request.rung),
            outcome=outcome,
            reason=reason,
        )

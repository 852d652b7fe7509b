"""The trainer's hold of one candidate: shared memory, orders with deadlines, the last lines of its output."""

from __future__ import annotations

import os
import re
import select
import socket
import time
from types import TracebackType

from evaluator.candidate import CandidateSpec
from evaluator.nursery import End, Ended, Spawn
from evaluator.orders import ORDER, REPLY, Hooks, Order
from evaluator.wire import Channel

_KEPT_OUTPUT = 4096
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
"""What a terminal might obey."""


class GoneError(Exception):
    """The candidate ended, or closed its control socket; its exit code tells why."""


class NotMadeError(Exception):
    """The candidate ended before any code of the genome ran: our fault, or this machine's."""


class StoppedError(Exception):
    """We ended the candidate; the message is a sentence for its author."""


class OverTimeError(StoppedError):
    """The wall-clock backstop passed."""


class CandidateLink:
    """One candidate process, from fork to burial. Use as a context manager: leaving ends the process.

    Args:
        nursery: Where candidates are forked.
        spec: What the candidate is told.
        memory: Descriptor of the memory that it shares; stays the caller's.

    Attributes:
        ended: How the process ended; None while it lives.
        deadline: When the trial must be done, by the monotonic clock.
    """

    def __init__(self, nursery: Channel, spec: CandidateSpec, memory: int) -> None:
        self._nursery = nursery
        self._limits = spec.limits
        self.deadline = time.monotonic() + spec.limits.wall_seconds
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._output, their_output = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self._output, False)
        self._printed = 0
        self._tail = b""
        self.ended: Ended | None = None
        nursery.send(Spawn(spec), [memory, theirs.fileno(), their_output])
        theirs.close()
        os.close(their_output)

    def __enter__(self) -> CandidateLink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def ready(self) -> Hooks:
        """Wait until `recipe` has returned; tells which hooks there are.

        Raises:
            NotMadeError: There was no candidate: the sandbox could not be entered.
            GoneError: The candidate ended.
            StoppedError: It broke a limit or the protocol.
        """
        try:
            self._reply(Order.PROTECTED, 0)
        except GoneError as error:
            raise NotMadeError from error
        return Hooks(int(self._reply(Order.READY, 0)))

    def order(self, order: Order, step: int) -> float:
        """Have one order carried out and return the reply's number.

        Raises:
            GoneError: The candidate ended.
            StoppedError: It broke a limit or the protocol.
        """
        try:
            self._control.send(ORDER.pack(order, step), socket.MSG_DONTWAIT)
        except BlockingIOError:
            raise StoppedError("the candidate stopped reading its control socket") from None
        except OSError:
            raise GoneError from None
        return self._reply(order, step)

    def end(self) -> Ended:
        """End the process if it still lives; idempotent."""
        if self.ended is None:
            self._nursery.send(End())
            self.ended, _ = self._nursery.receive()
            self._drain()
            self._control.close()
            os.close(self._output)
        assert self.ended is not None
        return self.ended

    def output(self) -> str:
        """The last lines that the candidate printed, at most 4 kB."""
        return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", self._tail.decode("utf-8", errors="replace"))

    def _reply(self, order: Order, step: int) -> float:
        message = self._wait()
        if len(message) == REPLY.size:
            kind, echoed, number = REPLY.unpack(message)
            if (kind, echoed) == (order, step) and 0 <= number < float("inf"):
                return float(number)
        raise StoppedError("the genome wrote to the control socket, which belongs to the evaluator")

    def _wait(self) -> bytes:
        """The candidate's next message, draining its output meanwhile."""
        poll = select.poll()
        poll.register(self._control, select.POLLIN)
        poll.register(self._output, select.POLLIN)
        while True:
            left = self.deadline - time.monotonic()
            ready = {fd for fd, _ in poll.poll(max(0.0, left) * 1000)}
            if self._output in ready and not self._drain():
                poll.unregister(self._output)
            if self._printed > self._limits.output_bytes:
                raise StoppedError(
                    f"the genome printed more than {self._limits.output_bytes} bytes; remove its print statements"
                )
            if self._control.fileno() in ready:
                try:
                    message = self._control.recv(REPLY.size + 1)
                except OSError:
                    raise GoneError from None
                if not message:
                    raise GoneError
                return message
            if left <= 0:
                raise OverTimeError(
                    f"the trial was not done after {self._limits.wall_seconds:g} s of wall-clock time; the "
                    "genome waits or sleeps"
                )

    def _drain(self) -> bool:
        """Read what has been printed; False once nothing can print any more."""
        while True:
            try:
                chunk = os.read(self._output, 1 << 16)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            self._printed += len(chunk)
            self._tail = (self._tail + chunk)[-_KEPT_OUTPUT:]
            if self._printed > self._limits.output_bytes:
                return True

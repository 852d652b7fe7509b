"""The engine's hold of the fork server: starting it, asking it for slots, ending everything."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from evaluator.devices.found import Place
from evaluator.messages import Prepare, SlotStarted, StartSlot
from evaluator.scratch import Scratch
from evaluator.tasks.base import Task
from evaluator.wire import Channel, ClosedError

_ROOT = Path(__file__).resolve().parent.parent
_LOG_TAIL = 2000


def _for_cards() -> dict[str, str]:
    """What trainers on cards need to know: which cards, where the compiler is, where to keep what was compiled."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "evolve"
    passed = ("CUDA_VISIBLE_DEVICES", "CUDA_MPS_PIPE_DIRECTORY", "LD_LIBRARY_PATH", "PATH")
    return {
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
        "CUDA_CACHE_PATH": str(folder / "cuda"),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),
        "TRITON_CACHE_DIR": str(folder / "triton"),
        **{name: value for name, value in os.environ.items() if name in passed or name.startswith("NCCL_")},
    }


class Slot:
    """A trainer with its nursery, seen from the engine.

    Attributes:
        channel: Socket to the trainer; closes when the trainer ends.
        device: Where it trains; of several the first.
        used: Whether it has ended a trial, and so keeps something warm.
        killed: Whether its end is our doing.
    """

    def __init__(self, channel: Channel, device: str) -> None:
        self.channel = channel
        self.device = device
        self.used = self.killed = self._closed = False
        self._pidfd: int | None = None

    def started(self, pidfd: int) -> None:
        """Note that the trainer runs; `pidfd` is the slot's from now on."""
        self._pidfd = pidfd
        if self._closed:  # it ended before we heard that it had begun
            self.close()

    def kill(self) -> bool:
        """End the trainer; the rest of the slot follows by itself. False if it was never started."""
        if self._pidfd is None:
            return False
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        return True

    def close(self) -> None:
        """Release what the engine holds of the slot. Idempotent."""
        self._closed = True
        self.channel.close()
        if self._pidfd is not None:
            os.close(self._pidfd)
            self._pidfd = None


class ForkServer:
    """The fork server process and the slots that it forks.

    It gets an empty environment (one thread for every math library, a fixed hash seed, our own import path),
    a process group of its own, so that Ctrl-C in the terminal reaches the engine alone, and dies with the
    engine.

    Args:
        sandboxes: Names of those that may be used, in order of preference.
        device: One that slots will train on; the others are of its kind.

    Attributes:
        channel: Socket to the fork server; closes when it ends.
        sandbox: Name of the one that it uses; "" until it has started a slot.
    """

    def __init__(self, sandboxes: Sequence[str], device: str = "cpu") -> None:
        self.sandbox = ""
        self._scratch = Scratch()
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        self._starting: deque[Slot] = deque()
        path = [str(_ROOT), *(entry or os.getcwd() for entry in sys.path)]
        with open(self._scratch.path / "log", "wb") as log, theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "evaluator.forkserver",
                    str(theirs.fileno()),
                    str(os.getpid()),
                    device,
                    *sandboxes,
                ],
                env={
                    "PYTHONPATH": os.pathsep.join(path),
                    "PYTHONHASHSEED": "0",
                    "OMP_NUM_THREADS": "1",
                    "MKL_NUM_THREADS": "1",
                    "OPENBLAS_NUM_THREADS": "1",
                    "LC_ALL": "C.UTF-8",
                    # Keep freed memory: mapping and zeroing each temporary anew costs a quarter of a step.
                    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
                    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
                    "MALLOC_TOP_PAD_": str(1 << 24),
                    "HOME": str(self._scratch.path),
                    "TMPDIR": str(self._scratch.path),
                    **(_for_cards() if device != "cpu" else {}),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def start_slot(self, task: Task, devices: Sequence[str], place: Place) -> Slot:
        """Ask for a slot on one device, or on several that train together.

        It can be given work at once, even before the fork server has come up.

        Raises:
            ClosedError: The fork server is gone.
        """
        ours, theirs = socket.socketpair()
        slot = Slot(Channel(ours), devices[0])
        with theirs:
            self.channel.send(StartSlot(devices[0], tuple(devices[1:])), [theirs.fileno()])
        slot.channel.send(Prepare(task, place))
        self._starting.append(slot)
        return slot

    def take_news(self) -> None:
        """Read one message of the fork server.

        Raises:
            ClosedError: It is gone.
        """
        message, fds = self.channel.receive()
        assert isinstance(message, SlotStarted)
        self._starting.popleft().started(fds[0])
        self.sandbox = message.sandbox

    def log(self) -> str:
        """The last lines that our own processes printed: why one of them failed."""
        with suppress(FileNotFoundError):
            return (self._scratch.path / "log").read_text(errors="replace")[-_LOG_TAIL:].strip()
        return ""

    def kill(self) -> None:
        """End the fork server and, through it, every process below it."""
        self._process.kill()

    def close(self) -> None:
        """End all processes and release what the engine holds of them."""
        self.kill()
        self._process.wait()
        with suppress(ClosedError):
            while self._starting:
                self.take_news()
        self.channel.close()
        self._scratch.remove()

"""What a candidate process may do: three sandboxes, made of layers, one file a layer.

Covered by the strongest one: reading anything but installed packages and facts about the processor; writing anywhere
but a small disk of its own, or changing modes, owners, times and attributes of files; the network, by TCP, UDP, unix
and vm sockets; other processes, their memory, environment and signals; processes and threads of its own; endless loops,
memory and disk filling, floods of output; privileges, new namespaces, debugging. `landlock` lacks the small disk (many
files may fill the real one) and numbers processes as everybody does; `rlimits`, the weak one, stops accidents alone:
files and network are open to it.

On a card the driver's own threads begin before the layers: they are under the filter, but outside of Landlock and with
the capabilities that the process began with. They run the driver's code alone; code that could write to their stacks
might open any file that the user may.

Not covered: whether a file or a process exists, and whose it is; faults of the kernel; what the processor's caches
tell; what is in memory when the candidate begins, all of it our own code and public packages, among that the
documentation strings of modules that are part of `charlm`'s default text. What no sandbox can cover is a score computed
in a candidate's process: there is none (`evaluator.trainer` has tokens, losses and scores to itself).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from evaluator.records import Limits
from evaluator.sandbox.base import Layer
from evaluator.sandbox.capabilities import NoCapabilities
from evaluator.sandbox.landlock import Landlock
from evaluator.sandbox.namespaces import Namespaces, SameUser
from evaluator.sandbox.rlimits import ResourceLimits
from evaluator.sandbox.seccomp import SystemCallFilter
from evaluator.sandbox.start import NoMoreThreads, StartDevice


@dataclass(frozen=True)
class Sandbox:
    """One way to confine a candidate.

    Attributes:
        name: What it is called.
        fork: Makes the process that will be the candidate, like `os.fork`.
        layers: What that process puts on itself, in this order.
        weak: Whether it takes a user's word to use it.
        polled: Whether somebody has to look at the memory in use now and then, since no limit counts all of it.
    """

    name: str
    fork: Callable[[], int]
    layers: tuple[Layer, ...]
    weak: bool = False
    polled: bool = False

    def enter(self, limits: Limits, folder: str) -> None:
        """Put every layer on this process.

        Raises:
            OSError: The kernel refused one; its name is in the message.
        """
        for layer in self.layers:
            try:
                layer.enter(limits, folder)
            except OSError as error:
                reason = f"the sandbox layer {layer.name!r} could not be entered: {error.strerror or error}"
                raise (OSError(error.errno, reason) if error.errno else OSError(reason)) from error


def sandboxes(device: str) -> tuple[Sandbox, ...]:
    """Those there are for candidates on a device, strongest first.

    A card is started first of all, for its driver wants files and system calls that are closed later; it also wants to
    see its own process in `/proc`, and more addresses than any limit. So there is no process namespace (signals and
    `/proc` are closed all the same), and memory is limited by what may be written, not by what is mapped; whoever waits
    for the candidate looks now and then at what it has of the other kind, shared memory.
    """
    on_card = device != "cpu"
    namespaces, limits = Namespaces(processes=not on_card), ResourceLimits(mapped=not on_card)
    start: tuple[Layer, ...] = (StartDevice(device),) if on_card else ()
    threads: tuple[Layer, ...] = (NoMoreThreads(device),) if on_card else ()
    layers: tuple[Layer, ...] = (
        NoCapabilities(),
        limits,
        Landlock(),
        *threads,
        SystemCallFilter(shared_memory=on_card),
    )
    return (
        Sandbox("namespaces", namespaces.fork, (SameUser(namespaces), *start, namespaces, *layers), polled=on_card),
        Sandbox("landlock", os.fork, (*start, *layers), polled=on_card),
        Sandbox("rlimits", os.fork, (*start, limits, *threads), weak=True, polled=on_card),
    )


SANDBOXES = sandboxes("cpu")


NO_SANDBOX = "no sandbox works on this machine"
"""How the fork server's last words begin where that is so."""


def get_sandbox(name: str, device: str = "cpu") -> Sandbox:
    """The sandbox of that name for candidates on a device.

    Raises:
        ValueError: There is none.
    """
    for sandbox in sandboxes(device):
        if sandbox.name == name:
            return sandbox
    raise ValueError(f"no sandbox is called {name!r}, there are {', '.join(each.name for each in SANDBOXES)}")


def usable(weak: bool) -> tuple[str, ...]:
    """Names of the sandboxes that may be used, strongest first.

    Args:
        weak: Whether the user lets candidates run under one that stops accidents alone.
    """
    return tuple(sandbox.name for sandbox in SANDBOXES if weak or not sandbox.weak)


STRONG = usable(weak=False)
"""Names of those that may be used unasked."""

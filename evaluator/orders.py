"""What trainer and candidate say to each other: a few numbers, never an object.

The candidate is not trusted, so each message has one fixed size and each reply must echo the order it
answers. Losses never cross.
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag

ORDER = struct.Struct("<II")
"""Trainer to candidate: (`Order`, step)."""
REPLY = struct.Struct("<IId")
"""Candidate to trainer: (`Order`, step, a number: `Hooks` for READY, bytes for MEASURE, a digest for TRACE, else 0)."""


class Order(IntEnum):
    """What the candidate is to do."""

    PROTECTED = 0
    """Never sent: the first reply, once the sandbox is entered and before any code of the genome."""
    READY = 1
    """Never sent: the second reply, after `recipe` has returned."""
    ENTER_EVAL = 2
    LEAVE_EVAL = 3
    BEFORE_FORWARD = 4
    STEP = 5
    """`after_backward`, `set_hparams`, every `optimizer.step()`, `after_step`, gradients to None."""
    MEASURE = 6
    """Count the bytes of the tensors that are alive."""
    SETTLE = 8
    """Wait until the device has done everything; what failed there is raised."""
    TRACE = 7
    """Call `recipe` anew for a schedule of so many steps, and tell what `set_hparams` sets over all of it."""


class Hooks(IntFlag):
    """Which hooks need a message of their own; the others ride on STEP."""

    NONE = 0
    BEFORE_FORWARD = 1
    EVAL_WEIGHTS = 2


class ExitCode(IntEnum):
    """How a candidate process says why it ended; the last line on its stderr is the reason."""

    REJECTED = 10
    OUT_OF_MEMORY = 11
    RAISED = 12

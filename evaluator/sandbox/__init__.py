"""What a candidate process may do: one file a member.

Today's members keep a candidate from hurting its neighbours by accident or by simple malice: no endless loop,
no memory eating, no processes or threads of its own, no signals to others. They do not keep it from reading
files that the user may read, from the network, or from filling the disk with many files: namespaces, a sized
working folder and Landlock belong here, as further members of the table below.
"""

from __future__ import annotations

from evaluator.records import Limits
from evaluator.sandbox.base import Member
from evaluator.sandbox.rlimits import ResourceLimits
from evaluator.sandbox.seccomp import SystemCallFilter

MEMBERS: tuple[Member, ...] = (ResourceLimits(), SystemCallFilter())
"""Entered in this order."""


def enter_all(limits: Limits) -> None:
    """Put every restriction on this process.

    Raises:
        OSError: The kernel refused one; its name is in the message.
    """
    for member in MEMBERS:
        try:
            member.enter(limits)
        except OSError as error:
            raise OSError(error.errno, f"the sandbox member {member.name!r} could not be entered: {error}") from error

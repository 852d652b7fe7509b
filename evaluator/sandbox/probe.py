"""Which sandboxes this machine can run: each is entered once, by a process that then ends."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence

from evaluator.records import Limits
from evaluator.removal import remove
from evaluator.sandbox import Sandbox, sandboxes

_LIMITS = Limits(cpu_seconds=60.0, wall_seconds=60.0)
_LONGEST = 500


def reason_against(sandbox: Sandbox) -> str:
    """Why a sandbox cannot be used here; "" if it can. To be called by a process with one thread."""
    folder = tempfile.mkdtemp(prefix="probe-")
    reader, writer = os.pipe()
    try:
        pid = sandbox.fork()
    except OSError as error:
        os.close(reader)
        os.close(writer)
        remove(folder)
        return str(error)
    if pid == 0:
        _enter(sandbox, folder, writer)
    os.close(writer)
    with os.fdopen(reader, encoding="utf-8", errors="replace") as said:
        reason = said.read()
    _, status = os.waitpid(pid, 0)
    remove(folder)
    code = os.waitstatus_to_exitcode(status)
    return reason or ("" if code == 0 else f"the process that tried it ended with {code}")


def _enter(sandbox: Sandbox, folder: str, writer: int) -> None:
    """In the child: enter, write into the folder as a candidate would, say what went wrong, end."""
    try:
        sandbox.enter(_LIMITS, folder)
        with open(os.path.join(folder, "file"), "w", encoding="ascii") as file:
            file.write("x")
    except Exception as error:  # noqa: BLE001 - a process of its own: whatever happens is the answer
        os.write(writer, str(error).encode()[:_LONGEST])
    finally:
        os._exit(0)


def choose(sandboxes: Sequence[Sandbox]) -> tuple[Sandbox | None, dict[str, str]]:
    """The first sandbox that works here, and why each one before it does not."""
    against: dict[str, str] = {}
    for sandbox in sandboxes:
        against[sandbox.name] = reason_against(sandbox)
        if not against[sandbox.name]:
            return sandbox, against
    return None, against


if __name__ == "__main__":
    print(json.dumps({sandbox.name: reason_against(sandbox) for sandbox in sandboxes(sys.argv[1])}))

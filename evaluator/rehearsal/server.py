"""The process that runs texts for a rehearsal: imports torch once, then forks one sandboxed child per text."""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import sys
import tempfile
import time
from contextlib import suppress
from typing import Any, NoReturn

from evaluator.process import close_all_but, die_with_parent
from evaluator.records import Limits
from evaluator.removal import remove
from evaluator.sandbox import NO_SANDBOX, STRONG, Sandbox, get_sandbox
from evaluator.sandbox.probe import choose

_LIBRARY = [
    "argparse",
    "ast",
    "base64",
    "collections",
    "contextlib",
    "copy",
    "csv",
    "dataclasses",
    "datetime",
    "decimal",
    "difflib",
    "enum",
    "fractions",
    "functools",
    "gc",
    "getpass",
    "glob",
    "gzip",
    "hashlib",
    "heapq",
    "importlib.metadata",
    "inspect",
    "io",
    "itertools",
    "json",
    "logging",
    "math",
    "multiprocessing",
    "numbers",
    "operator",
    "os",
    "pathlib",
    "pickle",
    "platform",
    "pprint",
    "queue",
    "random",
    "re",
    "shlex",
    "shutil",
    "signal",
    "socket",
    "statistics",
    "string",
    "struct",
    "subprocess",
    "sys",
    "tempfile",
    "textwrap",
    "threading",
    "time",
    "traceback",
    "types",
    "typing",
    "unicodedata",
    "uuid",
    "warnings",
    "weakref",
    "zlib",
    "numpy",
    "torch",
    "torch._dynamo",
    "torch.nn.functional",
    "torch.distributed",
    "torch.optim.lr_scheduler",
    "torch.optim.swa_utils",
    "torch.nn.parallel",
    "torch.utils.data",
    "evaluator.rehearsal.run",
    "evaluator.tasks.gpt",
    "evaluator.tasks.nanogpt_forward",
]
"""What scripts import: a sandboxed process cannot read the standard library any more."""
_MOST_OUTPUT = 1 << 20


def main() -> None:
    """Read an order from standard input, write the losses of its parts to standard output."""
    order = json.load(sys.stdin)
    sandbox, against = choose([get_sandbox(name) for name in STRONG])
    if sandbox is None:
        sys.exit(f"{NO_SANDBOX} ({'; '.join(f'{name}: {reason}' for name, reason in against.items())})")
    for module in _LIBRARY:
        with suppress(ImportError):
            importlib.import_module(module)
    from evaluator.rehearsal.run import prepare

    prepare()
    json.dump([_one(sandbox, part, order) for part in order["parts"]], sys.stdout)


def _one(sandbox: Sandbox, part: dict[str, Any], order: dict[str, Any]) -> dict[str, Any]:
    """Fork a child for one part, wait for it and end it."""
    folder = tempfile.mkdtemp(prefix="rehearsal-")
    reader, writer = os.pipe()
    parent = os.getpid()
    pid = sandbox.fork()
    if pid == 0:
        os.close(reader)
        _child(parent, sandbox, part, order, writer, folder)
    os.close(writer)
    said = _read(reader, 3 * order["seconds"])
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    remove(folder)
    found: dict[str, Any] = {
        "training": [],
        "validation": [],
        "reference": [],
        "error": "it ended early, without a word",
    }
    for line in said.decode("utf-8", "replace").splitlines():
        with suppress(ValueError):
            kind, value = json.loads(line)
            if kind in ("training", "validation") and isinstance(value, float):
                found[kind].append(value)
            elif kind == "reference" and isinstance(value, list):
                found[kind] = [float(loss) for loss in value[:2]]
            elif kind == "error":
                found[kind] = str(value)[:2000]
    return found


def _read(reader: int, seconds: float) -> bytes:
    """What a child says until it ends, says too much, or its time is up."""
    until, said = time.monotonic() + seconds, b""
    with os.fdopen(reader, "rb", buffering=0) as stream:
        while len(said) < _MOST_OUTPUT:
            left = until - time.monotonic()
            if left <= 0 or not select.select([stream], [], [], left)[0]:
                break
            part = stream.read(1 << 16)
            if not part:
                break
            said += part
    return said


def _child(
    parent: int, sandbox: Sandbox, part: dict[str, Any], order: dict[str, Any], writer: int, folder: str
) -> NoReturn:
    """Be the process that runs one text."""
    try:
        die_with_parent(parent)
        nothing = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(nothing, fd)
        close_all_but({writer})
        os.environ.clear()
        os.environ.update({"TMPDIR": folder, "HOME": folder, **part["environment"]})
        tempfile.tempdir = folder
        seconds = float(order["seconds"])
        sandbox.enter(Limits(cpu_seconds=seconds, wall_seconds=seconds, memory_bytes=4 << 30), folder)
        os.chdir(folder)
        from evaluator.rehearsal.run import run

        run(part, order["sizes"], writer)
    except BaseException as error:  # noqa: BLE001 - the process boundary
        os.write(writer, (json.dumps(["error", f"{type(error).__name__}: {error}"]) + "\n").encode())
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()

"""The first steps of a benchmark script, and of a genome made from it, side by side on a small model.

Whoever asks sends texts and gets losses. Every text runs in a sandboxed process of its own that imported torch and
nothing secret; it sees a few made-up tokens and a folder of its own. This module must not import torch.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

SHARDS = "data/fineweb10B"
"""Folder of the made-up tokens, seen from where a text runs: the benchmark's own."""
_ROOT = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Sizes:
    """A small model and batch, in place of the benchmark's.

    Attributes:
        vocabulary: Token ids.
        layers: Blocks.
        width: Residual stream: heads are 128 wide.
        context: Tokens in a sequence.
        batch: Sequences in a step.
        microbatch: Sequences in one pass.
        steps: Steps that are taken.
    """

    vocabulary: int = 512
    layers: int = 2
    width: int = 128
    context: int = 64
    batch: int = 8
    microbatch: int = 4
    steps: int = 12


@dataclass(frozen=True)
class Part:
    """One text to run.

    Attributes:
        kind: "script", run as it is, or "genome", run under the contract around a script's model.
        text: The script, its sizes already small; or the genome.
        model: For a genome: the script's definitions of its model, then an expression `MODEL = ...` that makes it.
        arguments: Of the command line.
        environment: Environment variables.
        rng_seed: Of torch's generator before anything is run.
        train_steps: What a genome's recipe is told.
    """

    kind: str
    text: str
    model: str = ""
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    rng_seed: int = 0
    train_steps: int = 1


@dataclass(frozen=True)
class Losses:
    """What came of a part.

    Attributes:
        training: Summed loss of each microbatch, in order.
        validation: Summed loss of each pass without gradients before the first step.
        reference: For a genome: summed losses of a microbatch by the script's forward pass and by the task's own, after
            the last step, in float32, with noise on the weights.
        error: Why it ended before its steps were taken, or "".
    """

    training: tuple[float, ...]
    validation: tuple[float, ...]
    reference: tuple[float, ...]
    error: str


class RehearsalError(Exception):
    """Our own processes failed: nothing can be said of the texts."""


def rehearse(parts: Sequence[Part], sizes: Sizes, seconds: float = 120.0) -> list[Losses]:
    """Run texts, one after the other.

    Args:
        parts: What to run.
        sizes: How small.
        seconds: CPU seconds for each.

    Raises:
        RehearsalError: No sandbox works here, or our own process died.
    """
    order = {"parts": [asdict(part) for part in parts], "sizes": asdict(sizes), "seconds": seconds}
    path = [str(_ROOT), *(entry or os.getcwd() for entry in sys.path)]
    try:
        done = _served(order, path, 60 + 4 * seconds * len(parts))
    except subprocess.TimeoutExpired as error:
        raise RehearsalError(f"the rehearsal did not end within {error.timeout:.0f} s") from error
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise RehearsalError(said[-1] if said else f"the rehearsal ended with exit code {done.returncode}")
    return [
        Losses(tuple(each["training"]), tuple(each["validation"]), tuple(each["reference"]), each["error"])
        for each in json.loads(done.stdout)
    ]


def _served(order: Mapping[str, object], path: Sequence[str], timeout: float) -> subprocess.CompletedProcess[str]:
    """What the process that runs texts said."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "evaluator.rehearsal.server"],
        input=json.dumps(order),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        env={
            "PYTHONPATH": os.pathsep.join(path),
            "PYTHONHASHSEED": "0",
            "CUDA_VISIBLE_DEVICES": "",
            "OMP_NUM_THREADS": "1",
            "MKL_NUM_THREADS": "1",
            "LC_ALL": "C.UTF-8",
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
        },
    )

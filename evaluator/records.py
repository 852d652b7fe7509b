"""The evaluator's records: rungs, requests, outcomes, trials.

Values in, values out: these frozen records are all that crosses between the evaluator and whoever uses it. This
module must not import torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """How a trial ended. A failure is an outcome, never a number."""

    FINISHED = "finished"
    """All steps were taken and the final validation loss is a finite number below the initial one."""
    DIVERGED = "diverged"
    """A loss was not finite, or the last validation was worse than the first."""
    CRASHED = "crashed"
    """The candidate raised, exited or was killed by a signal of its own making; or twice by one of another's."""
    TIMED_OUT = "timed_out"
    """The candidate used up its CPU seconds, or the wall-clock backstop ended it."""
    OUT_OF_MEMORY = "out_of_memory"
    """The candidate asked for more memory than its limit."""
    REJECTED = "rejected"
    """The genome breaks a rule of the contract; `reason` names it."""
    LOST = "lost"
    """Our fault (a trainer died, the machine went away): retried, never charged to the program."""


CARD_MEMORY = "memory of the card"
"""Words in the reason of a trial that ran out of it."""
KILLED = "killed by signal 9"
"""Words in the reason of a trial whose candidate was ended by somebody: who it was cannot be told."""


@dataclass(frozen=True)
class Limits:
    """What one candidate process may use.

    Attributes:
        cpu_seconds: CPU time of the candidate process.
        wall_seconds: Wall-clock backstop for the whole trial; generous, since a slow neighbour is not its fault.
        memory_bytes: Address space the candidate may add to what the warm fork server already holds.
        output_bytes: What it may print before it is stopped.
        device_bytes: Memory of a graphics card that torch may allocate in the candidate.
    """

    cpu_seconds: float
    wall_seconds: float
    memory_bytes: int = 2 << 30
    output_bytes: int = 8 << 20
    device_bytes: int = 8 << 30


@dataclass(frozen=True)
class Rung:
    """One fidelity of a task: a complete run with its own schedule, never a prefix of a longer one.

    Attributes:
        name: smoke, proxy, confirm or full.
        train_steps: Optimizer steps of the run, and the horizon of its schedules.
        validate_every: Steps between validations (there is always one before step 0 and one at the end).
        first_rng_seed: Start of this rung's own rng_seed range: search, confirm and promotion never share one.
        rng_seeds: How many rng_seeds are planned by whoever enters this rung.
        split: Which held-out text scores it: "validation", or "test" (promotion alone).
        limits: What the candidate may use.
        traced_steps: Steps of a longer schedule, looked at in the end to tell the genome's behaviour; 0 for none.
        alone: Whether a trial needs a whole card: nothing else is trained there meanwhile.
    """

    name: str
    train_steps: int
    validate_every: int
    first_rng_seed: int
    rng_seeds: int
    split: str
    limits: Limits
    traced_steps: int = 0
    alone: bool = False

    def seeds(self) -> tuple[int, ...]:
        """The planned rng_seeds, in order."""
        return tuple(range(self.first_rng_seed, self.first_rng_seed + self.rng_seeds))


@dataclass(frozen=True)
class TrialRequest:
    """One program on one rung with one rng_seed.

    Attributes:
        digest: Identity of the genome, given by the caller; the evaluator only carries it.
        source: The genome's text.
        rung: Where to run it.
        rng_seed: Seed of the initialization noise.
    """

    digest: str
    source: str
    rung: Rung
    rng_seed: int


@dataclass(frozen=True)
class Trial:
    """What came of a `TrialRequest`.

    Attributes:
        digest: The request's.
        rung: Name of the rung.
        rng_seed: The request's.
        fingerprint: Everything else that determines the value (see `evaluator.fingerprint`).
        outcome: How it ended.
        value: Final held-out loss in nats per token, lower is better; None unless finished.
        reason: One sentence for people when it did not finish, else "".
        stderr: The candidate's last lines, at most a few kB.
        cpu_seconds: CPU time of trainer and candidate together.
        wall_seconds: Wall-clock time.
        curve: (step, held-out loss) pairs.
        training: (steps taken, mean training loss since the point before) pairs, nats per token; every program sees the
            same batches.
        measures: Behaviour measured on the smoke rung: `state_bytes_per_parameter`, `effective_rank`
            (mean normalized effective rank of the hidden matrices' updates, in (0, 1]), `trajectory` (a digest of all
            parameters after the last step, under the evaluation weights too), and `sketch` and `trace` (see
            `evaluator.behaviour`; absent where the first steps say nothing of the later ones).
    """

    digest: str
    rung: str
    rng_seed: int
    fingerprint: str
    outcome: Outcome
    value: float | None = None
    reason: str = ""
    stderr: str = ""
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    curve: tuple[tuple[int, float], ...] = ()
    measures: Mapping[str, float | str] = field(default_factory=dict)
    training: tuple[tuple[int, float], ...] = ()

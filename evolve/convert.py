"""The one place where the evaluator's records become the population's rows, and where fitness gets its sign."""

from __future__ import annotations

from evaluator.records import Outcome, Trial
from population.rows import TrialRow


def trial_row(trial: Trial, *, id: int, program: int, elapsed: float, seq: int = 0) -> TrialRow:
    """The row of a trial that has ended.

    Args:
        trial: What the evaluator returned.
        id: The row's id.
        program: Id of the program that was tried.
        elapsed: Running time of the run in seconds.
        seq: Place in the one order of all rows, if it is known here.
    """
    return TrialRow(
        id=id,
        program=program,
        rung=trial.rung,
        rng_seed=trial.rng_seed,
        fingerprint=trial.fingerprint,
        outcome=str(trial.outcome),
        value=trial.value if trial.outcome is Outcome.FINISHED else None,
        reason=trial.reason,
        stderr=trial.stderr,
        cpu_seconds=trial.cpu_seconds,
        wall_seconds=trial.wall_seconds,
        curve=trial.curve,
        measures=dict(trial.measures),
        training=trial.training,
        elapsed=elapsed,
        seq=seq,
    )

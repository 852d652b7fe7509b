"""Whether a trial that is run again comes out as it is stored. Pure; runs nothing."""

from __future__ import annotations

from evaluator.records import Trial
from population.rows import TrialRow

EQUAL = "equal"
OTHER_CONDITIONS = "other conditions"
DIFFERENT = "different"


def compared(stored: TrialRow, again: Trial) -> str:
    """One word on a repeated trial.

    Args:
        stored: What the run has.
        again: The same genome, rung and rng_seed, run here.

    Returns:
        `EQUAL` if outcome, value and trajectory are the same to the last bit; `OTHER_CONDITIONS` if they are not, and
        something else that determines them differs too (torch, Python, text, device, this package); else `DIFFERENT`.
    """
    same = (stored.outcome, stored.value) == (again.outcome.value, again.value)
    same &= stored.measures.get("trajectory") == again.measures.get("trajectory")
    if same:
        return EQUAL
    return DIFFERENT if stored.fingerprint == again.fingerprint else OTHER_CONDITIONS

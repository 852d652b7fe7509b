from __future__ import annotations

from dataclasses import replace

from evaluator.records import Outcome, Trial
from evolve.convert import trial_row
from evolve.repeated import compared

TRIAL = Trial("d", "smoke", 0, "f", Outcome.FINISHED, 2.5, measures={"trajectory": "abc", "effective_rank": 0.5})
STORED = trial_row(TRIAL, id=1, program=1, elapsed=0.0)


def test_equal_means_to_the_last_bit() -> None:
    assert compared(STORED, TRIAL) == "equal"
    assert compared(STORED, replace(TRIAL, value=2.5 + 1e-15)) == "different"
    assert compared(STORED, replace(TRIAL, measures={"trajectory": "abd"})) == "different"
    assert compared(STORED, replace(TRIAL, outcome=Outcome.CRASHED, value=None)) == "different"


def test_what_else_determines_a_value_is_named_first() -> None:
    assert compared(STORED, replace(TRIAL, value=2.6, fingerprint="g")) == "other conditions"
    assert compared(STORED, replace(TRIAL, fingerprint="g")) == "equal"

"""Says of a newborn's smoke trial whether it shows a known behaviour. Pure; writes nothing."""

from __future__ import annotations

from evolve.novelty import SAME
from evolve.operators import SIMPLIFYING
from evolve.state import State
from population.rows import EventRow, TrialRow


def recognised(state: State, trial: TrialRow) -> EventRow | None:
    """What to write beside a trial if its program is nothing new: it is not tried on any other rung then.

    Not asked of seed programs and what users add, nor of children that differ from their parent in values alone or have
    lost a part: what may matter later is measured.

    Args:
        state: What the run knew before this trial.
        trial: A trial that has ended.
    """
    known = state.programs[trial.program]
    if trial.rung != "smoke" or trial.value is None or known.parent is None:
        return None
    if known.moves or known.operator in SIMPLIFYING:
        return None
    other = state.behaviours.like(trial.measures)
    if other is None:
        return None
    return EventRow(state.events + 1, SAME, {"program": trial.program, "as": other})

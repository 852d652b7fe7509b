from __future__ import annotations

from functools import cache

import pytest
from synthetic import SyntheticRun, synthetic_run

from evolve.views.family import Family, family
from population.rows import EstimateRow, ProgramRow, TrialRow


@cache
def _run(programs: int) -> SyntheticRun:
    return synthetic_run(programs)


@pytest.fixture
def run() -> SyntheticRun:
    """150 programs on four islands, a sixth of them failed."""
    return _run(150)


@pytest.fixture
def relatives(run: SyntheticRun) -> Family:
    return family(run.programs, run.trials, run.estimates)


OWN = "document.title='owned'"
HOSTILE = f'</script><script>{OWN}</script><img src=x onerror="{OWN}">&<!--\u2028'


@pytest.fixture
def hostile() -> SyntheticRun:
    """Three programs whose every text tries to escape from where it is put."""
    programs = [
        ProgramRow(1, "d1" * 32, f"LR = 1\n# {HOSTILE}\n", "seed", 0, None, name=HOSTILE, note=HOSTILE),
        ProgramRow(2, "d2" * 32, f"LR = 2\n# {HOSTILE}\n\x1b[2J", f"op{HOSTILE}", 0, 1, (1,), HOSTILE, HOSTILE),
        ProgramRow(3, "d3" * 32, "LR = 3\n\x00\ud800\n", "perturb", 1, 2, (2, 1), "LR", "\x1b]0;owned\x07"),
    ]
    trials = [
        TrialRow(1, 1, "proxy", 1, "f", "finished", 2.0, curve=((0, 5.0), (10, 2.0))),
        TrialRow(2, 2, "proxy", 1, "f", "finished", 1.9, curve=((0, 5.0), (10, 1.9))),
        TrialRow(3, 3, "smoke", 1, "f", "crashed", None, HOSTILE, HOSTILE),
    ]
    estimates = [
        EstimateRow(1, "proxy", 2.0, 0.1, 1.8, 2.2, 1),
        EstimateRow(2, "proxy", 1.9, 0.1, 1.7, 2.1, 1),
    ]
    return SyntheticRun(programs, trials, estimates, 2)

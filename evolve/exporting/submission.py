"""What a submission is made of, gathered from a run. Reads the store; must not write anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from evolve.promoting.outcome import Promoted, promoted
from evolve.promoting.terms import plans
from evolve.pruning.plan import report_about
from population.rows import ProgramRow
from population.store import Store


@dataclass(frozen=True)
class Submission:
    """A program and what is known of it.

    Attributes:
        program: Its row.
        ancestors: Its main line, from the program up.
        task: Name of the task that it is exported for.
        promoted: Its promotion on that task, None without one.
        ablation: The last report of `evolve prune` on it, None without one.
        run: What the run is called.
    """

    program: ProgramRow
    ancestors: tuple[ProgramRow, ...]
    task: str
    promoted: Promoted | None
    ablation: Mapping[str, Any] | None
    run: str

    @property
    def name(self) -> str:
        """What the optimizer is called."""
        return self.program.name or f"program {self.program.id}"


def gather(store: Store, program: int, task: str, run: str) -> Submission:
    """All there is on a program.

    Args:
        store: The run.
        program: Its id.
        task: Name of the task of the promotion.
        run: What the run is called.
    """
    row = store.program(program)
    line = [row]
    while line[-1].parents:
        line.append(store.program(line[-1].parents[0]))
    terms = next((each for each in plans(store) if (each.program, each.task) == (program, task)), None)
    found = promoted(store, terms) if terms else None
    return Submission(row, tuple(line), task, found, report_about(store, program), run)

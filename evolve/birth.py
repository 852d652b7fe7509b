"""The rows of one attempt at a birth: what was tried, and the program if there is a new one. Pure."""

from __future__ import annotations

from evolve.classes import labelled
from evolve.decide import Vary
from evolve.state import State
from evolve.variation import Varied
from population.rows import EventRow, ProgramRow


def attempt_rows(state: State, action: Vary, varied: Varied) -> list[EventRow | ProgramRow]:
    """What to write after a variation: the attempt, and a program unless there is no child or its genome is known."""
    known = state.digests.get(varied.digest) if varied.digest else None
    result = "none" if varied.child is None else "known" if known is not None else "birth"
    attempt = EventRow(
        state.events + 1,
        "attempt",
        {
            "attempt": action.attempt,
            "island": action.island,
            "operator": action.operator,
            "parents": list(action.parents),
            "pruning": action.pruning,
            **({"model": action.model} if action.model else {}),
            "result": result,
            "reason": varied.reason if known is None else f"program {known} again",
        },
    )
    if varied.child is None or known is not None:
        return [attempt]
    child = labelled(varied.child, action.operator)
    program = ProgramRow(
        len(state.programs) + 1,
        varied.digest,
        child.source,
        action.operator,
        action.island,
        state.births + 1,
        action.parents,
        child.component,
        child.note,
        child.moves,
        hypothesis=child.hypothesis,
        depth=child.depth,
        provenance=child.provenance,
        attempt=action.attempt,
    )
    return [attempt, program]

"""The rows of a program's coming: an attempt at a birth and what came of it, or a genome from a file. Pure."""

from __future__ import annotations

from evolve.classes import labelled
from evolve.decide import Vary
from evolve.genomes import NamedGenome
from evolve.operators import SIMPLIFYING
from evolve.state import State
from evolve.variation import Varied
from population.rows import EventRow, ProgramRow


def attempt_rows(state: State, action: Vary, varied: Varied) -> list[EventRow | ProgramRow]:
    """What to write after a variation: the attempt, and a program unless there is no child or its genome is known."""
    known = state.known_as(varied.digest, "" if action.operator in SIMPLIFYING else varied.form)
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
            "reason": varied.reason if known is None else _again(state, varied, known),
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
        form=varied.form,
    )
    return [attempt, program]


def entered(genome: NamedGenome, operator: str, id: int) -> ProgramRow:
    """A genome that comes from a file.

    Args:
        genome: What was read.
        operator: "seed" or "add".
        id: The program's.
    """
    return ProgramRow(id, genome.digest, genome.source, operator, 0, None, name=genome.name, form=genome.form)


def _again(state: State, varied: Varied, known: int) -> str:
    return f"program {known} again" + ("" if varied.digest in state.digests else ", but for its names")

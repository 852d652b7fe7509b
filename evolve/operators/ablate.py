"""Ablate: take one part out of a genome, then drop what became unused.

Which parts can go without leaving a genome that cannot run is decided by analysis, in `ablation`; here one is chosen.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from evolve.operators.ablation.branches import branches
from evolve.operators.ablation.cut import Cut
from evolve.operators.ablation.divisors import Divisors
from evolve.operators.ablation.groups import groups
from evolve.operators.ablation.hooks import hooks
from evolve.operators.ablation.links import links
from evolve.operators.ablation.needs import Needs
from evolve.operators.ablation.neutral import neutral
from evolve.operators.ablation.statements import statements
from evolve.operators.ablation.terms import terms
from evolve.operators.ablation.wrappers import wrappers
from evolve.operators.base import Child, NoVariationError, Tried
from evolve.operators.prune import pruned
from evolve.operators.pruning.reading import Reading
from evolve.operators.pruning.text import Edit, Text
from evolve.operators.pruning.values import Values
from population.component import Names


@dataclass(frozen=True)
class Ablation:
    """One part of a genome that can be taken out.

    Attributes:
        name: Unique among the genome's ablations, and the same as long as the part and its place stay the same.
        kind: A word for the kind of part (statement, term, factor, hook, group, ...).
        component: Where the part stands.
        note: One line for people: what was taken out of which component.
        edits: What to do to the text.
    """

    name: str
    kind: str
    component: str
    note: str
    edits: tuple[Edit, ...]


@lru_cache(maxsize=64)
def ablations(source: str) -> tuple[Ablation, ...]:
    """Everything that can be taken out of a genome, in a fixed order.

    Raises:
        population.genome.GenomeError: The source is not a genome.
    """
    reading = Reading(source)
    values, needs, divisors = Values(reading), Needs(reading), Divisors(reading)
    cuts: list[Cut] = [
        *statements(reading, needs, divisors),
        *terms(reading, values, divisors),
        *links(reading, values, divisors),
        *wrappers(reading, values),
        *branches(reading, needs),
        *hooks(reading),
        *groups(reading),
        *neutral(reading, divisors),
    ]
    names, seen, found = Names(), set(), []
    for cut in cuts:
        if cut.edits and cut.edits not in seen:
            seen.add(cut.edits)
            name = names(f"{cut.component}: {cut.what}")
            found.append(Ablation(name, cut.kind, cut.component, f"{cut.component}: without {cut.what}", cut.edits))
    return tuple(found)


def ablated(source: str, ablation: Ablation) -> str:
    """The genome without one part, and without whatever only that part needed."""
    return pruned(Text(source).edited(ablation.edits))


def choose(found: Sequence[Ablation], rng: random.Random) -> Ablation:
    """One of some ablations; kinds of parts are equally likely, whatever their number."""
    kind = rng.choice(sorted({ablation.kind for ablation in found}))
    return rng.choice([ablation for ablation in found if ablation.kind == kind])


class Ablate:
    """The operator."""

    name = "ablate"
    parents = 1

    def vary(self, sources: Sequence[str], rng: random.Random, tried: Sequence[Tried]) -> Child:
        """Take one part out.

        Raises:
            NoVariationError: Nothing can be taken out.
        """
        source = pruned(sources[0])  # what is dead already would be no ablation
        found = ablations(source)
        if not found:
            raise NoVariationError("ablate: no part of this genome can go without leaving one that cannot run")
        ablation = choose(found, rng)
        return Child(ablated(source, ablation), ablation.component, ablation.note)

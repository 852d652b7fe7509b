"""The parts of a genome that can be taken out one at a time, and several of them taken out together. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from evolve.operators.ablate import Ablation, ablated, ablations
from evolve.operators.prune import steps
from evolve.operators.pruning.text import Text
from population.genome import GenomeError, digest, parse


@dataclass(frozen=True)
class Part:
    """Something that can be taken out.

    Attributes:
        name: Unique among a genome's parts.
        kind: A word for the kind of part.
        component: Where it stands.
        note: What was taken out of which component, for people.
        source: The genome without it.
        digest: Identity of that genome.
    """

    name: str
    kind: str
    component: str
    note: str
    source: str
    digest: str


@lru_cache(maxsize=4)
def parts(source: str) -> tuple[Part, ...]:
    """Everything that can be taken out of a genome; what leaves the same genome behind, once.

    Raises:
        population.genome.GenomeError: The source is not a genome.
    """
    found: dict[str, Part] = {}
    for ablation in ablations(source):
        child = ablated(source, ablation)
        key = digest(child)
        part = Part(ablation.name, ablation.kind, ablation.component, ablation.note, child, key)
        if key != digest(source):
            found.setdefault(key, part)
    return tuple(found.values())


def without(source: str, names: Sequence[str]) -> str:
    """The genome without several parts, and without whatever only they needed.

    A part that lies inside another one goes with it.

    Raises:
        population.genome.GenomeError: The source is not a genome.
    """
    known = {ablation.name: ablation for ablation in ablations(source)}
    chosen = sorted((known[name] for name in names), key=lambda each: (-_extent(each), each.name))
    together: list[Ablation] = []
    apart: list[Ablation] = []
    for ablation in chosen:
        (apart if any(_overlap(ablation, other) for other in together) else together).append(ablation)
    text = Text(source).edited([edit for ablation in together for edit in ablation.edits])
    try:
        parse(text)
    except GenomeError:  # edits that are sound alone can meet: two members of one list, all statements of a block
        text, apart = source, chosen
    for ablation in apart:
        found = _again(ablation, ablations(text))
        if found is not None:
            text = Text(text).edited(found.edits)
    made = steps(text)
    return made[-1].source if made else text


def _again(ablation: Ablation, among: Sequence[Ablation]) -> Ablation | None:
    """The same part in a genome that has lost others; None if it went with them.

    What stood around a part is in its name (`bound x of min(x, y, z)`) and may have changed.
    """
    same = [each for each in among if each.name == ablation.name]
    if not same:
        same = [each for each in among if each.kind == ablation.kind and _itself(each) == _itself(ablation)]
    return same[0] if len(same) == 1 else None


def _itself(ablation: Ablation) -> str:
    return ablation.name.split("` of `")[0]


def _extent(ablation: Ablation) -> int:
    return sum(edit.end - edit.start for edit in ablation.edits)


def _overlap(one: Ablation, other: Ablation) -> bool:
    return any(a.start <= b.end and b.start <= a.end for a in one.edits for b in other.edits)

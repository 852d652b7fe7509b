"""Prune: remove from a genome only what provably changes nothing, all of it at once.

The text that stays is untouched, comments and formatting included. What counts as changing nothing, and what is
assumed (that the genome runs, and that nobody but torch and the trainer looks into it), is said in `pruning`.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

from evolve.operators.base import Child, NoVariationError, Tried
from evolve.operators.pruning.fold import fold
from evolve.operators.pruning.hooks import empty_hooks
from evolve.operators.pruning.idle import idle
from evolve.operators.pruning.inlining import inlined
from evolve.operators.pruning.keys import is_reflective
from evolve.operators.pruning.neutral import neutral, neutral_literals
from evolve.operators.pruning.reading import Reading
from evolve.operators.pruning.text import Edit
from evolve.operators.pruning.unused import unused

Pass: TypeAlias = Callable[[Reading], Iterator[list[Edit]]]

SEARCH: tuple[Pass, ...] = (fold, idle, neutral_literals, inlined, empty_hooks, unused)
"""What the search does: a hyperparameter that does nothing at its present value may yet be turned."""
EVERYTHING: tuple[Pass, ...] = (fold, idle, neutral, inlined, empty_hooks, unused)
"""What is done for whoever wants the genome as it is, and no more."""

Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
"""A kind of removal and what it removed."""

_MAX_ROUNDS = 2000
"""Every round removes something, so this is reached only by a genome of that many dead pieces, or by a defect."""


@dataclass(frozen=True)
class Step:
    """One removal on the way from a genome to its pruned form.

    Attributes:
        kind: The pass that found it: fold, idle, neutral, inlined, empty_hooks or unused.
        removed: What went, and what came in its place where that is not nothing: (old text, new text) pairs.
        source: The genome after it.
    """

    kind: str
    removed: tuple[tuple[str, str], ...]
    source: str

    @property
    def key(self) -> Key:
        """By which it can be told to be left out."""
        return self.kind, self.removed


@lru_cache(maxsize=64)
def pruned(source: str) -> str:
    """The genome without whatever provably changes nothing, idle hyperparameters aside; the very text if that is all.

    Raises:
        population.genome.GenomeError: The source is not a genome.
    """
    found = steps(source, passes=SEARCH)
    return found[-1].source if found else source


def steps(source: str, left_out: Collection[Key] = (), passes: Sequence[Pass] = EVERYTHING) -> tuple[Step, ...]:
    """The removals that lead from a genome to its pruned form, in order.

    Args:
        source: The genome.
        left_out: Removals that are not to be made.
        passes: What finds them.

    Raises:
        population.genome.GenomeError: The source is not a genome.
    """
    reading = Reading(source)
    found: list[Step] = []
    if is_reflective(reading):
        return ()
    while len(found) < _MAX_ROUNDS:
        step = next(_candidates(reading, left_out, passes), None)
        if step is None:
            break
        found.append(step)
        reading = Reading(step.source)
    return tuple(found)


def _candidates(reading: Reading, left_out: Collection[Key], passes: Sequence[Pass]) -> Iterator[Step]:
    for find in passes:
        for edits in find(reading):
            if edits:
                step = Step(find.__name__, _removed(reading, edits), reading.text.edited(edits))
                if step.key not in left_out and step.source != reading.text.source:
                    yield step


def _removed(reading: Reading, edits: Sequence[Edit]) -> tuple[tuple[str, str], ...]:
    return tuple((reading.text.source[edit.start : edit.end], edit.text) for edit in sorted(edits))


_SHOWN = 5
"""Names that a note lists."""


class Prune:
    """The operator; one variation removes all that can be removed."""

    name = "prune"
    parents = 1

    def vary(self, sources: Sequence[str], rng: random.Random, tried: Sequence[Tried]) -> Child:
        """Remove all dead code.

        Raises:
            NoVariationError: There is none.
        """
        source = pruned(sources[0])
        if source == sources[0]:
            raise NoVariationError("prune: every part of this genome may matter; there is nothing to remove")
        names = gone(sources[0], source)
        listed = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
        what = f"without {listed}" if names else "without branches and statements that change nothing"
        return Child(source, component=names[0] if names else "dead code", note=f"pruned: {what}; nothing else changes")


def gone(before: str, after: str) -> list[str]:
    """Names of variables, arguments, functions, classes, attributes and entries that one text has and another lacks."""
    kept = set(_names(after))
    return [name for name in dict.fromkeys(_names(before)) if name not in kept]


def _names(source: str) -> list[str]:
    reading = Reading(source)
    found = []
    for node in reading.nodes:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name) | ast.keyword(arg=str(name)):
                found.append(name)
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                found.append(name)
            case ast.Subscript(slice=ast.Constant(value=str(name)), ctx=ast.Store()):
                found.append(name)
            case ast.alias(name=name, asname=asname):
                found.append(asname or name)
    return found

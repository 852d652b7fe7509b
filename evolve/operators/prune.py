"""Prune: remove from a genome only what provably changes nothing, all of it at once.

The text that stays is untouched, comments and formatting included. What counts as changing nothing, and what is
assumed (that the genome runs, and that nobody but torch and the trainer looks into it), is said in `pruning`.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Sequence
from functools import lru_cache

from evolve.operators.base import Child, NoVariationError, Tried
from evolve.operators.pruning.fold import fold
from evolve.operators.pruning.hooks import empty_hooks
from evolve.operators.pruning.idle import idle
from evolve.operators.pruning.keys import is_reflective
from evolve.operators.pruning.reading import Reading
from evolve.operators.pruning.unused import unused

_PASSES = (fold, idle, empty_hooks, unused)

_MAX_ROUNDS = 2000
"""Every round removes something, so this is reached only by a genome of that many dead pieces, or by a defect."""


@lru_cache(maxsize=64)
def pruned(source: str) -> str:
    """The genome without whatever provably changes nothing; the very text if that is all of it.

    Raises:
        population.genome.GenomeError: The source is not a genome.
    """
    reading = Reading(source)
    if is_reflective(reading):
        return source
    for _ in range(_MAX_ROUNDS):
        edits = next((found for step in _PASSES if (found := step(reading))), [])
        if not edits:
            break
        source = reading.text.edited(edits)
        reading = Reading(source)
    return source


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

"""Cuts of hooks: an optional entry of what `recipe` returns goes, and its function after it."""

from __future__ import annotations

from collections.abc import Iterator

from evolve.operators.ablation.cut import Cut, sets_units
from evolve.operators.pruning.cuts import without_members
from evolve.operators.pruning.hooks import returned
from evolve.operators.pruning.reading import HOOKS, Reading


def hooks(reading: Reading) -> Iterator[Cut]:
    """Every optional hook, apart from those that turn summed gradients into means."""
    for owner, entry in returned(reading):
        function = reading.definition(entry.value)
        if entry.key in HOOKS and not sets_units(reading, function or entry.value):
            edits = without_members(reading, owner, [entry.element])
            yield Cut("hook", f"recipe.{entry.key}", f"hook `{entry.key}`", tuple(edits))

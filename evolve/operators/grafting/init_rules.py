"""Graft init rules: the parameters of the first parent start as the donor's do.

This module must not know how code is moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evolve.operators.grafting.base import Grafted
from evolve.operators.grafting.draft import Draft
from evolve.operators.grafting.recipe import Recipe
from evolve.operators.pruning.reading import is_docstring


@dataclass(frozen=True)
class InitGraft:
    """All of the donor's init rules in place of the host's."""

    weight: float = 1.0

    def apply(self, host: Recipe, donor: Recipe) -> Grafted:
        """Move it.

        Raises:
            NoVariationError: The rules need something that cannot be moved.
        """
        draft = Draft(host, donor, "new", host.initializers)
        lines = [draft.statement_text(statement) for statement in donor.initializers]
        if host.initializers:
            draft.put(host.initializers[0], lines)
        else:
            body = [statement for statement in host.function.body if not is_docstring(statement)]
            draft.before(body[0], lines)
        return Grafted(draft.finish(), "recipe.init", "the init rules")


def init_grafts(host: Recipe, donor: Recipe) -> Iterator[InitGraft]:
    """The graft, where the donor has init rules."""
    if donor.initializers:
        yield InitGraft()

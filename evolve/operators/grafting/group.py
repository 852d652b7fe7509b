"""Graft a parameter group's settings: the donor's for the same parameters under the same optimizer class.

This module must not know how code is moved.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from evolve.operators.grafting.base import Grafted
from evolve.operators.grafting.draft import Draft
from evolve.operators.grafting.recipe import Group, Recipe


@dataclass(frozen=True, eq=False)
class GroupGraft:
    """Settings of one parameter group.

    Attributes:
        ours: The host's group.
        theirs: The donor's group for the same parameters.
    """

    ours: Group
    theirs: Group
    weight: float = 1.0

    def apply(self, host: Recipe, donor: Recipe) -> Grafted:
        """Move it.

        Raises:
            NoVariationError: A setting needs something that cannot be moved.
        """
        assert self.ours.display is not None
        assert self.theirs.display is not None
        params = host.reading.text.of(self.ours.params)
        draft = Draft(host, donor, self.ours.role, [self.ours.display], [self.ours.params])
        draft.replace(self.ours.display, draft.take(self.theirs.display, {self.theirs.params: params}))
        draft.before(host.statement_of(self.ours.display), [])
        name = f"recipe.group({ast.unparse(self.ours.params)[:60]})"
        return Grafted(draft.finish(), name, f"the settings of the parameter group for {self.ours.role}")


def group_grafts(host: Recipe, donor: Recipe) -> Iterator[GroupGraft]:
    """Every group that both have under the same optimizer class."""
    for ours in host.slots:
        for theirs in donor.slots:
            if ours.class_name != theirs.class_name:
                continue
            roles = {group.role: group for group in theirs.groups if group.role and group.display is not None}
            for group in ours.groups:
                if group.role in roles and group.display is not None:
                    yield GroupGraft(group, roles[group.role])

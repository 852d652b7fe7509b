"""Crossover: move one component of the second parent into the first, with everything that it needs.

What a component needs is found by scope analysis (`evolve.operators.grafting`), so that the child runs on
its own; where that cannot be had, there is no child. Must not know what the components compute.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from evolve.operators.base import Child, NoVariationError, Tried
from evolve.operators.grafting.base import Graft
from evolve.operators.grafting.check import check_names
from evolve.operators.grafting.definition import definition_grafts
from evolve.operators.grafting.group import group_grafts
from evolve.operators.grafting.hook import hook_grafts
from evolve.operators.grafting.init_rules import init_grafts
from evolve.operators.grafting.leftovers import without_leftovers
from evolve.operators.grafting.optimizer import optimizer_grafts
from evolve.operators.grafting.recipe import Recipe
from evolve.operators.grafting.schedule import schedule_grafts
from evolve.operators.grafting.values import ValuesGraft
from evolve.operators.pruning.reading import Reading
from population.genome import GenomeError, digest

_WEIGHT = {
    "optimizer": 4.0,
    "values": 3.0,
    "definition": 2.0,
    "schedule": 2.0,
    "hook": 2.0,
    "init": 1.0,
    "group": 1.0,
}
"""How often each kind of component is moved, among those that two parents offer."""


class Crossover:
    """Moves one component of the second parent into the first."""

    name = "crossover"
    parents = 2

    def vary(self, sources: Sequence[str], rng: random.Random, tried: Sequence[Tried]) -> Child:
        """Make a child; see `evolve.operators.base.Operator`.

        Raises:
            NoVariationError: Nothing of the second parent differs and can be moved; the message gives
            reasons. GenomeError: A parent is no genome.
        """
        host, donor = Recipe(Reading(sources[0])), Recipe(Reading(sources[1]))
        known = {digest(sources[0]), digest(sources[1])}
        options = {kind: list(found) for kind, found in grafts(host, donor, rng).items() if found}
        reasons: dict[str, None] = {}
        while options:
            graft = _draw(options, rng)
            try:
                grafted = graft.apply(host, donor)
                reading = without_leftovers(Reading(grafted.source), (host, donor))
                check_names(reading)
                source = reading.text.source
                if digest(source) in known:
                    reasons["a child would equal a parent"] = None
                    continue
            except NoVariationError as error:
                reasons[str(error)] = None
                continue
            except GenomeError as error:
                reasons[f"a child would be no genome: {error}"] = None
                continue
            return Child(source, grafted.component, f"from the second parent: {grafted.done}", grafted.moves)
        told = "; ".join(list(reasons)[:3]) or "there is nothing that could be"
        raise NoVariationError(f"nothing of the second parent can be moved into the first: {told}")


def _draw(options: dict[str, list[Graft]], rng: random.Random) -> Graft:
    """Take one graft out: first a kind, then one of that kind."""
    kinds = list(options)
    kind = rng.choices(kinds, [_WEIGHT[kind] for kind in kinds])[0]
    found = options[kind]
    graft = found.pop(rng.choices(range(len(found)), [option.weight for option in found])[0])
    if not found:
        del options[kind]
    return graft


def grafts(host: Recipe, donor: Recipe, rng: random.Random) -> dict[str, list[Graft]]:
    """All grafts that two recipes allow, by kind, in a fixed order."""
    return {
        "optimizer": list(optimizer_grafts(host, donor)),
        "group": list(group_grafts(host, donor)),
        "schedule": list(schedule_grafts(host, donor)),
        "init": list(init_grafts(host, donor)),
        "hook": list(hook_grafts(host, donor)),
        "definition": list(definition_grafts(host, donor)),
        "values": [ValuesGraft(rng)],
    }

"""Classes of change: how deep one goes and where its idea is from, as METR labels those of the speedrun.

A language model labels its own; here is the rule for everything else. Pure; must not know estimates.
"""

from __future__ import annotations

from dataclasses import replace

from evolve.operators.base import Child

_BY_OPERATOR = {
    "perturb": ("shallow", "adapted"),
    "prune": ("shallow", "adapted"),
    "ablate": ("moderate", "adapted"),
    "crossover": ("moderate", "imported"),
}
_OTHER = ("moderate", "adapted")


def labelled(child: Child, operator: str) -> Child:
    """The child with both labels: its author's, else by rule. Whatever changed nothing but values is shallow."""
    depth, provenance = _BY_OPERATOR.get(operator, _OTHER)
    if child.moves and not child.depth:
        depth = "shallow"
    return replace(child, depth=child.depth or depth, provenance=child.provenance or provenance)

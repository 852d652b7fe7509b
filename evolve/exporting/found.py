"""What a script that we exported says of itself, for whoever imports it again. Reads text; must not run it."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from evolve.exporting.marks import genome_in


@dataclass(frozen=True)
class Found:
    """A genome taken out of a script.

    Attributes:
        source: Its text.
        train_steps: Steps that the script trains.
        rng_seed: Of its first trial.
    """

    source: str
    train_steps: int
    rng_seed: int


def found_in(script: str) -> Found | None:
    """The genome that an exported script holds between our marks, None if there is none.

    Somebody may have changed the script around it: `evolve import --check` compares the two.
    """
    source = genome_in(script)
    if source is None:
        return None
    try:
        tree = ast.parse(script)
    except (SyntaxError, ValueError, RecursionError):
        return None
    steps, rng_seed = _assigned(tree, "train_steps"), None
    for name in ("first_rng_seed", "trial_rng_seeds"):
        rng_seed = rng_seed if rng_seed is not None else _assigned(tree, name)
    return Found(source, steps, rng_seed) if steps is not None and rng_seed is not None else None


def _assigned(tree: ast.Module, name: str) -> int | None:
    """The first whole number in what a name is set to, the last time that it is."""
    found = None
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
            numbers = [n.value for n in ast.walk(node.value) if isinstance(n, ast.Constant) and type(n.value) is int]
            found = numbers[0] if numbers else found
    return found

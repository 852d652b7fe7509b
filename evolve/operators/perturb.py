"""Perturb: change one to three hyperparameters, with steps that adapt to what has worked in this run.

Must not know what the numbers do: names and ranges give each its scale, the run's own moves give the step.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from evolve.operators.base import Child, NoVariationError, Tried
from evolve.operators.steps import Memory, propose, remember
from population.components import Hyperparameter, with_values
from population.hyperparameters import spelled
from population.rows import Move
from population.scales import Scale
from population.usage import effective

_WEIGHT = {
    Scale.LEARNING_RATE: 4.0,
    Scale.FRACTION: 3.0,
    Scale.BETA: 2.0,
    Scale.WEIGHT_DECAY: 2.0,
    Scale.FACTOR: 1.5,
    Scale.COUNT: 1.0,
    Scale.FLAG: 0.5,
    Scale.EPS: 0.5,
}
"""How often each kind is chosen: learning rates and schedules decide most."""

_HOW_MANY = (1, 1, 1, 2, 2, 3)
"""Hyperparameters changed at once, drawn uniformly: one at a time is what teaches most."""


class Perturb:
    """Changes one to three hyperparameters of one parent."""

    name = "perturb"
    parents = 1

    def vary(self, sources: Sequence[str], rng: random.Random, tried: Sequence[Tried]) -> Child:
        """Make a child; see `evolve.operators.base.Operator`.

        Raises:
            NoVariationError: No hyperparameter can matter, or every value drawn was tried before.
            GenomeError: The parent is no genome.
        """
        parts = effective(sources[0])
        if not parts:
            raise NoVariationError("the genome has no hyperparameter that anything reads")
        moves, memory = _choose(list(parts), remember(tried), rng)
        if not moves:
            raise NoVariationError("every value drawn for the genome's hyperparameters was tried before")
        return Child(
            source=with_values(sources[0], {move.component: move.new for move in moves}),
            component=", ".join(move.component for move in moves),
            note="; ".join(described(move, memory[move.component]) for move in moves),
            moves=moves,
        )


def _choose(
    parts: list[Hyperparameter], memory: Memory, rng: random.Random
) -> tuple[tuple[Move, ...], dict[str, Scale]]:
    """Moves, and the scale of each name in them."""
    wanted = rng.choice(_HOW_MANY)
    moves: list[Move] = []
    scales: dict[str, Scale] = {}
    while parts and len(moves) < wanted:
        weights = [_WEIGHT[part.scale] * memory.promise(part.name) for part in parts]
        part = parts.pop(rng.choices(range(len(parts)), weights)[0])
        new = propose(part.name, part.scale, part.value, memory, rng)
        if new is not None:
            moves.append(Move(part.name, part.value, new))
            scales[part.name] = part.scale
    return tuple(moves), scales


def described(move: Move, scale: Scale) -> str:
    """A move in one phrase, e.g. `MUON_LR 0.02 -> 0.026 (x1.3)`."""
    text = f"{move.component} {spelled(move.old)} -> {spelled(move.new)}"
    match scale:
        case Scale.FLAG:
            return text
        case Scale.COUNT:
            return f"{text} ({move.new - move.old:+.0f})"
        case Scale.FRACTION:
            return f"{text} ({move.new - move.old:+.2g})"
        case Scale.BETA:
            return f"{text} (1-beta x{(1 - move.new) / (1 - move.old):.2g})"
        case _:
            return f"{text} (x{move.new / move.old:.3g})" if move.old and math.isfinite(move.new) else text

"""Perturb: steps that adapt, memory of what was tried, values in their ranges."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from pathlib import Path

import pytest

import seed_programs
from evolve.operators.base import NoVariationError, Tried
from evolve.operators.perturb import Perturb, described
from evolve.operators.steps import FIRST_STEP
from population.components import hyperparameters
from population.rows import Move
from population.scales import Scale, to_axis

MUON = Path(seed_programs.__path__[0], "muon.py").read_text()


def moved(name: str, old: float, new: float, gain: float | None) -> Tried:
    return Tried(Move(name, old, new), gain)


def children(source: str, count: int, tried: tuple[Tried, ...] = ()) -> list[tuple[Move, ...]]:
    return [Perturb().vary([source], random.Random(i), tried).moves for i in range(count)]


def test_a_child_is_its_parent_with_other_numbers() -> None:
    child = Perturb().vary([MUON], random.Random(1), ())
    before, after = MUON.split("\n"), child.source.split("\n")
    changed = [(a, b) for a, b in zip(before, after, strict=True) if a != b]
    assert len(changed) == len(child.moves) >= 1
    now = {part.name: part.value for part in hyperparameters(child.source)}
    for move in child.moves:
        assert now[move.component] == move.new != move.old
        assert move.component in child.note


def test_one_to_three_hyperparameters_learning_rates_first() -> None:
    moves = children(MUON, 40)
    assert {len(own) for own in moves} == {1, 2, 3}
    names = [move.component for own in moves for move in own]
    rates = sum(name.endswith("_LR") for name in names)
    assert rates > len(names) / 4
    assert rates > 5 * sum(name.endswith("EPS") for name in names)


def test_unread_hyperparameters_are_left_alone() -> None:
    source = "DEAD_LR = 0.1\nLIVE_LR = 0.2\ndef recipe(m, n):\n    return LIVE_LR\n"
    assert {move.component for own in children(source, 10) for move in own} == {"LIVE_LR"}
    with pytest.raises(NoVariationError, match="no hyperparameter"):
        Perturb().vary(["DEAD_LR = 0.1\n"], random.Random(0), ())


@pytest.mark.parametrize(
    ("move", "scale", "text"),
    [
        (Move("MUON_LR", 0.02, 0.026), Scale.LEARNING_RATE, "MUON_LR 0.02 -> 0.026 (x1.3)"),
        (Move("b", 0.95, 0.9), Scale.BETA, "b 0.95 -> 0.9 (1-beta x2)"),
        (Move("n", 5, 7), Scale.COUNT, "n 5 -> 7 (+2)"),
        (Move("f", 0.6, 0.5), Scale.FRACTION, "f 0.6 -> 0.5 (-0.1)"),
        (Move("x", True, False), Scale.FLAG, "x True -> False"),
        (Move("wd", 0.0, 1e-3), Scale.WEIGHT_DECAY, "wd 0.0 -> 0.001"),
    ],
)
def test_notes(move: Move, scale: Scale, text: str) -> None:
    assert described(move, scale) == text


def test_names_that_gained_are_chosen_more_often() -> None:
    source = "A_LR = 0.1\nB_LR = 0.1\ndef recipe(m, n):\n    return A_LR + B_LR\n"
    won = tuple(moved("A_LR", 0.01, 0.001 * (i + 1), 1e-3) for i in range(4))
    firsts = [moves[0].component for moves in children(source, 40, won)]
    assert firsts.count("A_LR") > 25


def test_what_failed_is_not_proposed_again() -> None:
    """Sixty failures in a row from one place: all different, and the first ones well apart."""
    source = "A_LR = 0.1\ndef recipe(m, n):\n    return A_LR\n"
    tried: list[Tried] = []
    for index in range(60):
        try:
            child = Perturb().vary([source], random.Random(index), tried)
        except NoVariationError:
            break
        tried.append(Tried(child.moves[0], -1e-3))
    values = [item.move.new for item in tried]
    assert len(set(values)) == len(values) > 5
    places = sorted(math.log(value) for value in values[:4])
    assert min(b - a for a, b in pairwise(places)) > FIRST_STEP[Scale.LEARNING_RATE] / 10


def test_flags_are_flipped_once() -> None:
    source = "def recipe(m, n, nesterov=True):\n    return nesterov\n"
    child = Perturb().vary([source], random.Random(0), ())
    assert child.moves == (Move("recipe.nesterov", True, False),)
    with pytest.raises(NoVariationError, match="tried before"):
        Perturb().vary([source], random.Random(1), [Tried(child.moves[0], -1.0)])


def test_the_rule_finds_a_distant_optimum() -> None:
    """A quadratic in log learning rate, two octaves off, with noise as large as the last gains."""
    rng, tried, source = random.Random(0), [], "A_LR = 0.01\ndef recipe(m, n):\n    return A_LR\n"

    def loss(value: float) -> float:
        return to_axis(Scale.LEARNING_RATE, value / 0.04) ** 2 + rng.gauss(0, 0.02)

    best = 0.01
    for index in range(60):
        try:
            child = Perturb().vary([source.replace("0.01", repr(best))], random.Random(index), tried)
        except NoVariationError:
            break  # all around is known
        gain = loss(best) - loss(child.moves[0].new)
        tried.append(Tried(child.moves[0], gain))
        if gain > 0:
            best = child.moves[0].new
    assert abs(math.log(best / 0.04)) < 0.3

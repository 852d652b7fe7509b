"""Perturb: steps that adapt, memory of what was tried, values in their ranges."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import seed_programs
from evolve.operators.base import NoVariationError, Tried
from evolve.operators.perturb import Perturb, described
from evolve.operators.steps import FIRST_STEP, chance_of_up, propose, remember
from population.components import hyperparameters
from population.rows import Move
from population.scales import RANGES, Scale, to_axis

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


@settings(max_examples=200)
@given(st.sampled_from(list(Scale)), st.floats(0, 1), st.integers(0, 1000))
def test_proposals_are_sane_short_and_different(scale: Scale, place: float, rng_seed: int) -> None:
    low, high = RANGES[scale]
    value: float = low * (max(high, 1e-9) / max(low, 1e-9)) ** place if low > 0 else place * high
    value = round(value) if scale is Scale.COUNT else bool(place < 0.5) if scale is Scale.FLAG else value
    new = propose("x", scale, value, remember(()), random.Random(rng_seed))
    if new is None:
        return
    assert new != value
    assert low <= abs(new) <= high
    if scale is Scale.COUNT:
        assert isinstance(new, int)
    elif scale is Scale.BETA:
        assert float(f"{1 - new:.2g}") == pytest.approx(1 - new, rel=1e-6)
    elif scale is not Scale.FLAG:
        assert float(f"{new:.3g}") == new


def test_steps_grow_by_success_and_shrink_by_failure_at_the_rate_of_one_fifth() -> None:
    first = FIRST_STEP[Scale.LEARNING_RATE]
    win, loss = moved("A_LR", 0.1, 0.12, 1e-3), moved("A_LR", 0.1, 0.08, -1e-3)
    assert remember([win]).by_scale[Scale.LEARNING_RATE] > first
    assert remember([loss]).by_scale[Scale.LEARNING_RATE] < first
    assert remember([win, loss, loss, loss, loss]).by_scale[Scale.LEARNING_RATE] == pytest.approx(first)
    assert remember([win]).by_scale[Scale.BETA] == FIRST_STEP[Scale.BETA]


def test_a_crash_counts_as_a_failure() -> None:
    crash = moved("A_LR", 0.1, 0.5, None)
    assert remember([crash]).by_scale[Scale.LEARNING_RATE] < FIRST_STEP[Scale.LEARNING_RATE]
    assert chance_of_up(Scale.LEARNING_RATE, [crash]) < 0.5


def test_a_name_with_evidence_has_a_step_of_its_own() -> None:
    tried = [moved("A_LR", 0.1, 0.12, 1e-3)] * 3 + [moved("B_LR", 0.1, 0.12, -1e-3)] * 3
    memory = remember(tried)
    own = [memory.step(name, Scale.LEARNING_RATE) for name in ("A_LR", "B_LR", "C_LR")]
    assert own[0] > own[2] > own[1]


def test_what_gained_is_repeated_and_what_failed_is_turned_around() -> None:
    gained = [moved("A_LR", 0.1, 0.12, 1e-3)]
    failed = [moved("A_LR", 0.1, 0.12, -1e-3)]
    assert chance_of_up(Scale.LEARNING_RATE, gained) > 0.7
    assert chance_of_up(Scale.LEARNING_RATE, failed) < 0.3
    assert chance_of_up(Scale.LEARNING_RATE, [*gained, *failed, *failed]) < 0.5  # the newest counts most
    ups = sum(propose("A_LR", Scale.LEARNING_RATE, 0.12, remember(gained), random.Random(i)) > 0.12 for i in range(60))
    assert ups > 40


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


def test_failures_elsewhere_do_not_count() -> None:
    far = [moved("A_LR", 5.0, 0.1 * (1 + percent / 100), -1e-3) for percent in range(-12, 13)]
    news = {propose("A_LR", Scale.LEARNING_RATE, 0.1, remember(far), random.Random(i)) for i in range(40)}
    assert any(abs(math.log(new / item.move.new)) < 0.01 for new in news if new for item in far)


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

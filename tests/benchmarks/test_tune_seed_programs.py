"""The tuning method on a landscape that is known, without a single trial."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pytest

from benchmarks.tune_seed_programs import (
    FIRST_RNG_SEED,
    FURTHER_RNG_SEEDS,
    TRIALS,
    TUNED,
    Run,
    Values,
    edges,
    search,
)
from population.hyperparameters import hyperparameters
from tests.seed_programs.conftest import SEED_PROGRAMS

SOURCE = "HIDDEN_LR = 0.01\nHEAD_LR = 0.02\nBETA1 = 0.9\n"
NAMES = ("HIDDEN_LR", "HEAD_LR", "BETA1")


class Landscape:
    """A bowl around HIDDEN_LR 0.03 and HEAD_LR 0.01; nothing finishes above HIDDEN_LR 0.05."""

    def __init__(self) -> None:
        self.runs: list[Run] = []

    def __call__(self, wanted: list[tuple[Values, int]]) -> list[Run]:
        runs = [self.run(values, rng_seed) for values, rng_seed in wanted]
        self.runs += runs
        return runs

    def run(self, values: Values, rng_seed: int) -> Run:
        loss = math.log(values["HIDDEN_LR"] / 0.03) ** 2 + math.log(values["HEAD_LR"] / 0.01) ** 2
        failed = values["HIDDEN_LR"] > 0.05
        noise = 0.001 * (rng_seed - FIRST_RNG_SEED)
        return Run(
            "p", values, rng_seed, "diverged" if failed else "finished", None if failed else loss + noise, 1.0, "f"
        )


def test_finds_the_bottom_past_failures_with_the_promised_number_of_trials() -> None:
    landscape = Landscape()
    winner = search(SOURCE, NAMES, landscape, random.Random(1))
    assert len(landscape.runs) == TRIALS >= 64
    assert any(run.value is None for run in landscape.runs)
    assert [run.rng_seed for run in winner] == list(range(FIRST_RNG_SEED, FIRST_RNG_SEED + 1 + FURTHER_RNG_SEEDS))
    assert winner[0].values["HIDDEN_LR"] == pytest.approx(0.03, rel=0.4)
    assert winner[0].values["HEAD_LR"] == pytest.approx(0.01, rel=0.4)
    assert landscape.runs[0].values == {"HIDDEN_LR": 0.01, "HEAD_LR": 0.02, "BETA1": 0.9}


def test_is_the_same_search_twice() -> None:
    a, b = Landscape(), Landscape()
    assert search(SOURCE, NAMES, a, random.Random(1)) == search(SOURCE, NAMES, b, random.Random(1))
    assert a.runs == b.runs


def test_names_what_lies_at_the_edge() -> None:
    assert edges(SOURCE, {"HIDDEN_LR": 0.011, "HEAD_LR": 0.02, "BETA1": 0.92}) == []
    assert edges(SOURCE, {"HIDDEN_LR": 0.2}) == ["HIDDEN_LR (outside the edge)"]
    assert edges(SOURCE, {"HIDDEN_LR": 0.01 * math.exp(-2.05)}) == ["HIDDEN_LR (at the edge)"]


def test_every_seed_program_is_tuned_by_names_it_has() -> None:
    assert sorted(TUNED) == SEED_PROGRAMS
    for program, names in TUNED.items():
        source = Path(__file__).parents[2].joinpath("seed_programs", f"{program}.py").read_text()
        assert set(names) <= {parameter.name for parameter in hyperparameters(source)}
        assert 3 <= len(names) <= 6

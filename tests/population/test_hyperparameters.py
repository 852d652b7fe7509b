"""Hyperparameters: what counts as one, and how its number is rewritten."""

from __future__ import annotations

import ast

import pytest
from everything import SOURCE

from population.components import Hyperparameter, components, hyperparameters, with_values
from population.genome import GenomeError
from population.hyperparameters import spelled
from population.scales import Scale


def values(source: str) -> dict[str, float]:
    return {part.name: part.value for part in hyperparameters(source)}


def test_hyperparameters_have_values_and_kinds() -> None:
    found = {p.name: (p.value, p.scale) for p in components(SOURCE) if isinstance(p, Hyperparameter)}
    assert found == {
        "Sign.__init__.lr": (1e-3, Scale.LEARNING_RATE),
        "Sign.__init__.betas[0]": (0.9, Scale.BETA),
        "Sign.__init__.betas[1]": (0.95, Scale.BETA),
        "Sign.__init__.nesterov": (True, Scale.FLAG),
        "MATRIX_LR": (1 / 320, Scale.LEARNING_RATE),
        "COEFFICIENTS[0]": (3.4445, Scale.FACTOR),
        "COEFFICIENTS[1]": (-4.775, Scale.FACTOR),
        "COOLDOWN_FRACTION": (0.4, Scale.FRACTION),
        "NS_STEPS": (5, Scale.COUNT),
        "UNREAD": (7.0, Scale.FACTOR),
        "recipe.normal_.std": (0.02, Scale.FACTOR),
        "recipe.Sign.betas[0]": (0.8, Scale.BETA),
        "recipe.Sign.betas[1]": (0.99, Scale.BETA),
        "recipe.Sign.nesterov": (False, Scale.FLAG),
        "recipe.AdamW.lr": (0.3, Scale.LEARNING_RATE),
        "recipe.AdamW.weight_decay": (0.0, Scale.WEIGHT_DECAY),
        "recipe.AdamW.eps": (1e-10, Scale.EPS),
    }


def test_repeated_names_are_numbered() -> None:
    source = "def recipe(m, n):\n    a = AdamW(x, lr=1e-3)\n    b = AdamW(y, lr=2e-3)\n"
    assert values(source) == {"recipe.AdamW.lr": 1e-3, "recipe.AdamW.lr#2": 2e-3}


def test_values_are_rewritten_and_nothing_else() -> None:
    child = with_values(
        SOURCE, {"MATRIX_LR": 0.00412, "COEFFICIENTS[1]": -4.0, "NS_STEPS": 6, "recipe.Sign.nesterov": True}
    )
    changed = [(a, b) for a, b in zip(SOURCE.split("\n"), child.split("\n"), strict=True) if a != b]
    assert changed == [
        ("MATRIX_LR = 1 / 320  # a quotient", "MATRIX_LR = 0.00412  # a quotient"),
        ("COEFFICIENTS = (3.4445, -4.7750)", "COEFFICIENTS = (3.4445, -4.0)"),
        ("NS_STEPS = 5", "NS_STEPS = 6"),
        (
            "    sign = Sign(hidden, lr=MATRIX_LR, betas=(0.8, 0.99), nesterov=False)",
            "    sign = Sign(hidden, lr=MATRIX_LR, betas=(0.8, 0.99), nesterov=True)",
        ),
    ]


def test_form_feeds_carriage_returns_and_wide_characters_stay() -> None:
    source = 'é = "\u2028ü"\r\n\x0cLR = 0.1  # ü\r\nf(é, eps=1e-8)\r'
    assert with_values(source, {"LR": 0.2, "f.eps": 1e-7}) == source.replace("0.1", "0.2").replace("1e-8", "1e-7")


def test_an_unknown_name_gets_near_matches() -> None:
    with pytest.raises(GenomeError, match="MATRIX_LR"):
        with_values(SOURCE, {"MATRIX_RL": 1.0})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.3"),
        (1e-8, "1e-8"),
        (2.5e-07, "2.5e-7"),
        (0.00015, "0.00015"),
        (0.0001, "1e-4"),
        (1.0, "1.0"),
        (3, "3"),
        (-4.775, "-4.775"),
        (True, "True"),
        (1e20, "1e20"),
    ],
)
def test_numbers_are_spelled_shortly_and_keep_their_value(value: float, text: str) -> None:
    assert spelled(value) == text
    assert ast.literal_eval(text) == pytest.approx(float(value), rel=1e-12)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_is_not_written(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        with_values("A_LR = 0.1", {"A_LR": value})


@pytest.mark.parametrize("text", ["1e400", "1e200 * 1e200", "1 / 0", "1 / 1e-310", "'a'", "2j", "-True", "x", "1 + 1"])
def test_what_is_no_plain_number_is_no_hyperparameter(text: str) -> None:
    assert hyperparameters(f"A_LR = {text}") == ()

"""What a recipe reaches, and what is lost with a part."""

from __future__ import annotations

import ast

from evolve.operators.grafting.reach import lost, reached
from evolve.operators.grafting.recipe import Recipe
from evolve.operators.pruning.reading import Reading

SOURCE = """
import math
A = 1
B = 2
DEAD = 3
def f(): return A + g()
def g(): return math.pi
def h(): return B
def recipe(model, train_steps):
    x = f()
    y = [p for p in h()]
    z = x
    def set_hparams(step):
        return x
    return dict(optimizers=y, set_hparams=set_hparams)
"""


def words(units: list[ast.stmt]) -> list[str]:
    return [ast.unparse(unit).split("\n")[0] for unit in units]


def test_everything_that_the_result_needs_is_reached_and_nothing_else() -> None:
    found = words(reached(Recipe(Reading(SOURCE))))
    assert "DEAD = 3" not in found
    assert "z = x" not in found
    assert {"import math", "A = 1", "B = 2", "def f():", "def g():", "def h():", "x = f()"} <= set(found)


def test_what_only_a_part_uses_is_lost_with_it() -> None:
    recipe = Recipe(Reading(SOURCE))
    assert recipe.set_hparams is not None
    gone = lost(recipe, [recipe.set_hparams, recipe.entries["set_hparams"]])
    assert words(gone) == ["import math", "A = 1", "def f():", "def g():", "x = f()", "def set_hparams(step):"]


def test_what_is_kept_inside_a_part_keeps_what_it_needs() -> None:
    recipe = Recipe(Reading(SOURCE))
    value = recipe.value_of(recipe.entries["optimizers"])
    assert isinstance(value, ast.ListComp)
    assert words(lost(recipe, [value])) == ["B = 2", "def h():"]
    assert words(lost(recipe, [value], [value.generators[0].iter])) == []

"""Children with loose ends are found before they are born."""

from __future__ import annotations

import pytest

from evolve.operators.base import NoVariationError
from evolve.operators.grafting.check import check_names
from evolve.operators.pruning.reading import Reading

SOUND = """
import math
A = 1
class C:
    x = A
    def f(self, y=A):
        return later() + self.x
def later():
    return math.inf, __name__
def recipe(model, train_steps):
    a = [q for q in range(3)]
    def inner():
        return b
    b = a
    for i in a:
        c = i
    return c, inner
"""


def test_a_sound_genome_passes() -> None:
    check_names(Reading(SOUND))


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("import math\n", "", "math, which nothing defines"),
        ("A = 1\n", "", "A, which nothing defines"),
        ("    x = A\n", "    x = later()\n", "later before it is set"),
        ("y=A", "y=later", "later before it is set"),
        ("    b = a\n", "    b = c\n", "c before it is set"),
        ("range(3)", "range(c)", "c before it is set"),
    ],
)
def test_loose_ends_are_named(before: str, after: str, says: str) -> None:
    with pytest.raises(NoVariationError, match=says):
        check_names(Reading(SOUND.replace(before, after, 1)))

from __future__ import annotations

import pytest

from evolve.classes import labelled
from evolve.operators.base import Child
from population.rows import Move

MOVES = (Move("LR", 0.1, 0.2),)


@pytest.mark.parametrize(
    ("operator", "child", "expected"),
    [
        ("perturb", Child("", "", "", MOVES), ("shallow", "adapted")),
        ("crossover", Child("", "", ""), ("moderate", "imported")),
        ("crossover", Child("", "", "", MOVES), ("shallow", "imported")),
        ("ablate", Child("", "", ""), ("moderate", "adapted")),
        ("llm_rewrite", Child("", "", "", depth="deep", provenance="invented"), ("deep", "invented")),
        ("llm_tune", Child("", "", "", MOVES), ("shallow", "adapted")),
        ("llm_diff", Child("", "", ""), ("moderate", "adapted")),
    ],
)
def test_a_childs_class_is_its_authors_word_or_by_rule(operator, child, expected):
    found = labelled(child, operator)
    assert (found.depth, found.provenance) == expected

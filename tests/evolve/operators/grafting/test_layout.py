"""Where text goes."""

from __future__ import annotations

import pytest

from evolve.operators.base import NoVariationError
from evolve.operators.grafting.layout import applied, laid_out, snake, whole
from evolve.operators.pruning.text import Edit


def test_edits_are_applied_at_once() -> None:
    edits = [Edit(2, 4, "XY"), Edit(0, 0, "<"), Edit(6, 6, ">"), Edit(2, 2, "!"), Edit(4, 4, "?"), Edit(3, 3, "lost")]
    assert applied("abcdef", edits) == "<ab!XY?ef>"


def test_edits_that_overlap_are_refused() -> None:
    with pytest.raises(NoVariationError, match="overlap"):
        applied("abcdef", [Edit(0, 3, "x"), Edit(2, 5, "y")])


def test_long_lists_are_broken_item_by_item() -> None:
    assert laid_out("f(", ["a", "b=1"], ")", before="    x = ") == "f(a, b=1)"
    long = ["a" * 60, "b" * 60]
    assert laid_out("f(", long, ")", before="    x = ") == f"f(\n        {long[0]},\n        {long[1]},\n    )"


def test_a_whole_statement_has_its_comments_but_no_banner() -> None:
    source = "########################\n#  Init & Optim  #\n########################\n# why\nx = 1  # what\ny = 2\n"
    start, end = whole(source, source.index("x"), source.index("x") + 5)
    assert source[start:end] == "# why\nx = 1  # what"
    assert whole("a; b", 3, 4) == (3, 4)


@pytest.mark.parametrize(
    ("name", "variable"), [("ScheduleFreeAdamW", "schedule_free_adamw"), ("SOAP", "soap"), ("NorMuon", "nor_muon")]
)
def test_variables_are_named_after_their_class(name: str, variable: str) -> None:
    assert snake(name) == variable

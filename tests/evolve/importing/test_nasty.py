"""What trains otherwise than the plain script keeps that, or is refused."""

from __future__ import annotations

from functools import cache

import pytest
from nasty import ABSOLUTE, KEPT, OTHERWISE
from scripts import RULE, script

from evaluator.rehearsal import Sizes
from evolve.importing.comparing import Pair, compare
from evolve.importing.convert import Asked, Imported, imported
from evolve.importing.errors import NotImportableError
from evolve.importing.source import from_text

SIZES = Sizes(vocabulary=96, layers=2, width=128, context=16, batch=4, microbatch=2, steps=6)


@cache
def made(form: str) -> Imported:
    return imported(from_text(f"{form}.py", KEPT[form][0]), Asked({}))


@pytest.mark.parametrize("form", KEPT)
def test_what_makes_a_difference_is_kept(form: str) -> None:
    assert KEPT[form][1] in made(form).source


def test_all_of_them_train_like_their_scripts() -> None:
    pairs = [Pair(from_text(f"{form}.py", text), made(form), {}) for form, (text, _) in KEPT.items()]
    found = dict(zip(KEPT, compare(pairs, SIZES), strict=True))
    assert {form: each.text() for form, each in found.items() if not each.equal} == {}


@pytest.mark.parametrize("form", OTHERWISE)
def test_what_the_contract_cannot_do_is_refused(form: str) -> None:
    text, word = OTHERWISE[form]
    with pytest.raises(NotImportableError) as caught:
        imported(from_text(f"{form}.py", text), Asked({}))
    assert word in caught.value.text(text)


@pytest.mark.parametrize("form", ABSOLUTE)
def test_absolute_steps_are_found(form: str) -> None:
    assert imported(from_text(f"{form}.py", ABSOLUTE[form]), Asked({})).iso


def test_a_log_does_not_tell_the_value_of_what_changes() -> None:
    text = script(
        constants="mu = 0.9\n",
        before_step="    mu = 0.9 + 0.00001 * step\n    optimizer2.param_groups[0]['mu'] = mu",
        after_zero="    print0(f'momentum now {mu}')",
    )
    log = RULE + "momentum now 0.91\nmomentum now 0.92\n"
    assert imported(from_text("x.txt", text + log), Asked({})).shown == {}


def test_a_return_ends_the_run() -> None:
    text = script(main=True).replace(
        "if step == train_steps:\n            break", "if step == 3000:\n            return"
    )
    assert imported(from_text("x.py", text), Asked({})).steps == 3000

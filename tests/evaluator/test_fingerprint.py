from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from evaluator.fingerprint import fingerprint, limits_fingerprint
from evaluator.records import Limits, Rung
from evaluator.tasks.charlm import CharLM


@pytest.mark.parametrize("name", [field.name for field in fields(CharLM) if field.name != "text"])
def test_every_size_of_the_task_counts(name: str) -> None:
    task, rung = CharLM(), CharLM().rung("proxy")
    assert fingerprint(replace(task, **{name: 2 * getattr(task, name)}), rung) != fingerprint(task, rung)


@pytest.mark.parametrize("name", [field.name for field in fields(Rung)])
def test_every_field_of_the_rung_counts_that_can_move_a_value(name: str) -> None:
    task, rung = CharLM(), CharLM().rung("proxy")
    value = getattr(rung, name)
    other = {str: "other", int: 17, bool: True, Limits: Limits(1.0, 1.0)}[type(value)]
    assert (fingerprint(task, replace(rung, **{name: other})) == fingerprint(task, rung)) == (
        name in ("limits", "traced_steps", "alone")
    )


def test_the_text_counts_by_its_bytes_not_by_its_path(tmp_path: Path) -> None:
    texts = [tmp_path / name for name in "abc"]
    for path, content in zip(texts, (b"x" * 500_000, b"x" * 500_000, b"y" * 500_000), strict=True):
        path.write_bytes(content)
    a, b, c = (fingerprint(CharLM(text=path), CharLM().rung("proxy")) for path in texts)
    assert a == b != c


def test_limits_have_a_fingerprint_of_their_own() -> None:
    limits = Limits(1.0, 2.0)
    assert limits_fingerprint(limits) == limits_fingerprint(Limits(1.0, 2.0))
    for field in fields(Limits):
        assert limits_fingerprint(replace(limits, **{field.name: 77})) != limits_fingerprint(limits)

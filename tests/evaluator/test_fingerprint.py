from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from evaluator.devices.found import place_of
from evaluator.fingerprint import fingerprint
from evaluator.records import Limits, Rung
from evaluator.tasks.charlm import CharLM

HERE = place_of("cpu")


@pytest.mark.parametrize("name", [field.name for field in fields(CharLM) if field.name != "text"])
def test_every_size_of_the_task_counts(name: str) -> None:
    task, rung = CharLM(), CharLM().rung("proxy")
    assert fingerprint(replace(task, **{name: 2 * getattr(task, name)}), rung, HERE) != fingerprint(task, rung, HERE)


@pytest.mark.parametrize("name", [field.name for field in fields(Rung)])
def test_every_field_of_the_rung_counts_that_can_move_a_value(name: str) -> None:
    task, rung = CharLM(), CharLM().rung("proxy")
    value = getattr(rung, name)
    other = {str: "other", int: 17, bool: True, Limits: Limits(1.0, 1.0)}[type(value)]
    assert (fingerprint(task, replace(rung, **{name: other}), HERE) == fingerprint(task, rung, HERE)) == (
        name in ("limits", "traced_steps", "alone")
    )


def test_the_text_counts_by_its_bytes_not_by_its_path(tmp_path: Path) -> None:
    texts = [tmp_path / name for name in "abc"]
    for path, content in zip(texts, (b"x" * 500_000, b"x" * 500_000, b"y" * 500_000), strict=True):
        path.write_bytes(content)
    a, b, c = (fingerprint(CharLM(text=path), CharLM().rung("proxy"), HERE) for path in texts)
    assert a == b != c

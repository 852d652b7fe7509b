from __future__ import annotations

import pytest

from evolve.replies.code import object_in, program_in
from evolve.replies.errors import UnusableReplyError

PROGRAM = '"""One."""\n\nimport torch\n\n\ndef recipe(model, train_steps):\n    return {}\n'


@pytest.mark.parametrize(
    "reply",
    [
        PROGRAM,
        f"Here:\n```python\n{PROGRAM}```\nEnjoy.",
        f"```py\n{PROGRAM}\n```",
        f"~~~\n{PROGRAM}~~~",
        f"First a sketch:\n```python\nx = 1\n```\nthen all:\n```python\n{PROGRAM}```",
        f"```python\n{PROGRAM}```\nand once more\n```python\n{PROGRAM}```",
    ],
)
def test_the_program_comes_out_of_its_fences(reply):
    assert program_in(reply) == PROGRAM


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("No.", "no program found"),
        ("```python\nx = 1\n```", "no program found"),
        (f"```python\n{PROGRAM}", "breaks off"),
        (f"```python\n{PROGRAM}```\n```python\n{PROGRAM}x = 1\n```", "2 different programs"),
    ],
)
def test_anything_else_is_refused(reply, told):
    with pytest.raises(UnusableReplyError, match=told):
        program_in(reply)


@pytest.mark.parametrize("reply", ['{"LR": 0.02}', 'So:\n```json\n{"LR": 0.02}\n```', 'I say {"LR": 0.02}.'])
def test_the_object_comes_out(reply):
    assert object_in(reply) == {"LR": 0.02}


@pytest.mark.parametrize(
    ("reply", "told"), [("none", "no JSON object|not valid"), ("```json\n{LR: 1}\n```", "not valid"), ("[1]", "no|not")]
)
def test_a_missing_or_broken_object_is_refused(reply, told):
    with pytest.raises(UnusableReplyError, match=told):
        object_in(reply)

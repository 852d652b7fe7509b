from __future__ import annotations

import pytest

from evolve.secrets import masked

ENVIRONMENT = {"OPENAI_API_KEY": "abcdef-0123", "HOME": "/home/me", "SHORT_TOKEN": "x", "GITHUB_TOKEN": "ghp_zyx987654"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the key abcdef-0123 is wrong", "the key [key] is wrong"),
        ("ghp_zyx987654ghp_zyx987654", "[key][key]"),
        ("Authorization: Bearer qwertyuiop", "Authorization: [key]"),
        ("Incorrect API key provided: sk-proj-0a1b2c3d", "Incorrect API key provided: [key]"),
        ("/home/me and x stay", "/home/me and x stay"),
        ("a task-specific risk-adjusted rate", "a task-specific risk-adjusted rate"),
    ],
)
def test_what_looks_like_a_secret_is_masked_and_nothing_else(text, expected):
    assert masked(text, ENVIRONMENT) == expected

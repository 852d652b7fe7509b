from __future__ import annotations

import re

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evolve.views.changes import diff_lines, diff_size

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""A busy machine is no failure."""
LINES = st.lists(st.sampled_from(["a", "b", "c", "", "    d"]), max_size=30)


def applied(old: list[str], diff: list[str]) -> list[str]:
    """The new lines, made from the old ones and a unified diff alone."""
    new: list[str] = []
    at = 0
    for line in diff:
        heading = re.match(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@$", line)
        if heading:
            start = int(heading[1]) - (heading[2] != "0")
            new += old[at:start]
            at = start
            continue
        if line[0] != "+":
            assert old[at] == line[1:]
            at += 1
        if line[0] != "-":
            new.append(line[1:])
    return new + old[at:]


@PATIENT
@given(LINES, LINES)
def test_a_diff_says_how_to_make_the_new_text(old, new):
    assert applied(old, diff_lines("\n".join(old) + "\n" * bool(old), "\n".join(new) + "\n" * bool(new))) == new


@PATIENT
@given(LINES)
def test_equal_texts_have_no_diff(lines):
    assert diff_lines("\n".join(lines), "\n".join(lines)) == []


def test_one_changed_line_in_a_long_text():
    old = [f"line {i}" for i in range(1, 101)]
    new = [*old[:49], "changed", *old[50:]]
    diff = diff_lines("\n".join(old), "\n".join(new))
    assert diff == [
        "@@ -47,7 +47,7 @@",
        " line 47",
        " line 48",
        " line 49",
        "-line 50",
        "+changed",
        " line 51",
        " line 52",
        " line 53",
    ]
    assert diff_size(diff) == (1, 1)


def test_distant_changes_stand_in_hunks_of_their_own():
    old = [str(i) for i in range(60)]
    new = ["first", *old[1:50], *old[51:]]
    headings = [line for line in diff_lines("\n".join(old), "\n".join(new)) if line.startswith("@@")]
    assert headings == ["@@ -1,4 +1,4 @@", "@@ -48,7 +48,6 @@"]

from __future__ import annotations

from evolve.replies.statement import Statement, statement_in

PLAIN = """HYPOTHESIS: rows of the embedding starve; give them a floor
COMPONENT: AdamW.step
DEPTH: moderate
PROVENANCE: adapted
"""


def test_the_four_lines_are_read():
    assert statement_in(PLAIN) == Statement(
        "rows of the embedding starve; give them a floor", "AdamW.step", "moderate", "adapted"
    )


def test_markdown_around_them_does_not_matter():
    dressed = "\n".join(f"- **{line.replace(':', ':**', 1)}" for line in PLAIN.splitlines())
    assert statement_in("Sure!\n\n" + dressed) == statement_in(PLAIN)


def test_what_is_missing_or_unknown_is_empty():
    assert statement_in("DEPTH: abyssal\nno hypothesis here") == Statement()


def test_a_later_line_cannot_change_an_earlier_one():
    assert statement_in(PLAIN + "DEPTH: breakthrough\n").depth == "moderate"


def test_a_comment_in_the_program_is_no_statement():
    said = statement_in("HYPOTHESIS: x\n```python\n# change: fix me later\n```\nCHANGE: y")
    assert (said.hypothesis, said.change) == ("x", "")

from __future__ import annotations

import random

import pytest
from quotations import block, quoted

from evolve.genomes import shipped
from evolve.replies.blocks import apply, blocks_in
from evolve.replies.errors import UnusableReplyError

SOURCE = '''"""A genome."""

LR = 0.1  # peak
BETA = 0.9


def schedule(step, train_steps):
    if step < 10:
        return step / 10
    return 1.0


def recipe(model, train_steps):
    """Set up."""
    first = make(model, lr=LR, beta=BETA)
    first.zero()
    second = make(model, lr=LR, beta=BETA)
    second.zero()
    return dict(optimizers=[first, second])
'''


def edited(*reply: str, source: str = SOURCE) -> str:
    return apply(source, blocks_in("\n".join(reply)))


@pytest.mark.parametrize("source", [genome.source for genome in shipped()], ids=[g.name for g in shipped()])
def test_no_quotation_is_applied_in_the_wrong_place(source):
    for number in range(8):
        for each in quoted(source, random.Random(number)):
            try:
                got = apply(source, blocks_in(each.reply))
            except UnusableReplyError:
                assert each.may_refuse or each.must_refuse, (each.kind, each.reply)
            else:
                assert got == each.expected, (each.kind, each.reply)
                assert not each.must_refuse, (each.kind, each.reply)


def test_several_blocks_are_looked_up_in_the_source_as_it_was_shown():
    got = edited(
        block(["LR = 0.1  # peak"], ["BETA = 0.9"]),
        block(["BETA = 0.9"], ["GAMMA = 0.5"]),
    )
    assert got.splitlines()[2:4] == ["BETA = 0.9", "GAMMA = 0.5"]


def test_a_replacement_is_indented_like_the_passage_it_replaces():
    got = edited(block(["if step < 10:", "    return step / 10"], ["if step < 20:", "    return step / 20"]))
    assert "    if step < 20:\n        return step / 20\n    return 1.0\n" in got


def test_a_part_of_a_line_may_be_quoted_when_it_stands_once():
    assert "return step / 50\n" in edited(block(["step / 10"], ["step / 50"]))


def test_lines_may_be_taken_out():
    assert "second.zero()" not in edited(block(["    second.zero()"], []))


@pytest.mark.parametrize(
    ("search", "replace", "told"),
    [
        (["make(model, lr=LR, beta=BETA)"], ["x"], "fits 2 places"),
        (["    return lr"], ["x"], "not in the program; it begins 'return lr'"),
        ([], ["x = 1"], "its SEARCH is empty"),
        (["LR = 0.1  # peak"], ["LR = 0.1  # peak"], "change nothing"),
        (["def recipe(model, train_steps):", "    ..."], ["x"], "leaves lines out ('...')"),
        (["BETA = 0.9"], ["BETA = 0.8", "# ... rest of the file ..."], "its REPLACE leaves lines out"),
    ],
)
def test_what_cannot_be_placed_is_refused_with_what_to_do(search, replace, told):
    with pytest.raises(UnusableReplyError, match=r".") as error:
        edited(block(search, replace))
    assert told in str(error.value)


def test_every_block_at_fault_is_named():
    with pytest.raises(UnusableReplyError, match=r"block 1: .*\nblock 3: "):
        edited(block(["nowhere = 1"], ["x"]), block(["BETA = 0.9"], ["BETA = 0.8"]), block(["nowhere = 2"], ["x"]))


def test_two_blocks_may_not_change_one_line():
    with pytest.raises(UnusableReplyError, match="two blocks change line 4"):
        edited(block(["BETA = 0.9"], ["BETA = 0.8"]), block(["LR = 0.1  # peak", "BETA = 0.9"], ["LR = 1.0"]))


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("I would rather not.", "no SEARCH/REPLACE block found"),
        ("<<<<<<< SEARCH\nBETA = 0.9\n", "block 1 has no line ======="),
        ("<<<<<<< SEARCH\nBETA = 0.9\n=======\nBETA = 0.8\n", "block 1 has no line >>>>>>> REPLACE"),
        ("<<<<<<< SEARCH\nBETA = 0.9\n<<<<<<< SEARCH\n", "block 1 has no line ======="),
    ],
)
def test_what_is_no_complete_block_is_refused(reply, told):
    with pytest.raises(UnusableReplyError, match=told):
        blocks_in(reply)


def test_a_near_miss_close_to_two_passages_is_refused():
    source = SOURCE.replace("second.zero()", "second.zero(1)").replace("first.zero()", "first.zero(2)")
    search = ["    third = make(model, lr=LR, beta=BETA)", "    third.zero(3)"]
    with pytest.raises(UnusableReplyError, match="not in the program"):
        apply(source, blocks_in(block(search, ["x"])))


def test_no_line_goes_that_was_not_quoted():
    search = [
        "    first = make(model, lr=LR, beta=BETA)",
        "    second = make(model, lr=LR, beta=BETA)",
        "    second.zero()",
    ]
    with pytest.raises(UnusableReplyError, match="not in the program"):
        edited(block(search, ["    only = make(model)"]))


def test_a_whole_statement_is_not_taken_for_a_part_of_a_line():
    source = SOURCE.replace("LR = 0.1  # peak", "LR = 0.1 * SCALE")
    with pytest.raises(UnusableReplyError, match="not in the program"):
        edited(block(["LR = 0.1"], ["LR = 0.1 * WARM"]), source=source)


def test_an_edit_of_indentation_alone_is_an_edit():
    got = edited(
        block(["    if step < 10:", "        return step / 10"], ["    if step < 10:", "            return step / 10"])
    )
    assert got != SOURCE


def test_a_bare_end_mark_will_do():
    assert "BETA = 0.8" in edited("<<<<<<< SEARCH", "BETA = 0.9", "=======", "BETA = 0.8", ">>>>>>>")

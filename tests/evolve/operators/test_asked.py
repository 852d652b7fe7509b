"""What every operator that asks a model makes of a reply."""

from __future__ import annotations

import pytest

from evolve.operators import ASKING, get_asking_operator
from evolve.replies.errors import UnusableReplyError
from population.genome import digest

SOURCE = """\
LR = 0.1
BETA = 0.9
STEPS = 5
NESTEROV = True


def helper(x):
    return x + 1


def recipe(model, train_steps):
    return dict(lr=LR, beta=BETA, steps=STEPS, flag=NESTEROV, more=helper(1))
"""
STATEMENT = "HYPOTHESIS: it is too small\nCOMPONENT: LR\nDEPTH: shallow\nPROVENANCE: invented\n"
NEW = SOURCE.replace("LR = 0.1", "LR = 0.2")
BLOCK = "<<<<<<< SEARCH\nLR = 0.1\n=======\nLR = 0.2\n>>>>>>> REPLACE\n"
REMOVE = "<<<<<<< SEARCH\n, more=helper(1))\n=======\n)\n>>>>>>> REPLACE\n"
REPLIES = {
    "llm_diff": BLOCK,
    "llm_repair": BLOCK,
    "llm_ablate": REMOVE,
    "llm_rewrite": f"```python\n{NEW}```",
    "llm_crossover": f"```python\n{NEW}```",
    "llm_tune": '```json\n{"LR": 0.2}\n```',
}


def child(name, reply):
    return get_asking_operator(name).child(STATEMENT + reply, [SOURCE, SOURCE])


@pytest.mark.parametrize("name", ASKING)
def test_a_good_reply_becomes_a_child_with_its_authors_words(name):
    assert get_asking_operator(name).name == name
    made = child(name, REPLIES[name])
    assert digest(made.source) != digest(SOURCE)
    assert (made.component, made.depth, made.provenance) == ("LR", "shallow", "invented")
    assert made.hypothesis == "it is too small"
    assert made.note.endswith("(it is too small)")
    if name != "llm_ablate":
        assert [(move.component, move.old, move.new) for move in made.moves] == [("LR", 0.1, 0.2)]
        assert made.note.startswith("LR 0.1 -> 0.2")


@pytest.mark.parametrize("name", ASKING)
@pytest.mark.parametrize("reply", ["", "I would rather not.", "```\n```", "{}", "<<<<<<< SEARCH\n"])
def test_anything_else_is_refused_with_a_reason(name, reply):
    with pytest.raises(UnusableReplyError, match=r"\w{2}"):
        child(name, reply)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ('{"LRR": 1}', "no hyperparameter 'LRR'; did you mean LR"),
        ('{"LR": "big"}', "LR: expected a number; got 'big'"),
        ('{"LR": true}', "LR: expected a number"),
        ('{"LR": -1}', "expected a number from 0"),
        ('{"BETA": 1.0}', "decay factor"),
        ('{"STEPS": 2.5}', "whole number"),
        ('{"NESTEROV": 1}', "expected true or false"),
        ('{"LR": 0.1}', "has already"),
        ("{}", "1 to 6"),
        ('{"LR": 1e999}', "expected a number"),
    ],
)
def test_values_are_checked_before_they_are_set(values, told):
    with pytest.raises(UnusableReplyError) as error:
        child("llm_tune", f"```json\n{values}\n```")
    assert told in str(error.value)


def test_an_ablation_must_take_something_out():
    with pytest.raises(UnusableReplyError, match="nothing was removed"):
        child("llm_ablate", BLOCK)


def test_a_rewrite_that_changes_more_than_values_is_no_move():
    made = child("llm_rewrite", f"```python\n{NEW.replace('x + 1', 'x + 2 * x')}```")
    assert made.moves == ()
    assert made.note.startswith("rewritten (")


def test_two_objects_are_refused():
    with pytest.raises(UnusableReplyError, match="2 different objects"):
        child("llm_tune", '```json\n{"LR": 0.1}\n```\nor\n```json\n{"LR": 0.2}\n```')


@pytest.mark.parametrize("name", ["llm_rewrite", "llm_crossover"])
def test_a_program_may_be_given_as_changes(name):
    assert digest(child(name, BLOCK).source) == digest(NEW)


def test_what_the_model_says_of_its_change_leads_the_note():
    said = STATEMENT + "CHANGE: no helper any more\n"
    made = get_asking_operator("llm_ablate").child(said + REMOVE, [SOURCE])
    assert made.note == "no helper any more (it is too small)"

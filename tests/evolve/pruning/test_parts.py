from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.operators.prune import steps
from evolve.pruning.parts import parts, without
from population.genome import digest, parse

sys.path.insert(0, str(Path(__file__).parents[1] / "operators"))

PROGRAMS = {p.stem: p.read_text() for p in sorted(Path(__file__).parents[3].glob("seed_programs/[a-z]*.py"))}


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_parts_have_names_of_their_own_and_differ_from_the_whole(name):
    found = parts(PROGRAMS[name])
    assert len({part.name for part in found}) == len({part.digest for part in found}) == len(found) > 20
    assert digest(PROGRAMS[name]) not in {part.digest for part in found}


def test_one_part_alone_is_what_is_tested_alone():
    for part in parts(PROGRAMS["adamw"]):
        made = steps(part.source)
        assert digest(without(PROGRAMS["adamw"], [part.name])) == digest(made[-1].source if made else part.source)


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_any_parts_can_go_together(data):
    name = data.draw(st.sampled_from(["adamw", "muon", "schedule_free_adamw"]))
    names = [part.name for part in parts(PROGRAMS[name])]
    chosen = data.draw(st.lists(st.sampled_from(names), min_size=1, max_size=12, unique=True))
    source = without(PROGRAMS[name], chosen)
    parse(source)
    assert digest(source) != digest(PROGRAMS[name])
    assert without(PROGRAMS[name], chosen[::-1]) == source


def test_two_bounds_of_one_call_can_go_together():
    source = PROGRAMS["muon"].replace("return min(1.0, ", "return min(1.0, 43.21, ")
    names = [part.name for part in parts(source) if part.kind == "bound" and "43.21" in part.name]
    gone = [name for name in names if name.startswith(("schedule: bound `43.21`", "schedule: bound `warmup`"))]
    assert len(gone) == 2
    assert "return min(1.0, decay) *" in without(source, gone)


def test_a_part_goes_with_the_one_around_it_and_comments_stay_with_their_code():
    found = {part.name: part for part in parts(PROGRAMS["muon"])}
    outer = next(name for name in found if "p.mul_(1 - group['lr'] * group['weight_decay'])" in name)
    inner = next(name for name in found if "factor `group['weight_decay']` of `group['lr']" in name)
    assert without(PROGRAMS["muon"], [inner, outer]) == without(PROGRAMS["muon"], [outer])
    assert "# look-ahead: the newest gradient once more" in without(PROGRAMS["muon"], [outer])

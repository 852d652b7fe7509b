"""What a language model really replied (`tests/data/README.md`): every reply becomes a child that keeps the rules."""

from __future__ import annotations

import gzip
import json
import random
import sys
from pathlib import Path

import pytest
from quotations import quoted

from evaluator.check import check
from evolve.operators import get_asking_operator
from evolve.replies.blocks import apply, blocks_in
from evolve.replies.errors import UnusableReplyError
from population.genome import digest

sys.path.insert(0, str(Path(__file__).parent.parent))
from simulated_models import program_in

DATA = Path(__file__).parents[2] / "data" / "exchanges.jsonl.gz"
EXCHANGES = [json.loads(line) for line in gzip.decompress(DATA.read_bytes()).decode().splitlines()]


def operator_of(prompt: str) -> str:
    request = prompt.rpartition("Begin your reply")[0].strip().rpartition("\n\n")[2]
    beginnings = {"Choose": "llm_tune", "Write": "llm_rewrite", "Join": "llm_crossover", "Find": "llm_ablate"}
    beginnings |= {"Change": "llm_diff", "Make": "llm_diff"}
    return beginnings[request.split()[0]]


@pytest.mark.parametrize("number", range(len(EXCHANGES)))
def test_a_recorded_reply_becomes_a_child(number):
    (_, (_, prompt)), reply = EXCHANGES[number]["messages"], EXCHANGES[number]["reply"]
    parent = program_in(prompt)
    child = get_asking_operator(operator_of(prompt)).child(reply, [parent, parent])
    check(child.source)
    assert digest(child.source) != digest(parent)
    assert child.hypothesis
    assert child.component
    assert child.depth
    assert child.provenance


def test_mutations_of_programs_that_models_wrote_are_never_applied_in_the_wrong_place():
    for number, exchange in enumerate(EXCHANGES):
        source = program_in(exchange["messages"][1][1])
        for each in quoted(source, random.Random(number)):
            try:
                got = apply(source, blocks_in(each.reply))
            except UnusableReplyError:
                assert each.may_refuse or each.must_refuse, (each.kind, each.reply)
            else:
                assert got == each.expected, (each.kind, each.reply)
                assert not each.must_refuse, (each.kind, each.reply)

"""Functions act when calling them changes something that matters."""

from __future__ import annotations

import ast

import pytest

from evolve.importing.effects import Effects, definitions


def acts(body: str) -> bool:
    """Whether `tell(model)`, whose body this is, acts when everything is needed."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    tree = ast.parse(f"STATE = {{}}\n\n\ndef tell(model, rows=()):\n{lines}\n\ntell(model)\n")
    everything = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    last = tree.body[-1]
    assert isinstance(last, ast.Expr)
    return Effects(definitions(tree), everything).acts(last.value)


@pytest.mark.parametrize(
    "body",
    [
        "found = {}\nfound['a'] = 1\nprint(found)",
        "found: dict = {'a': 1}\nfor n, p in model.named_parameters():\n    found[n] = p.norm()\nreturn found",
        "rows = [0, 0]\nprint(rows)",
        "counts = [0 for _ in range(3)]\ncounts[1] = 2\nreturn sum(counts)",
    ],
)
def test_filling_a_container_of_ones_own_is_no_act(body: str) -> None:
    assert not acts(body)


@pytest.mark.parametrize(
    "body",
    [
        "STATE['a'] = 1",
        "found = STATE\nfound['a'] = 1",
        "found = {}\nif model:\n    found = STATE\nfound['a'] = 1",
        "found = {'w': model.embed.weight}\nfound['w'] += 1",
        "found = {'groups': STATE}\nfound['groups']['a'] = 1",
        "found = {}\nSTATE['b'] = found\nfound['a'] = 1",
        "for found in STATE:\n    found['a'] = 1\nelse:\n    found = {}",
        "rows = []\nrows[0] = 1",  # a parameter may be anybody's object
        "global STATE\nSTATE = {}\nSTATE['a'] = 1",
        "import torch as found\nfound = {}\nfound['a'] = 1",
    ],
)
def test_what_others_see_is_an_act(body: str) -> None:
    assert acts(body)

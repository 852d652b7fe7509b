"""Methods that write to containers, some named like tensors' methods that write nothing, stay when pruning."""

from __future__ import annotations

import ast

import pytest
from dry_run import trajectory

from evolve.operators.prune import pruned

GENOME = '''"""Step the matrices that a container lets through."""

import collections

import torch


def recipe(model, train_steps):
    everything = list(model.parameters())
{lines}
    others = [p for p in model.parameters() if not any(p is other for other in chosen)]
    groups = [dict(params=others, lr=0.01), *(dict(params=[p], lr=0.1 / n) for n, p in enumerate(chosen, 1))]
    return dict(optimizers=[torch.optim.SGD(groups)], set_hparams=lambda step: None)
'''

FORMS = {
    "set.add": """
    seen = set()
    chosen = []
    for p in everything:
        if p.shape not in seen:
            seen.add(p.shape)
            chosen.append(p)
""",
    "set.add in a condition": """
    seen = set()
    chosen = [p for p in everything if not (p.shape in seen or seen.add(p.shape))]
""",
    "set.add in a list nobody keeps": """
    seen = set()
    [seen.add(p.shape) for p in everything[:3]]
    chosen = [p for p in everything if p.shape in seen]
""",
    "two names of one list": """
    chosen = same = []
    same.extend(everything[:3])
""",
    "list.sort": """
    everything.sort(key=lambda p: p.numel())
    chosen = everything[:3]
""",
    "Counter.subtract": """
    left = collections.Counter(p.shape for p in everything)
    left.subtract(p.shape for p in everything[:4])
    chosen = [p for p in everything if left[p.shape] > 0]
""",
}


@pytest.mark.parametrize("form", FORMS)
def test_what_a_container_holds_is_kept(form: str) -> None:
    source = GENOME.format(lines=FORMS[form])
    cleaned = pruned(source)
    assert "seen.add" not in source or "seen.add" in cleaned
    assert trajectory(cleaned) == trajectory(source)


def test_a_sum_of_tensors_that_goes_nowhere_is_dropped() -> None:
    lines = "    chosen = everything\n    unused = torch.ones(3).add(torch.ones(3))\n    torch.ones(2).add(1)"
    names = {node.id for node in ast.walk(ast.parse(pruned(GENOME.format(lines=lines)))) if isinstance(node, ast.Name)}
    assert "unused" not in names


def test_methods_put_on_the_model_stay() -> None:
    lines = """
    chosen = everything
    old = model.eval

    def with_half():
        for p in model.parameters():
            p.data.mul_(0.5)
        return old()

    model.eval = with_half
"""
    cleaned = pruned(GENOME.format(lines=lines))
    assert "model.eval = with_half" in cleaned
    assert "p.data.mul_(0.5)" in cleaned

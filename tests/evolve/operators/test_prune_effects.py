"""Effects that hide where one does not look for them: what they belong to is not pruned, or training would change."""

from __future__ import annotations

import pytest
from dry_run import trajectory

from evolve.operators.prune import pruned, steps

RECIPE = """
import collections
import contextlib
import copy
import functools
import itertools

import torch

{head}


class Own(torch.optim.Optimizer):
    def __init__(self, params):
        super().__init__(params, dict(lr=0.1))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                {inner}
                p.add_(p.grad, alpha=-group["lr"])


def recipe(model, train_steps):
    params = list(model.parameters())
    optimizer = Own(params)
    {setup}

    def set_hparams(step):
        {body}

    return dict(optimizers=[optimizer], set_hparams=set_hparams)
"""
BUMP = "def bump(p):\n    p.grad.mul_(2)\n    return 0"
TICKS = "def ticks():\n    rate = 0.1\n    while True:\n        rate *= 0.9\n        yield rate"
NEXT = "optimizer.param_groups[0]['lr'] = next({})"
BOX = (
    "class Box:\n    def __init__(self):\n        self.n = 1\n\n    @{}\n    def tick(self):\n"
    "        self.n += 1\n        return self.n"
)
RATE = "\noptimizer.param_groups[0]['lr'] = 0.1 / {}"


def genome(body: str = "pass", setup: str = "pass", head: str = "", inner: str = "pass") -> str:
    def moved(text: str, width: int) -> str:
        return text.replace("\n", "\n" + " " * width)

    return RECIPE.format(head=head, inner=moved(inner, 16), setup=moved(setup, 4), body=moved(body, 8)).lstrip()


CASES = {
    "a lambda that map calls": genome("list(map(lambda p: p.grad.mul_(2), params))"),
    "a method that map calls": genome("list(map(torch.Tensor.zero_, [p.grad for p in params]))"),
    "a function that sorted calls": genome("sorted(params, key=bump)", head=BUMP),
    "a function that max calls": genome("best = max(params, key=bump)", head=BUMP),
    "a function that starmap calls": genome("list(itertools.starmap(lambda p: p.grad.mul_(2), zip(params)))"),
    "a function that a list's sort calls": genome("order.sort(key=bump)", "order = list(params)", BUMP),
    "a property made of a method": genome(
        "x = box.rate" + RATE.format("box.n"),
        "box = Box()",
        BOX.replace("    @{}\n", "") + "\n\n    rate = property(tick)",
    ),
    "a property that reads another object's of its name": genome(
        "x = box.tick" + RATE.format("box.n"),
        "box = Box()",
        "class Box:\n    def __init__(self):\n        self.n = 1\n\n    @property\n    def tick(self):\n"
        "        self.n += 1\n        return self.inner.tick if self.n > 99 else self.n",
    ),
    "what is unpacked": genome("first, *rest = map(lambda p: p.grad.mul_(2), params)"),
    "a generator of the genome's own": genome(
        "list(itertools.islice(g, 1))\n" + NEXT.format("g"), "g = ticks()", TICKS
    ),
    "a loop over a generator": genome(
        "for each in itertools.islice(g, 1):\n    pass\n" + NEXT.format("g"), "g = ticks()", TICKS
    ),
    "an iterator in a dict": genome(
        "x = list(itertools.islice(box['it'], 2))\n" + NEXT.format("box['it']"),
        "box = {'it': iter([0.1 * 0.9**i for i in range(99)])}",
    ),
    "an iterator in an attribute": genome(
        "x = list(itertools.islice(box.it, 2))\n" + NEXT.format("box.it"),
        "box = Box()\nbox.it = iter([0.1 * 0.9**i for i in range(99)])",
        "class Box:\n    pass",
    ),
    "a counter of itertools": genome(
        "list(itertools.islice(it, 2))" + RATE.format("(1 + next(it))"), "it = itertools.count()"
    ),
    "a property": genome("box.tick" + RATE.format("box.n"), "box = Box()", BOX.format("property")),
    "a property by name": genome(
        "x = getattr(box, 'tick')" + RATE.format("box.n"), "box = Box()", BOX.format("property")
    ),
    "a cached property": genome(
        "x = box.tick" + RATE.format("box.n"), "box = Box()", BOX.format("functools.cached_property")
    ),
    "a dict that fills when it is asked": genome(
        "x = cache[step]" + RATE.format("(1 + len(cache))"), "cache = collections.defaultdict(list)"
    ),
    "what such a dict calls": genome(
        "x = cache[step]" + RATE.format("sum(seen)"),
        "seen = [1]\ncache = collections.defaultdict(lambda: seen.append(1))",
    ),
    "whole numbers that stay what they are": genome(
        "count.long().add_(1)" + RATE.format("count.item()"), "count = torch.ones((), dtype=torch.long)"
    ),
    "the memory of a tensor": genome("params[0].grad.untyped_storage().fill_(0)"),
    "a member of a dict": genome("d = {'m': params[0].grad}\nd.get('m').mul_(2.0)"),
    "a copy that shares memory": genome(
        "b = copy.copy(a)\nb.add_(1)\nparams[0].grad.mul_(a.sum())", "a = torch.ones(2)"
    ),
    "a class's body": genome("class A:\n    params[0].grad.mul_(2)"),
    "an attribute of a class": genome("class A:\n    x = params[0].grad.mul_(2)"),
    "a default": genome("def f(x=params[0].grad.mul_(2)):\n    return x"),
    "a default of a lambda": genome("f = lambda x=params[0].grad.mul_(2): x"),
    "an exception": genome(
        inner="try:\n    buf = state['buf']\nexcept KeyError:\n    state['buf'] = 1\n    p.mul_(0.5)"
    ),
    "an exception in a branch": genome(
        inner="try:\n    if True:\n        b = state['n']\nexcept KeyError:\n    state['n'] = 1\n    p.mul_(0.5)"
    ),
    "an exception that is suppressed": genome(
        inner="with contextlib.suppress(KeyError):\n    x = state['n']\n    p.mul_(0.5)\nstate['n'] = 1"
    ),
    "a walk through a state": genome(
        inner="state['a'] = p.grad.clone()\nfor k in self.state[p]:\n    p.add_(self.state[p][k], alpha=0.1)"
    ),
    "a list of a state's keys": genome(
        inner="state['a'] = p.grad.clone()\nfor k in list(state):\n    p.add_(state[k], alpha=0.1)"
    ),
    "a state in an attribute": genome(
        inner="state['a'] = p.grad.clone()\nself.st = state\nfor k in self.st:\n    p.add_(self.st[k], alpha=0.1)"
    ),
    "a state in a list": genome(
        inner="state['a'] = p.grad.clone()\nfor s in [state]:\n    for k in s:\n        p.add_(s[k], alpha=0.1)"
    ),
    "a function that asks whether a state is empty": genome(
        inner="if is_new(state):\n    p.mul_(0.5)\nstate['a'] = 1", head="def is_new(s):\n    return len(s) == 0"
    ),
    "one times whole numbers": genome("u = (t * 1.0).mean()" + RATE.format("(1 + u.item())"), "t = torch.arange(3)"),
    "one times flags": genome(
        "a, b = params[1].grad.gt(0), params[1].grad.lt(0.1)\nu = ((a * 1) + b).float().norm()"
        + RATE.format("(1 + u.item())")
    ),
    "a key made of a number": genome(
        "group[str(7)] = step" + RATE.format("(1 + group['7'])"), "group = {'7': 0}"
    ),
    "a key that is a part of a text": genome(
        "for k in 'ab':\n    group[k] = step" + RATE.format("(1 + group['a'])"), "group = dict(a=0, b=0)"
    ),
    "an attribute of a number": genome("params[0].grad.mul_(same(3).real)", head="def same(x):\n    return x"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_training_stays_the_same(name):
    source = CASES[name]
    whole = steps(source)
    found = {pruned(source), whole[-1].source if whole else source}
    assert {trajectory(each) for each in found} == {trajectory(source)}


def test_settings_of_torch_stay():
    source = genome(head="torch.backends.cuda.matmul.allow_tf32 = True")
    assert "torch.backends.cuda.matmul.allow_tf32 = True" in steps(source)[-1].source

from __future__ import annotations

import random
import textwrap

import pytest
from renaming import renamed

from evolve.genomes import shipped
from evolve.operators import OPERATORS
from evolve.operators.base import NoVariationError
from population.form import form
from population.genome import digest

SEEDS = {genome.name: genome.source for genome in shipped()}


def recipe(*lines: str) -> str:
    return textwrap.indent("\n".join(["def recipe(model, train_steps):", *lines]), "    ")[4:] + "\n"


SAME = {
    "a local": (recipe("a = 1", "return a"), recipe("b = 1", "return b")),
    "a function and its parameter": (
        "def f(x):\n    return x\n" + recipe("return f(1)"),
        "def g(y):\n    return y\n" + recipe("return g(1)"),
    ),
    "a class": (
        "class A:\n    def step(self): return 1\nrecipe = A\n",
        "class B:\n    def step(this): return 1\nrecipe = B\n",
    ),
    "a constant written where it is used": ("LR = -0.5\n" + recipe("return LR"), recipe("return -0.5")),
    "a closure's variable": (
        recipe("n = [0]", "def f(step):", "    n[0] = step", "return f"),
        recipe("k = [0]", "def g(s):", "    k[0] = s", "return g"),
    ),
    "a comprehension's variable": (
        recipe("p = 1", "return [p for p in model if p]"),
        recipe("p = 1", "return [q for q in model if q]"),
    ),
    "a lambda's parameter": (recipe("return lambda s: s"), recipe("return lambda t: t")),
}

DIFFERENT = {
    "which variable is used": (
        "def recipe(model, train_steps):\n    a = 1\n    b = 2\n    return a\n",
        "def recipe(model, train_steps):\n    a = 1\n    b = 2\n    return b\n",
    ),
    "the value of a constant": (
        "LR = 1\ndef recipe(model, train_steps):\n    return LR\n",
        "LR = 2\ndef recipe(model, train_steps):\n    return LR\n",
    ),
    "a constant that is bound again": (
        "LR = 1\nLR = 2\ndef recipe(model, train_steps):\n    return LR\n",
        "def recipe(model, train_steps):\n    return 1\n",
    ),
    "a constant that a function may change": (
        "LR = 1\ndef f():\n    global LR\n    LR = 3\ndef recipe(model, train_steps):\n    f()\n    return LR\n",
        "def f():\n    global LR\n    LR = 3\ndef recipe(model, train_steps):\n    f()\n    return 1\n",
    ),
    "a parameter that is passed by keyword": (
        "def f(x, y): return x - y\ndef recipe(model, train_steps):\n    return f(x=1, y=2)\n",
        "def f(y, x): return y - x\ndef recipe(model, train_steps):\n    return f(x=1, y=2)\n",
    ),
    "an attribute": (
        "def recipe(model, train_steps):\n    return model.a\n",
        "def recipe(model, train_steps):\n    return model.b\n",
    ),
    "a key": (
        "def recipe(model, train_steps):\n    return model['a']\n",
        "def recipe(model, train_steps):\n    return model['b']\n",
    ),
    "a builtin and a variable": (
        "def recipe(model, train_steps):\n    return max(1, 2)\n",
        "def recipe(model, train_steps):\n    min = max\n    return min(1, 2)\n",
    ),
    "a shadowed constant": (
        "A = 1\ndef recipe(model, train_steps):\n    return A\n",
        "A = 1\ndef recipe(model, train_steps):\n    A = model\n    return A\n",
    ),
    "what a class sees": (
        "x = 1\nx = 2\nclass C:\n    x = 3\n    def f(self): return x\nrecipe = C\n",
        "y = 1\ny = 2\nclass C:\n    x = 3\n    def f(self): return self.x\nrecipe = C\n",
    ),
    "what a class takes from outside": (
        "LR = 0.1\nclass Opt:\n    LR = LR\nrecipe = Opt\n",
        "LR = 0.9\nclass Opt:\n    LR = LR\nrecipe = Opt\n",
    ),
    "what a class body makes of two names": (
        "f = dict\na = f(x=1)\nb = f(x=2)\nclass C:\n    a = a\nrecipe = C\n",
        "f = dict\nb = f(x=1)\na = f(x=2)\nclass C:\n    a = a\nrecipe = C\n",
    ),
    "a default inside a class": (
        "beta = 0.1\nclass C:\n    beta = 0.5\n    def __init__(self, beta=beta): self.x = beta\nrecipe = C\n",
        "beta = 0.2\nclass C:\n    beta = 0.5\n    def __init__(self, beta=beta): self.x = beta\nrecipe = C\n",
    ),
    "a constant before and after an import of its name": (
        "pi = 3\nfrom math import pi\n" + recipe("return pi"),
        "from math import pi\npi = 3\n" + recipe("return pi"),
    ),
    "which global is meant": (
        "a = [1]\nb = [2]\n" + recipe("a = b = 3", "def f():", "    global a", "    return a", "return f"),
        "b = [1]\na = [2]\n" + recipe("a = b = 3", "def f():", "    global a", "    return a", "return f"),
    ),
    "which builtin is used before it is shadowed": (
        "y = max(1, 2)\nmax = 3 * y\nrecipe = max\n",
        "y = min(1, 2)\nmin = 3 * y\nrecipe = min\n",
    ),
    "parameters that a dict fills": (
        "def up(eps, decay): return eps - decay\n" + recipe("return up(**model)"),
        "def up(decay, eps): return decay - eps\n" + recipe("return up(**model)"),
    ),
    "a constant that comes too late": (
        "def f(x=LR): return x\nLR = 0.1\n" + recipe("return f()"),
        "LR = 0.1\ndef f(x=LR): return x\n" + recipe("return f()"),
    ),
    "an annotation": (
        "def f(x: Tensor): return x\n" + recipe("return f(1)"),
        "def f(x): return x\n" + recipe("return f(1)"),
    ),
    "which variable is which": (
        recipe("a, b = 1, 2", "def f(b):", "    return a - b", "return f(b)"),
        recipe("a, b = 1, 2", "def f(a):", "    return a - b", "return f(b)"),
    ),
    "a captured name": (
        "def recipe(model, y):\n    z = y\n    match model:\n        case x: return x\n",
        "def recipe(model, y):\n    z = y\n    match model:\n        case x: return z\n",
    ),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_what_does_not_count(one: str, other: str) -> None:
    assert digest(one) != digest(other)
    assert form(one) == form(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_counts(one: str, other: str) -> None:
    assert form(one) != form(other)


@pytest.mark.parametrize("name", SEEDS)
def test_a_seed_program_with_other_names_keeps_its_form(name: str) -> None:
    other = renamed(SEEDS[name], random.Random(name))
    assert digest(other) != digest(SEEDS[name])
    assert form(other) == form(SEEDS[name])


@pytest.mark.parametrize("operator", ["perturb", "ablate", "crossover"])
def test_children_have_forms_of_their_own(operator: str) -> None:
    forms: dict[str, str] = {form(source): digest(source) for source in SEEDS.values()}
    assert len(forms) == len(SEEDS)
    for index, name in enumerate(sorted(SEEDS)):
        rng = random.Random(index)
        parents = [SEEDS[name], SEEDS[rng.choice(sorted(set(SEEDS) - {name}))]]
        try:
            child = OPERATORS[operator].vary(parents, rng, ())
        except NoVariationError:
            continue
        assert forms.setdefault(form(child.source), digest(child.source)) == digest(child.source)

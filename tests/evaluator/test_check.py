from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_genomes import ADAMW, SGD

from evaluator.allowed import MAX_SOURCE_BYTES
from evaluator.check import Rejected, check

GOOD = "def recipe(model, train_steps):\n    pass\n"

BAD = [
    ("x = 1", "recipe", "must define"),
    ("recipe = 1", "recipe", "must define"),
    ("class A:\n    def recipe(self, model, train_steps): pass", "recipe", "must define"),
    ("def recipe(model): pass", "recipe", "must have the signature"),
    ("def recipe(model, train_steps, info): pass", "recipe", "keyword-only"),
    ("def recipe(model, train_steps, other): pass", "recipe", "must have the signature"),
    ("def recipe(model, train_steps, *, other): pass", "recipe", "must have the signature"),
    ("def recipe(model, train_steps):\n    model(1)", "no-forward", "line 2: model(...) cannot be called"),
    ("def recipe(", "parses", "valid Python"),
    ("return 1", "parses", "outside function"),
    ("\0", "parses", "null byte"),
    ("(" * 3000, "parses", "too many nested"),
    (GOOD + "x = " + "-" * 5000 + "1", "parses", "nested too deeply"),
    (GOOD + "x = " + "+".join("1" * 30_000), "parses", "nested too deeply"),
    (GOOD + "#" * MAX_SOURCE_BYTES, "size", f"may have {MAX_SOURCE_BYTES} bytes"),
    (GOOD + "import os", "imports", "line 3: os may not be imported; allowed are __future__, collections"),
    (GOOD + "import numpy as np", "imports", "numpy may not be imported"),
    (GOOD + "from torch.utils.data import DataLoader", "imports", "torch.utils.data may not be imported"),
    (GOOD + "from . import x", "imports", "no relative imports"),
    (GOOD + "from math import *", "imports", "name what you need"),
    (GOOD + "from torch import multiprocessing", "imports", "torch.multiprocessing"),
    (GOOD + "from torch import load", "imports", "torch.load"),
    (GOOD + "import heavyball", "imports", "write the optimizer out"),
    (GOOD + "from pytorch_optimizer import SOAP", "imports", "write the optimizer out"),
    (GOOD + "open('x')", "names", "no files"),
    (GOOD + "f = eval", "names", "code from text"),
    (GOOD + "__builtins__", "dunders", "__builtins__"),
    (GOOD + "().__class__.__bases__", "dunders", "__"),
    (GOOD + "def __getattr__(name): pass", "dunders", "__getattr__"),
    (GOOD + "import torch\ntorch.load('x')", "attributes", "torch.load"),
    (GOOD + "import torch\ntorch.os.system('x')", "attributes", ".os"),
    (GOOD + "import dataclasses\ndataclasses.sys", "attributes", ".sys"),
    (GOOD + "import torch.distributed as dist\ndist.rpc.x", "attributes", "dist.rpc"),
    (GOOD + "import torch\ntorch.Tensor.from_file", "attributes", ".from_file"),
    (GOOD + "import torch\ntorch.set_num_threads(4)", "attributes", "one thread"),
    (GOOD + "x.register_hook(print)", "attributes", "after_backward(step)"),
    (GOOD + "(lambda: 0).f_globals", "attributes", "interpreter"),
    (GOOD + "getattr(x, 'a' + 'b')", "computed-names", 'getattr(x, "name")'),
    (GOOD + "getattr(x, '__class__')", "dunders", "__class__"),
    (GOOD + "'{0.__class__}'.format(1)", "attributes", "format string"),
]


@pytest.mark.parametrize(("source", "rule", "said"), BAD)
def test_a_bad_source_is_told_its_rule_and_line(source: str, rule: str, said: str) -> None:
    with pytest.raises(Rejected) as caught:
        check(source)
    assert caught.value.rule == rule
    assert said in str(caught.value)


def test_the_first_violation_in_the_text_is_told() -> None:
    with pytest.raises(Rejected, match="line 3: math2"):
        check(GOOD + "import math2\nimport os\n")


@pytest.mark.parametrize(
    "more",
    [
        "import torch, math\nfrom torch import nn, Tensor\nimport torch.nn.functional as F\n",
        "from collections import defaultdict\nfrom contextlib import contextmanager\n",
        "import torch.distributed as dist\ndist.all_reduce(1)\n",
        "class O:\n    def __init__(self): super().__init__()\n    def __setstate__(self, s): pass\n",
        "hasattr(1, 'momentum') and getattr(1, 'real', None)\n",
        "signal = 1\nclass A: types = 2\nA.types\nA().package\n",
        "import torch\n@torch.compile(fullgraph=True)\ndef f(x): return x\n",
        "x = 'a {curly} brace, a __dunder__ and both: {0} __x__'\n",
    ],
)
def test_what_sources_need_is_allowed(more: str) -> None:
    check(GOOD + more)


def test_info_may_be_asked_for() -> None:
    check("def recipe(model, train_steps, *, info): pass")
    check("def recipe(model, train_steps, extra=1, *, info=None, other=2): pass")


@pytest.mark.parametrize("source", [SGD, ADAMW])
def test_the_tests_own_genomes_pass(source: str) -> None:
    check(source)


SEED_PROGRAMS = Path(__file__).parents[2] / "seed_programs"


@pytest.mark.parametrize("path", sorted(SEED_PROGRAMS.glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_seed_programs_pass(path: Path) -> None:
    check(path.read_text())


@given(st.text(max_size=300))
def test_any_text_is_accepted_or_rejected_never_worse(text: str) -> None:
    with suppress(Rejected):
        check(text)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("c = contextlib\nc.os.system", "attributes"),
        ("(lambda: contextlib)().os", "attributes"),
        ("torch.nn.init.torch.load", "attributes"),
        ("g = getattr", "computed-names"),
        ("functools.reduce(getattr, ['a'], 1)", "computed-names"),
        ("match torch:\n    case object(__dict__=d): pass", "dunders"),
        ("match torch:\n    case object(os=d): pass", "attributes"),
        ("'{0._' 'x'\ns = '{0._'\ns.format(torch)", "attributes"),
        ("torch.zeros.__doc__", "dunders"),
        (f"x = [{'1, ' * 70}]", "literals"),
        (f"x = '{'a' * 400}'", "literals"),
        (f"x = {2**70}", "literals"),
        ("math" + ".a" * 4000, "parses"),
    ],
)
def test_other_names_for_what_is_forbidden_and_data_in_disguise_are_seen(line: str, rule: str) -> None:
    source = f"import contextlib, functools, math, torch\n{line}\ndef recipe(model, train_steps): pass\n"
    with pytest.raises(Rejected) as caught:
        check(source)
    assert caught.value.rule == rule


def test_docstrings_may_be_long() -> None:
    check(f'"""{"word " * 500}"""\n' + 'def recipe(model, train_steps):\n    """' + "word " * 200 + '"""\n')


def test_a_genome_may_say_for_how_many_steps_it_is_written() -> None:
    from evaluator.check import iso_steps

    assert iso_steps("def recipe(model, train_steps: Literal[2900]):\n    pass\n") == 2900
    assert iso_steps("def recipe(model, train_steps: int):\n    pass\n") is None
    assert iso_steps("def recipe(model, train_steps):\n    pass\n") is None

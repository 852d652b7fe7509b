"""What only `evolve prune` removes: idle arithmetic, trivial wrappers, branches for steps that no run has."""

from __future__ import annotations

import ast
import operator
from pathlib import Path
from textwrap import dedent

import pytest
from barnacles import BARNACLES, PROVEN
from dry_run import trajectory
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evolve.operators.prune import pruned, steps
from evolve.operators.pruning.ranges import Ranges
from evolve.operators.pruning.reading import Reading
from population.genome import digest

PROGRAMS = {p.stem: p.read_text() for p in sorted(Path(__file__).parents[3].glob("seed_programs/[a-z]*.py"))}
NEW = sorted(set(PROVEN) - set(BARNACLES))

HEAD = """
import torch

{head}


def recipe(model, train_steps):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)

    def set_hparams(step):
        {body}

    return dict(optimizers=[optimizer], set_hparams=set_hparams)
"""


def cleaned(source: str) -> str:
    found = steps(source)
    return found[-1].source if found else source


def genome(body: str, head: str = "ONE = 1.0\nNONE = 0.0") -> str:
    return dedent(HEAD).lstrip().format(body=body.replace("\n", "\n        "), head=head)


def check(before: str, after: str, head: str = "ONE = 1.0\nNONE = 0.0") -> None:
    """The body of `set_hparams`, before and after."""
    assert digest(cleaned(genome(before, head))) == digest(genome(after, ""))
    assert f"        {after.splitlines()[-1].strip()}\n" in cleaned(genome(before, head))


def unchanged(body: str, head: str) -> None:
    assert cleaned(genome(body, head)) == genome(body, head)


@pytest.mark.parametrize("barnacle", NEW)
def test_every_kind_goes_and_nothing_else(barnacle):
    for name in ("adamw", "muon", "soap"):
        grown = PROVEN[barnacle](PROGRAMS[name], 7)
        assert grown != PROGRAMS[name]
        assert cleaned(grown) == cleaned(PROGRAMS[name])


@pytest.mark.parametrize("barnacle", NEW)
def test_it_did_not_show(barnacle):
    assert trajectory(PROVEN[barnacle](PROGRAMS["adamw"], 0)) == trajectory(PROGRAMS["adamw"])


def test_the_search_leaves_hyperparameters_that_are_idle_now():
    grown = PROVEN["idle_factor"](PROGRAMS["adamw"], 0)
    assert pruned(grown) == grown
    assert cleaned(grown) == PROGRAMS["adamw"]


def test_each_step_is_one_removal_and_can_be_left_out():
    grown = PROVEN["wrapper"](PROVEN["idle_factor"](PROGRAMS["adamw"], 1), 0)
    found = steps(grown)
    assert {step.kind for step in found} == {"neutral", "inlined", "unused"}
    idle = next(step for step in found if step.kind == "neutral")
    kept = steps(grown, [idle.key])[-1].source
    assert "LR_SCALE_1" in kept
    assert "rate_0" not in kept


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("optimizer.param_groups[0]['lr'] = 0.5 * step * ONE", "optimizer.param_groups[0]['lr'] = 0.5 * step"),
        ("optimizer.param_groups[0]['lr'] = 0.5 / step + NONE", "optimizer.param_groups[0]['lr'] = 0.5 / step"),
        ("x = model.embed.weight.grad.clone()\nx.mul_(1 - step * NONE)\nx.zero_()\nmodel.embed.weight.add_(x)",
         "x = model.embed.weight.grad.clone()\nx.zero_()\nmodel.embed.weight.add_(x)"),
        ("model.embed.weight.add_(model.embed.weight.grad.sign().mul_(ONE), alpha=0.1)",
         "model.embed.weight.add_(model.embed.weight.grad.sign(), alpha=0.1)"),
        ("for _ in range(3 - 2):\n    model.embed.weight.mul_(0.5)", "model.embed.weight.mul_(0.5)"),
    ],
)  # fmt: skip
def test_arithmetic_that_changes_nothing_goes(before, after):
    check(before, after)


@pytest.mark.parametrize(
    ("body", "head"),
    [
        ("kept = model.embed.weight.grad * ONE\nmodel.embed.weight.grad.zero_()\nmodel.embed.weight.add_(kept)",
         "ONE = 1.0"),  # a copy
        ("model.embed.weight.add_(torch.randn(3), alpha=NONE)", "NONE = 0.0"),  # a draw
        ("model.embed.weight.mul_(ONE)", "ONE = 1.5"),
        ("model.embed.weight.add_(step > 3 * (ONE + 0))", "ONE = 2"),
    ],
)  # fmt: skip
def test_arithmetic_that_may_change_something_stays(body, head):
    found = cleaned(genome(body, head))
    assert body.split("\n")[0].split("(")[0].strip() in found


def test_a_wrapper_is_inlined_wherever_it_is_called():
    head = "def inner(x, n):\n    return x.mul_(n).clamp_(-n, n)\n\n\ndef outer(x):\n    return inner(x, 3)"
    found = cleaned(genome("model.embed.weight.add_(outer(model.embed.weight.grad))", head))
    assert "outer" not in found
    assert "model.embed.weight.add_(inner(model.embed.weight.grad, 3))" in found


@pytest.mark.parametrize(
    "head",
    [
        "def outer(x):\n    return outer(x)",
        "def inner(x):\n    return outer(x)\n\n\ndef outer(x):\n    return inner(x)",
        "def outer(x):\n    return torch.stack([x, x])",
        "@torch.no_grad()\ndef outer(x):\n    return x.mul_(2)",
        "def outer(*x):\n    return torch.add(*x)",
    ],
)
def test_what_is_no_trivial_wrapper_stays(head):
    assert "outer(" in cleaned(genome("model.proj.bias.add_(outer(model.embed.weight))", head)).partition("recipe")[2]


def test_an_argument_that_draws_or_hides_a_name_is_not_moved():
    head = "def inner(x):\n    return x.square().sum()\n\n\ndef outer(x):\n    return inner(x)"
    draws = "model.proj.bias.add_(outer(torch.randn(3)))"
    assert "outer(torch.randn(3))" in cleaned(genome(draws, head))
    hides = "inner = model.proj.bias\ninner.add_(outer(model.embed.weight))"
    assert "outer(model.embed.weight)" in cleaned(genome(hides, head))


def test_branches_for_steps_that_no_run_has_go():
    for test in ("step < 0", "step >= train_steps", "step / train_steps > 1", "train_steps < 1", "2 * step < -1"):
        check(
            f"if {test}:\n    model.embed.weight.zero_()\nmodel.embed.weight.mul_(0.5)", "model.embed.weight.mul_(0.5)"
        )


@pytest.mark.parametrize(
    "test", ["step > 100000", "step >= train_steps - 1", "step / train_steps > 0.9", "step == 0", "train_steps > 1"]
)
def test_branches_that_some_run_reaches_stay(test):
    unchanged(f"if {test}:\n    model.embed.weight.zero_()\nmodel.embed.weight.mul_(0.5)", "")


def test_validation_comes_once_more_than_steps():
    source = genome("model.embed.weight.mul_(0.5)", "import contextlib").replace(
        "set_hparams=set_hparams)", "set_hparams=set_hparams, eval_weights=eval_weights)"
    )
    hook = (
        "    @contextlib.contextmanager\n    def eval_weights(step):\n        if step >= train_steps:\n"
        "            model.embed.weight.mul_(2)\n        yield\n\n"
    )
    source = source.replace("    return dict", hook + "    return dict")
    assert "step >= train_steps" in cleaned(source)
    assert "step > train_steps" not in cleaned(source.replace("step >=", "step >"))


def test_a_step_that_others_may_give_is_not_bounded():
    source = genome("if step < 0:\n    model.embed.weight.zero_()\nmodel.embed.weight.mul_(0.5)", "").replace(
        "    return dict", "    set_hparams(-1)\n    return dict"
    )
    assert "step < 0" in cleaned(source)


@pytest.mark.parametrize(
    "body",
    [
        "if dict(model.named_parameters()).get('embed.weight') is None:\n    model.proj.bias.zero_()",
        "if torch.initial_seed() and model.spare.get('flag', False):\n    model.proj.bias.zero_()",
    ],
)
def test_dicts_that_are_no_groups_may_hold_anything(body):
    assert "get(" in cleaned(genome(body, ""))


def test_a_flag_that_comes_through_keyword_arguments_is_kept():
    head = (
        "class Own(torch.optim.Optimizer):\n    def __init__(self, params, **rest):\n"
        "        super().__init__(params, rest)\n\n    def step(self):\n        for group in self.param_groups:\n"
        "            if group.get('bold', False):\n                group['params'][0].mul_(2)"
    )
    source = genome("pass", head).replace("torch.optim.SGD(model.parameters(), lr=0.1)", "Own([model.a], bold=True)")
    assert "bold" in cleaned(source)
    assert "mul_(2)" in cleaned(source)


OPS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne}
COEFFICIENT = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, 0.9, 1.0, 1.1, 2.0, 0.1]))


@settings(max_examples=300, deadline=None)
@example(a=-1, b=0.9, c=0, d=0.9, op="<=", divided=True)
@given(
    a=COEFFICIENT,
    b=COEFFICIENT,
    c=COEFFICIENT,
    d=COEFFICIENT,
    op=st.sampled_from(sorted(OPS)),
    divided=st.booleans(),
)
def test_whatever_is_decided_holds_at_every_step_of_every_run(a, b, c, d, op, divided):
    left = f"({a} * step + {b} * train_steps + {c})" + (" / train_steps" if divided else "")
    reading = Reading(genome(f"if {left} {op} {d}:\n    model.embed.weight.zero_()", ""))
    test = next(node for node in reading.nodes if isinstance(node, ast.Compare))
    decided = Ranges(reading).decides(test)
    if decided is not None:
        code = compile(f"{left} {op} {d}", "test", "eval")
        for train_steps in (1, 2, 3, 10, 37, 1000):
            for step in {0, 1, train_steps // 2, train_steps - 2, train_steps - 1} & set(range(train_steps)):
                assert eval(code, {"step": step, "train_steps": train_steps}) is decided

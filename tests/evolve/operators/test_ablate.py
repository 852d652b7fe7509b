from __future__ import annotations

import random
from collections import Counter
from functools import cache
from pathlib import Path
from textwrap import dedent

import pytest
from dry_run import trajectory

from evolve.operators.ablate import Ablate, Ablation, ablated, ablations, choose
from evolve.operators.base import NoVariationError
from evolve.operators.prune import pruned
from evolve.operators.pruning.text import Text
from population.genome import digest

PROGRAMS = {p.stem: p.read_text() for p in sorted(Path(__file__).parents[3].glob("seed_programs/[a-z]*.py"))}


@cache
def found_in(name: str) -> tuple[Ablation, ...]:
    return ablations(PROGRAMS[name])


def without(source: str, name: str) -> str:
    """The genome without the part of this name."""
    parts = {ablation.name: ablation for ablation in ablations(source)}
    assert name in parts, "\n".join(parts)
    return ablated(source, parts[name])


@pytest.mark.parametrize("name", PROGRAMS)
def test_names_are_unique_and_say_where_the_part_is(name: str) -> None:
    found = found_in(name)
    assert len({ablation.name for ablation in found}) == len(found) >= 20
    assert all(ablation.name.startswith(f"{ablation.component}: ") for ablation in found)
    assert all(ablation.note.startswith(f"{ablation.component}: without ") for ablation in found)
    assert not any("\n" in ablation.note for ablation in found)


@pytest.mark.parametrize("name", PROGRAMS)
def test_names_survive_edits_elsewhere(name: str) -> None:
    moved = PROGRAMS[name].replace("import torch\n", "import torch\n\n# One more line.\n", 1)
    assert [ablation.name for ablation in ablations(moved)] == [ablation.name for ablation in found_in(name)]


@pytest.mark.parametrize("name", PROGRAMS)
def test_children_run_and_nearly_all_go_another_way(name: str) -> None:
    rng = random.Random(name)
    parent, others = trajectory(PROGRAMS[name]), 0
    sample = rng.sample(found_in(name), 8)
    for ablation in sample:
        child = ablated(PROGRAMS[name], ablation)
        assert digest(child) != digest(PROGRAMS[name])
        assert pruned(child) == child
        others += trajectory(child) != parent  # a child that cannot run raises here
    assert others >= 5  # what lowers the rates of longer runs does not show in short ones


@pytest.mark.parametrize("name", PROGRAMS)
def test_cleaning_up_after_a_cut_leaves_every_bit_of_the_trajectory(name: str) -> None:
    for ablation in random.Random(name).sample(found_in(name), 4):
        raw = Text(PROGRAMS[name]).edited(ablation.edits)
        child = ablated(PROGRAMS[name], ablation)
        assert child == raw or trajectory(child, steps=3) == trajectory(raw, steps=3), ablation.name


def test_kinds_are_balanced() -> None:
    rng, found = random.Random(0), found_in("muon")
    counts = Counter(ablation.kind for ablation in found)
    assert max(counts.values()) > 3 * min(counts.values())
    drawn = Counter(choose(found, rng).kind for _ in range(400 * len(counts)))
    assert all(320 < drawn[kind] < 480 for kind in counts)


def test_chance_comes_from_the_argument_alone() -> None:
    children = [Ablate().vary([PROGRAMS["soap"]], random.Random(5), []) for _ in range(2)]
    assert children[0] == children[1]


def test_dead_code_is_no_part() -> None:
    source = PROGRAMS["lion"].replace("def recipe(", "def dead(x):\n    return 0.5 * x + x\n\n\ndef recipe(", 1)
    for rng_seed in range(8):
        child = Ablate().vary([source], random.Random(rng_seed), [])
        assert child.component != "dead"
        assert "def dead" not in child.source


def test_a_genome_without_parts_is_said_to_have_none() -> None:
    source = "import torch\n\n\ndef recipe(model, train_steps):\n    return dict(optimizers=[])\n"
    with pytest.raises(NoVariationError, match="no part of this genome can go"):
        Ablate().vary([source], random.Random(0), [])


QUOTIENT = "0.1 * m / (v.sqrt() + group['eps'])"

STEP = """
import torch


class Rule(torch.optim.Optimizer):
    def __init__(self, params, *, beta, decay, eps):
        super().__init__(params, dict(lr=0.1, beta=beta, decay=decay, eps=eps))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state.update(m=torch.zeros_like(p), v=torch.zeros_like(p), t=0)
                state["t"] += 1
                m = state["m"].lerp_(p.grad, 1 - group["beta"])
                v = state["v"].lerp_(p.grad.square(), 0.1)
                update = m.sign() + 0.1 * m / (v.sqrt() + group["eps"])
                if p.ndim >= 2:
                    p.mul_(1 - group["lr"] * group["decay"])
                p.add_(update, alpha=-group["lr"] * warm(state["t"]))


def warm(t):
    return min(1.0, t / 10)


BETA = 0.9
DECAY = 0.1


def recipe(model, train_steps):
    optimizer = Rule(model.parameters(), beta=BETA, decay=DECAY, eps=1e-8)

    def after_step(step):
        model.embed.weight.clamp_(-1, 1)

    return dict(optimizers=[optimizer], after_step=after_step)
""".lstrip()


def test_the_parts_of_a_rule() -> None:
    assert [f"{ablation.kind} | {ablation.name}" for ablation in ablations(STEP)] == [
        "statement | Rule.step: `if p.ndim >= 2: p.mul_(1 - group['lr'] * group['decay'])`",
        "statement | recipe.after_step: `model.embed.weight.clamp_(-1, 1)`",
        "term | Rule.step: term `group['beta']` of `1 - group['beta']`",
        f"term | Rule.step: term `{QUOTIENT}` of `m.sign() + {QUOTIENT}`",
        f"term | Rule.step: term `m.sign()` of `m.sign() + {QUOTIENT}`",
        "factor | Rule.step: factor `0.1` of `0.1 * m`",
        "factor | Rule.step: factor `group['decay']` of `group['lr'] * group['decay']`",
        "factor | Rule.step: factor `warm(state['t'])` of `-group['lr'] * warm(state['t'])`",
        "divisor | warm: divisor `10` of `t / 10`",
        "memory | Rule.step: memory of `state['m'].lerp_(p.grad, 1 - group['beta'])`",
        "bound | Rule.step: `.sign(...)` of `m.sign()`",
        "bound | warm: bound `1.0` of `min(1.0, t / 10)`",
        "bound | warm: bound `t / 10` of `min(1.0, t / 10)`",
        "branch | Rule.step: condition `p.ndim >= 2`, taken as true",
        "hook | recipe.after_step: hook `after_step`",
        "hyperparameter | BETA: `BETA`, now 0.0",
        "hyperparameter | DECAY: `DECAY`, now 0.0",
    ]


def check(name: str, *changes: tuple[str, str]) -> None:
    """The rule without a part, against the rule's text with these changes."""
    expected = STEP
    for old, new in changes:
        assert old in expected, old
        expected = expected.replace(old, new, 1)
    assert without(STEP, name) == expected


DECAY_LINES = """                if p.ndim >= 2:
                    p.mul_(1 - group["lr"] * group["decay"])
"""


def test_weight_decay_goes_with_its_setting() -> None:
    check(
        "Rule.step: `if p.ndim >= 2: p.mul_(1 - group['lr'] * group['decay'])`",
        (DECAY_LINES, ""),
        (", decay, eps", ", eps"),
        (" decay=decay,", ""),
        ("DECAY = 0.1\n", ""),
        (" decay=DECAY,", ""),
    )


def test_momentum_gives_way_to_the_gradient_and_its_state_goes() -> None:
    check(
        "Rule.step: memory of `state['m'].lerp_(p.grad, 1 - group['beta'])`",
        ("""state["m"].lerp_(p.grad, 1 - group["beta"])""", "p.grad"),
        ("m=torch.zeros_like(p), v", "v"),
        ("*, beta, ", "*, "),
        (" beta=beta,", ""),
        ("BETA = 0.9\n", ""),
        (" beta=BETA,", ""),
    )


def test_a_term_goes_with_all_that_fed_it() -> None:
    check(
        f"Rule.step: term `{QUOTIENT}` of `m.sign() + {QUOTIENT}`",
        (""" + 0.1 * m / (v.sqrt() + group["eps"])""", ""),
        ("""                v = state["v"].lerp_(p.grad.square(), 0.1)\n""", ""),
        (", v=torch.zeros_like(p)", ""),
        (", eps):", "):"),
        (", eps=eps)", ")"),
        (", eps=1e-8)", ")"),
    )


def test_a_minus_sign_stays_when_its_factor_does() -> None:
    check(
        "Rule.step: factor `warm(state['t'])` of `-group['lr'] * warm(state['t'])`",
        (""" * warm(state["t"])""", ""),
        ("def warm(t):\n    return min(1.0, t / 10)\n\n\n", ""),
        ("""                state["t"] += 1\n""", ""),
        (", t=0)", ")"),
    )


def test_a_condition_can_be_taken_as_true() -> None:
    check(
        "Rule.step: condition `p.ndim >= 2`, taken as true",
        (DECAY_LINES, """                p.mul_(1 - group["lr"] * group["decay"])\n"""),
    )


def test_a_hook_goes_with_its_function() -> None:
    check(
        "recipe.after_step: hook `after_step`",
        ("\n    def after_step(step):\n        model.embed.weight.clamp_(-1, 1)\n", ""),
        (", after_step=after_step", ""),
    )


def test_groups_merge_into_the_settings_of_either() -> None:
    source = dedent(
        """
        import torch

        FAST = 0.3


        def recipe(model, train_steps):
            groups = [
                dict(params=list(model.blocks.parameters()), lr=0.1),
                dict(params=[model.embed.weight, model.proj.weight], lr=FAST),
            ]
            return dict(optimizers=[torch.optim.SGD(groups)])
        """
    ).lstrip()
    name = (
        "recipe.group([model.embed.weight, model.proj.weight]): settings of its own; "
        "it joins `recipe.group(list(model.blocks.parameters()))`"
    )
    expected = dedent(
        """
        import torch


        def recipe(model, train_steps):
            groups = [
                dict(params=[*list(model.blocks.parameters()), model.embed.weight, model.proj.weight], lr=0.1),
            ]
            return dict(optimizers=[torch.optim.SGD(groups)])
        """
    ).lstrip()
    assert without(source, name) == expected


def names_in(body: str) -> list[str]:
    """The ablations of a step made of these lines, settings apart."""
    lines = "".join(f"                {line}\n" for line in dedent(body).strip().splitlines())
    start, end = STEP.index("                m = "), STEP.index("\n\ndef warm")
    source = STEP[:start] + lines + STEP[end:]
    return [ablation.name for ablation in ablations(source) if ablation.component == "Rule.step"]


def test_what_is_needed_elsewhere_stays() -> None:
    assert (
        names_in(
            """
        state["k"] = p.grad.clone()
        u = state["k"]
        p.add_(u, alpha=-group["lr"])
        """
        )
        == []
    )


def test_what_would_divide_by_zero_or_break_an_iteration_stays() -> None:
    assert names_in(
        """
        x = p.grad / (p.grad.norm() + 1e-7)
        scale = state["t"] / (group["beta"] * 3)
        for _ in range(5):
            x = 1.5 * x - 0.5 * x @ x.mT @ x
        p.add_(x, alpha=-group["lr"] * scale)
        """
    ) == [
        "Rule.step: `for _ in range(5): x = 1.5 * x - 0.5 * x @ x.mT @ x`",
        "Rule.step: divisor `p.grad.norm() + 1e-07` of `p.grad / (p.grad.norm() + 1e-07)`",
        "Rule.step: divisor `group['beta'] * 3` of `state['t'] / (group['beta'] * 3)`",
        "Rule.step: factor `3` of `group['beta'] * 3`",
        "Rule.step: factor `scale` of `-group['lr'] * scale`",
    ]


def test_shape_guards_and_reduced_operands_stay() -> None:
    assert names_in(
        """
        g = p.grad.mT if p.size(0) > p.size(1) else p.grad
        rows = g.norm(dim=-1, keepdim=True)
        u = rows * g
        if p.grad is None:
            continue
        p.add_(u, alpha=-group["lr"])
        """
    ) == ["Rule.step: factor `rows` of `rows * g`"]

from __future__ import annotations

import difflib
import random
from functools import cache
from pathlib import Path
from textwrap import dedent, indent

import pytest
from barnacles import BARNACLES, overgrown
from dry_run import trajectory
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.operators.base import NoVariationError
from evolve.operators.prune import Prune, pruned
from population.genome import GenomeError, digest

PROGRAMS = {p.stem: p.read_text() for p in sorted(Path(__file__).parents[3].glob("seed_programs/[a-z]*.py"))}


@cache
def trajectory_of(name: str) -> str:
    return trajectory(PROGRAMS[name])


def difference(left: str, right: str) -> str:
    return "\n".join(difflib.unified_diff(left.splitlines(), right.splitlines(), lineterm="", n=1))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_seed_program_has_nothing_to_prune(name: str) -> None:
    with pytest.raises(NoVariationError, match="nothing to remove"):
        Prune().vary([PROGRAMS[name]], random.Random(0), [])


@pytest.mark.parametrize("barnacle", BARNACLES)
def test_every_kind_of_barnacle_goes_and_nothing_else(barnacle: str) -> None:
    # Schedule-Free asks whether a state is filled, so nothing that fills states may go there.
    third = "lion" if barnacle == "unread_state" else "schedule_free_adamw"
    for name in ("adamw", "muon", third):
        grown = BARNACLES[barnacle](PROGRAMS[name], 7)
        assert grown != PROGRAMS[name]
        assert difference(PROGRAMS[name], pruned(grown)) == ""


@settings(max_examples=12, deadline=None)
@given(name=st.sampled_from(sorted(PROGRAMS)), rng_seed=st.integers(0, 1000), count=st.integers(1, 8))
def test_an_overgrown_program_comes_back_whatever_grows_on_it(name: str, rng_seed: int, count: int) -> None:
    grown = overgrown(PROGRAMS[name], random.Random(rng_seed), count)
    cleaned = pruned(grown)
    assert digest(cleaned) == digest(PROGRAMS[name]), difference(PROGRAMS[name], cleaned)
    assert pruned(cleaned) == cleaned


@pytest.mark.parametrize("barnacle", BARNACLES)
def test_a_barnacle_does_not_show(barnacle: str) -> None:
    assert trajectory(BARNACLES[barnacle](PROGRAMS["adamw"], 0)) == trajectory_of("adamw")


@pytest.mark.parametrize("name", ["lion", "normuon", "sgd_nesterov", "soap"])
def test_barnacles_and_their_removal_leave_every_bit_of_the_trajectory(name: str) -> None:
    grown = overgrown(PROGRAMS[name], random.Random(len(name)), 10)
    assert trajectory(grown) == trajectory_of(name)
    assert trajectory(pruned(grown)) == trajectory_of(name)


def test_the_note_says_what_went() -> None:
    grown = BARNACLES["unused_functions"](BARNACLES["unread_state"](PROGRAMS["lion"], 0), 1)
    child = Prune().vary([grown], random.Random(0), [])
    assert child.component == "member_0"
    assert child.note == "pruned: without member_0, held_0, ghost_0, odd_1, x and 1 more; nothing else changes"
    assert child.moves == ()


def test_what_is_no_genome_is_refused() -> None:
    with pytest.raises(GenomeError, match="line 1"):
        pruned("def recipe(:\n")


def check(before: str, after: str) -> None:
    """Compare after dedenting; both texts end in the same recipe."""
    assert pruned(dedent(before).lstrip()) == dedent(after).lstrip()


def unchanged(source: str) -> None:
    check(source, source)


def test_comments_go_with_their_statement_and_banners_stay() -> None:
    check(
        """
        import math
        import torch

        ########################################
        #              Optimizer               #
        ########################################

        # How fast nobody goes.
        SPEED = 3

        # How fast we go.
        RATE = 0.1  # per step


        def recipe(model, train_steps):
            # first
            x = 1
            # then
            return dict(optimizers=[torch.optim.SGD(model.parameters(), lr=RATE)])
        """,
        """
        import torch

        ########################################
        #              Optimizer               #
        ########################################

        # How fast we go.
        RATE = 0.1  # per step


        def recipe(model, train_steps):
            # then
            return dict(optimizers=[torch.optim.SGD(model.parameters(), lr=RATE)])
        """,
    )


def test_random_draws_iterators_and_writes_through_aliases_are_kept() -> None:
    unchanged(
        """
        import torch


        def recipe(model, train_steps):
            noise = torch.randn(3)
            params = model.parameters()
            total = sum(p.numel() for p in params)
            first = model.embed.weight
            first.mul_(0.5)
            rest = [model.proj.weight]
            for p in rest:
                p.zero_()
            return dict(optimizers=[torch.optim.SGD(params, lr=0.1)])
        """
    )


def test_what_a_closure_a_class_body_or_a_comprehension_reads_is_kept() -> None:
    unchanged(
        """
        import torch

        LIMIT = 3
        WIDTH = 2


        class Steps(torch.optim.SGD):
            limit = LIMIT
            sizes = [LIMIT * x for x in range(limit)]

            def step(self):
                super().step()


        def recipe(model, train_steps):
            scale = 2
            seen = 0

            def set_hparams(step):
                nonlocal seen
                seen += scale
                for group in optimizer.param_groups:
                    group["lr"] = 0.1 / seen

            optimizer = Steps(model.parameters(), lr=[WIDTH for WIDTH in (0.1, 0.2)][0] * WIDTH)
            return dict(optimizers=[optimizer], set_hparams=set_hparams)
        """
    )


def test_a_nonlocal_counter_that_nobody_reads_goes_with_its_declaration() -> None:
    check(
        """
        import torch


        def recipe(model, train_steps):
            calls, lr = 0, 0.1

            def set_hparams(step):
                nonlocal calls, lr
                calls += 1
                lr *= 0.9
                optimizer.param_groups[0]["lr"] = lr

            optimizer = torch.optim.SGD(model.parameters(), lr=lr)
            return dict(optimizers=[optimizer], set_hparams=set_hparams)
        """,
        """
        import torch


        def recipe(model, train_steps):
            lr = 0.1

            def set_hparams(step):
                nonlocal lr
                lr *= 0.9
                optimizer.param_groups[0]["lr"] = lr

            optimizer = torch.optim.SGD(model.parameters(), lr=lr)
            return dict(optimizers=[optimizer], set_hparams=set_hparams)
        """,
    )


def test_an_entry_of_parameter_groups_that_nobody_reads_goes_everywhere() -> None:
    check(
        """
        import torch


        class Plain(torch.optim.Optimizer):
            def __init__(self, params, *, lr=0.1, spare, eps=1e-8):
                super().__init__(params, dict(lr=lr, spare=spare, eps=eps))

            @torch.no_grad()
            def step(self):
                for group in self.param_groups:
                    for p in group["params"]:
                        p.add_(p.grad / (p.grad.norm() + group["eps"]), alpha=-group["lr"])


        SPARE = 0.3


        def recipe(model, train_steps):
            settings = dict(spare=SPARE, eps=1e-6)
            groups = [
                dict(params=[model.embed.weight], lr=0.3, tag="embed"),  # wide
                dict(
                    params=list(model.blocks.parameters()),
                    tag="rest",
                ),
            ]
            return {"optimizers": [Plain(groups, **settings)], "after_step": None}
        """,
        """
        import torch


        class Plain(torch.optim.Optimizer):
            def __init__(self, params, *, lr=0.1, eps=1e-8):
                super().__init__(params, dict(lr=lr, eps=eps))

            @torch.no_grad()
            def step(self):
                for group in self.param_groups:
                    for p in group["params"]:
                        p.add_(p.grad / (p.grad.norm() + group["eps"]), alpha=-group["lr"])


        def recipe(model, train_steps):
            settings = dict(eps=1e-6)
            groups = [
                dict(params=[model.embed.weight], lr=0.3),  # wide
                dict(
                    params=list(model.blocks.parameters()),
                ),
            ]
            return {"optimizers": [Plain(groups, **settings)]}
        """,
    )


def test_entries_that_torch_or_a_hidden_reader_may_read_are_kept() -> None:
    unchanged(
        """
        import torch


        def recipe(model, train_steps):
            groups = [dict(params=list(model.parameters()), lr=0.1, foreach=False)]
            extra = {"alpha": 1, "beta": 2}
            total = 0
            for name, value in extra.items():
                total += value
            optimizer = torch.optim.AdamW(groups, eps=total * 1e-8)
            optimizer.param_groups[0]["left"], optimizer.param_groups[0]["right"] = 1, 2
            for side in ("left", "right"):
                optimizer.param_groups[0]["lr"] *= optimizer.param_groups[0][side]
            return dict(optimizers=[optimizer])
        """
    )


def test_entries_whose_keys_are_put_together_are_kept_and_no_others() -> None:
    before = """
        import torch


        class Sides(torch.optim.Optimizer):
            def __init__(self, params):
                super().__init__(params, dict(lr=0.1))

            @torch.no_grad()
            def step(self):
                for p in self.param_groups[0]["params"]:
                    state = self.state[p]
                    state["left_sum"], state["R"] = p.grad.sum(), p.grad.mean()
                    state["left_mean"] = p.grad.mean()
                    total = sum(state[f"{side}_sum"] for side in ("left",))
                    p.sub_(total + sum(state[side] for side in "R"))


        def recipe(model, train_steps):
            return dict(optimizers=[Sides(model.parameters())])
        """
    after = before.replace('                    state["left_mean"] = p.grad.mean()\n', "").replace("lr=0.1", "")
    check(before, after)


def test_a_state_whose_emptiness_decides_about_more_keeps_an_entry() -> None:
    check(
        """
        import torch


        class Once(torch.optim.Optimizer):
            def __init__(self, params):
                super().__init__(params, dict(lr=0.1))

            @torch.no_grad()
            def step(self):
                for group in self.param_groups:
                    for p in group["params"]:
                        state = self.state[p]
                        if not state:
                            state["born"] = True
                            state["spare"] = p.clone()
                            p.mul_(0.5)
                        p.add_(p.grad, alpha=-0.1)


        def recipe(model, train_steps):
            return dict(optimizers=[Once(model.parameters())])
        """,
        """
        import torch


        class Once(torch.optim.Optimizer):
            def __init__(self, params):
                super().__init__(params, dict())

            @torch.no_grad()
            def step(self):
                for group in self.param_groups:
                    for p in group["params"]:
                        state = self.state[p]
                        if not state:
                            state["born"] = True
                            p.mul_(0.5)
                        p.add_(p.grad, alpha=-0.1)


        def recipe(model, train_steps):
            return dict(optimizers=[Once(model.parameters())])
        """,
    )


def test_a_write_that_keeps_a_state_from_being_empty_stays() -> None:
    unchanged(
        """
        import torch


        class Twice(torch.optim.Optimizer):
            def __init__(self, params):
                super().__init__(params, dict())

            @torch.no_grad()
            def step(self):
                for p in self.param_groups[0]["params"]:
                    state = self.state[p]
                    state["touched"] = True
                    if not state:
                        state["scale"] = 0.5
                    p.mul_(state.get("scale", 2.0))


        def recipe(model, train_steps):
            return dict(optimizers=[Twice(model.parameters())])
        """
    )


@pytest.mark.parametrize(
    "lines",
    [
        'if not state: p.mul_(0.5)\nstate["touched"] = True',
        'state["touched"] = True\nif not state: p.mul_(0.5)',
        'state.setdefault("touched", True)\nif not state: state["scale"] = 0.5\np.mul_(state.get("scale", 2.0))',
        'if not state:\n    state["touched"] = True\n    continue\np.mul_(0.5)',
        'fresh = not state\nstate["touched"] = True\nif fresh: p.mul_(0.5)',
        'p.mul_(0.5 if not state else 0.9)\nstate["touched"] = True',
        'if len(self.state[p]) > 0: p.mul_(0.5)\nstate["touched"] = True',
        'if state: p.mul_(0.5)\nelse: state["touched"] = True',
        'while not state:\n    state["touched"] = True\n    p.mul_(0.5)',
        'if state == {}: p.mul_(0.5)\nstate["touched"] = True',
    ],
)
def test_what_decides_whether_a_state_is_empty_stays(lines: str) -> None:
    source = """
        import torch


        class Once(torch.optim.Optimizer):
            def __init__(self, params):
                super().__init__(params, dict())

            @torch.no_grad()
            def step(self):
                for p in self.param_groups[0]["params"]:
                    state = self.state[p]
        LINES
                    p.sub_(p.grad)


        def recipe(model, train_steps):
            return dict(optimizers=[Once(model.parameters())])
        """
    assert '"touched"' in pruned(dedent(source).replace("LINES", indent(lines, 12 * " ")))


def test_branches_that_constants_decide_are_folded() -> None:
    check(
        '''
        import torch

        NESTEROV = False
        DEPTH = 3
        MODE = "slow"


        def update(g, m, nesterov, scale=1.0):
            if nesterov:
                return g
            elif scale == 1.0:
                # the plain one
                text = """
            kept as it is
                """
                return m * len(text) + g
            else:
                return scale * m


        def recipe(model, train_steps):
            if MODE == "fast":
                lr = 1.0
            elif MODE == "slow" and DEPTH > 2:
                lr = 0.1
            else:
                lr = 0.01
            rate = lr if not NESTEROV else 2 * lr
            while NESTEROV:
                rate *= 2
            assert DEPTH == 3
            params = [update(p, p, NESTEROV) for p in model.parameters() if DEPTH > 2 and p.ndim]
            return dict(optimizers=[torch.optim.SGD(params, lr=rate)])
        ''',
        '''
        import torch


        def update(g, m):
            # the plain one
            text = """
            kept as it is
                """
            return m * len(text) + g


        def recipe(model, train_steps):
            lr = 0.1
            rate = lr
            params = [update(p, p) for p in model.parameters() if p.ndim]
            return dict(optimizers=[torch.optim.SGD(params, lr=rate)])
        ''',
    )


def test_what_may_change_is_not_folded() -> None:
    unchanged(
        """
        import torch

        WARM = True


        def cool():
            global WARM
            WARM = False


        def recipe(model, train_steps):
            first = True

            def set_hparams(step):
                nonlocal first
                if WARM:
                    cool()
                if first:
                    optimizer.param_groups[0]["lr"] = 0.2
                first = False

            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            return dict(optimizers=[optimizer], set_hparams=set_hparams)
        """
    )


def test_statements_that_do_nothing_go() -> None:
    check(
        """
        import torch


        def recipe(model, train_steps):
            pass
            lr = 0.1; lr = lr
            for p in model.parameters():
                if p.ndim > 1:
                    pass
                else:
                    pass
            if train_steps > 3:
                lr = 0.5 * lr * 1.0
            else:
                pass
            with torch.no_grad():
                pass
            optimizer = torch.optim.SGD(model.parameters(), lr=lr)

            def before_forward(step):
                return None

            def after_step(step):
                "Nothing."

            return dict(optimizers=[optimizer], before_forward=before_forward, after_step=after_step)
            print(lr)
        """,
        """
        import torch


        def recipe(model, train_steps):
            lr = 0.1
            if train_steps > 3:
                lr = 0.5 * lr
            optimizer = torch.optim.SGD(model.parameters(), lr=lr)

            return dict(optimizers=[optimizer])
        """,
    )


def test_a_product_with_one_that_copies_or_converts_is_kept() -> None:
    unchanged(
        """
        import torch


        def recipe(model, train_steps):
            anchor = model.embed.weight * 1.0
            model.embed.weight.data.sub_(anchor)
            count = (model.embed.weight > 0) * 1
            zero = model.proj.bias + 0
            return dict(optimizers=[torch.optim.SGD(model.parameters(), lr=0.1 + count.sum() + zero.sum())])
        """
    )


def test_a_genome_that_reflects_is_left_alone() -> None:
    unchanged(
        """
        import torch

        UNUSED = 1


        def recipe(model, train_steps):
            return dict(optimizers=[torch.optim.SGD(model.parameters(), lr=globals()["UNUSED"])])
        """
    )


def test_names_found_by_constant_getattr_are_kept() -> None:
    unchanged(
        """
        import torch


        class Holder:
            def __init__(self):
                self.rate = 0.1


        def recipe(model, train_steps):
            return dict(optimizers=[torch.optim.SGD(model.parameters(), lr=getattr(Holder(), "rate"))])
        """
    )

"""Crossover: what is moved comes with all it needs, under free names, and runs."""

from __future__ import annotations

import difflib
import random
import sys
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from dry_run import trajectory
from genomes import DONOR, HOST

import seed_programs
from evolve.operators.base import Child, NoVariationError
from evolve.operators.crossover import Crossover, grafts
from evolve.operators.grafting.check import check_names
from evolve.operators.grafting.leftovers import without_leftovers
from evolve.operators.grafting.recipe import Recipe
from evolve.operators.pruning.reading import Reading
from population.components import components
from population.rows import Move

SEEDS = {
    path.stem: path.read_text()
    for path in sorted(Path(seed_programs.__path__[0]).glob("*.py"))
    if not path.name.startswith("_")
}


def graft(host: str, donor: str, kind: str, says: str = "") -> str:
    """The child by the first graft of a kind whose note holds some words."""
    ours, theirs = Recipe(Reading(host)), Recipe(Reading(donor))
    for option in grafts(ours, theirs, random.Random(0))[kind]:
        grafted = option.apply(ours, theirs)
        if says in grafted.done:
            reading = without_leftovers(Reading(grafted.source), (ours, theirs))
            check_names(reading)
            return reading.text.source
    raise AssertionError(f"no {kind} graft says {says!r}")


def changes(before: str, after: str) -> tuple[list[str], list[str]]:
    """Lines that went and lines that came, blank ones aside."""
    lines = list(difflib.ndiff(before.split("\n"), after.split("\n")))
    went = [line[2:] for line in lines if line.startswith("- ") and line[2:].strip()]
    came = [line[2:] for line in lines if line.startswith("+ ") and line[2:].strip()]
    return went, came


def names(source: str) -> set[str]:
    return {part.name for part in components(source)}


@cache
def functions_run(source: str) -> frozenset[str]:
    """Dotted names of the genome's functions that a short run enters."""
    entered: set[str] = set()

    def trace(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_filename == "<genome>":
            entered.add(frame.f_code.co_qualname.replace(".<locals>", ""))

    trajectory(source)  # what torch imports at the first step would take long under a profiler
    sys.setprofile(trace)
    try:
        trajectory(source)
    finally:
        sys.setprofile(None)
    return frozenset(entered)


def test_an_optimizer_takes_over_one_group_with_helpers_constants_imports_and_its_own_settings() -> None:
    child = graft(HOST, DONOR, "optimizer", "SignDescent for the hidden matrices")
    went, came = changes(HOST, child)
    assert went == [
        "HIDDEN_LR = 0.004  # attention and MLP",
        "        dict(params=[p for p in model.blocks.parameters() if p.ndim >= 2], lr=HIDDEN_LR),",
        "        for group in adam.param_groups:",
        "    return dict(optimizers=[adam], set_hparams=set_hparams)",
    ]
    for line in [
        "import math as m",
        "class SignDescent(torch.optim.Optimizer):",
        "def scale(p):",
        "def sign_descent_norm(x):",  # `norm` means something else in the host
        "SIGN_DESCENT_WARMUP = 0.3",
        "    return min(1.0, (step + 1) / (SIGN_DESCENT_WARMUP * steps + 1))",
        "    sign = SignDescent([p for p in model.blocks.parameters() if p.ndim >= 2], lr=SIGN_LR, floor=FLOOR)",
        "        for group in adam.param_groups + sign.param_groups:",
        "            grown = ramp(step, train_steps)",
        '            group["momentum"] = MOMENTUM * grown',
        "    return dict(optimizers=[adam, sign], set_hparams=set_hparams)",
    ]:
        assert line in came
    assert "class Descent(torch.optim.Optimizer):" not in came
    assert {"SignDescent.step", "scale", "sign_descent_norm", "ramp"} <= functions_run(child)


def test_an_optimizer_that_takes_over_everything_leaves_nothing_of_the_old_one() -> None:
    child = graft(DONOR, HOST, "optimizer", "Adam for the hidden matrices")
    assert not {"SignDescent", "SIGN_LR", "FLOOR", "MOMENTUM", "WIDTH", "scale"} & names(child)
    assert "import math" not in child
    assert 'group["momentum"]' not in child  # nothing reads it any more
    assert "    adam = Adam([dict(params=matrices, lr=HIDDEN_LR)], betas=BETAS, eps=1e-8)" in child
    assert "        for group in adam.param_groups + plain.param_groups:" in child
    assert "Adam.step" in functions_run(child)


def test_hooks_move_with_the_state_that_they_share() -> None:
    child = graft(HOST, DONOR, "hook")
    went, came = changes(HOST, child)
    assert went == ["    return dict(optimizers=[adam], set_hparams=set_hparams)"]
    for line in [
        "import contextlib",
        "AVERAGE_BETA = 0.7",
        "    everything = list(model.parameters())",
        "    average = []",
        "        average.append(new_p.detach().clone())",
        "    def after_step(step):",
        "    def eval_weights(step):",
        "    return dict(optimizers=[adam], set_hparams=set_hparams, after_step=after_step, eval_weights=eval_weights)",
    ]:
        assert line in came
    assert {"recipe.after_step", "recipe.eval_weights"} <= functions_run(child)


def test_init_rules_move_under_the_host_s_names() -> None:
    went, came = changes(HOST, graft(HOST, DONOR, "init"))
    assert went == ["    for p in model.parameters():", "        torch.nn.init.normal_(p, std=0.02)"]
    assert "    start(model)" in came
    assert "def start(net):" in came
    went, came = changes(DONOR, graft(DONOR, HOST, "init"))
    assert came == [
        "    for new_p in net.parameters():",
        "        torch.nn.init.normal_(new_p, std=0.02)",
    ]  # `p` is taken
    assert "    start(net)" in went


def test_a_schedule_takes_the_place_of_the_old_one_and_leaves_the_rest_of_its_settings() -> None:
    child = graft(SEEDS["ademamix"], SEEDS["sgd_nesterov"], "schedule")
    assert '            group["alpha"], group["beta3"] = slow_momentum(step, train_steps)' in child
    assert "        for group in optimizer.param_groups:" in child
    assert {"schedule", "slow_momentum", "recipe.set_hparams"} <= functions_run(child)


def test_a_schedule_for_one_optimizer_steers_all_of_another_recipe() -> None:
    donor = SEEDS["lion"].replace("min(1.0, warmup, decay)", "min(0.5, warmup, decay) ** 2")
    child = graft(SEEDS["muon"], donor, "schedule")
    assert "        for group in aux.param_groups + muon.param_groups:" in child
    assert "min(0.5, warmup, decay) ** 2" in child
    assert child.count("def schedule(") == 1
    assert trajectory(child) != trajectory(SEEDS["muon"])


def test_a_schedule_that_treats_one_optimizer_apart_is_refused() -> None:
    with pytest.raises(NoVariationError, match="apart"):
        graft(HOST, DONOR, "schedule")


def test_relatives_exchange_the_part_in_which_they_differ() -> None:
    relative = SEEDS["muon"].replace("gram = x @ x.mT", "gram = (x @ x.mT).mul_(SHRINK)")
    relative = relative.replace("NS_STEPS = 5", "NS_STEPS = 5\nSHRINK = 0.99")
    went, came = changes(SEEDS["muon"], graft(SEEDS["muon"], relative, "definition"))
    assert went == ["        gram = x @ x.mT"]
    assert came == ["        gram = (x @ x.mT).mul_(SHRINK)", "SHRINK = 0.99"]


def test_a_function_that_cannot_be_called_as_the_host_does_is_refused() -> None:
    relative = SEEDS["muon"].replace("def orthogonalize(g, ns_steps):", "def orthogonalize(g, ns_steps, extra):")
    relative = relative.replace('group["ns_steps"])', 'group["ns_steps"], 1)')
    with pytest.raises(NoVariationError, match="calls orthogonalize"):
        graft(SEEDS["muon"], relative, "definition", "orthogonalize")


def test_settings_of_a_group_move_alone() -> None:
    relative = SEEDS["lion"].replace(
        "dict(params=[model.embed.weight], lr=EMBED_LR)", "dict(params=[model.embed.weight], lr=EMBED_LR / 2)"
    )
    went, came = changes(SEEDS["lion"], graft(SEEDS["lion"], relative, "group", "embed"))
    assert (went, came) == (
        ["        dict(params=[model.embed.weight], lr=EMBED_LR),"],
        ["        dict(params=[model.embed.weight], lr=EMBED_LR / 2),"],
    )


def test_values_move_under_their_names_and_are_told_as_moves() -> None:
    relative = SEEDS["lion"].replace("HEAD_LR = ", "HEAD_LR = 1.5 * ")
    for rng_seed in range(20):
        child = Crossover().vary([SEEDS["lion"], relative], random.Random(rng_seed), ())
        if child.moves:
            assert [move.component for move in child.moves] == ["HEAD_LR"]
            assert child.moves[0].new == pytest.approx(1.5 * child.moves[0].old)
            return
    raise AssertionError("no child took over the value")


def test_learning_rates_stay_with_their_optimizer() -> None:
    for rng_seed in range(12):
        child = Crossover().vary([SEEDS["adamw"], SEEDS["sgd_nesterov"]], random.Random(rng_seed), ())
        assert not any(isinstance(move, Move) and move.component.endswith("_LR") for move in child.moves)


def test_what_else_the_recipe_must_be_told_is_added_to_its_arguments() -> None:
    child = graft(SEEDS["lion"], SEEDS["sgd_nesterov"], "optimizer", "SGDNesterov for the hidden matrices in place")
    assert "def recipe(model, train_steps, *, info):" in child
    assert {"SGDNesterov.step", "recipe.after_backward", "clip_gradient"} <= functions_run(child)


def test_a_hook_of_the_replaced_class_goes_with_it() -> None:
    child = graft(SEEDS["schedule_free_adamw"], SEEDS["lion"], "optimizer", "without eval_weights")
    assert "eval_weights" not in child
    assert "Lion.step" in functions_run(child)


def test_a_parent_s_own_copy_is_no_variation() -> None:
    with pytest.raises(NoVariationError, match="nothing of the second parent"):
        Crossover().vary([SEEDS["muon"], SEEDS["muon"]], random.Random(0), ())


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("def recipe(model, train_steps):", "def make(model, train_steps):"), "no function `recipe`"),
        (("return dict(optimizers=", "return other(optimizers="), "written out"),
    ],
)
def test_recipes_that_cannot_be_read_are_refused(change: tuple[str, str], says: str) -> None:
    with pytest.raises(NoVariationError, match=says):
        Crossover().vary([SEEDS["muon"].replace(*change), SEEDS["lion"]], random.Random(0), ())


@pytest.mark.parametrize("index", range(12))
def test_children_of_seed_programs_run_and_run_what_was_transplanted(index: int) -> None:
    rng = random.Random(index)
    host, donor = rng.sample(sorted(SEEDS), 2)
    child: Child = Crossover().vary([SEEDS[host], SEEDS[donor]], rng, ())
    entered = functions_run(child.source)
    moved = [name.strip() for name in child.component.split(",")]
    if not child.moves and not child.component.startswith("recipe.group("):
        parts = names(child.source)
        wanted = [f"{name}.step" if f"{name}.step" in parts else name for name in moved if name != "recipe.init"]
        assert set(wanted) <= entered, child.note
    assert trajectory(child.source) != trajectory(SEEDS[host]), child.note


COUNTER = """
    seen = 0

    def after_step(step):
        nonlocal seen
        seen += 1
        if seen % 2 == 0:
            model.proj.weight.data.mul_(0.9)

    return dict(optimizers=[optimizer], set_hparams=set_hparams, after_step=after_step)
"""


def test_a_hook_that_rebinds_its_state_moves_if_the_name_is_free() -> None:
    donor = SEEDS["lion"].replace("\n    return dict(optimizers=[optimizer], set_hparams=set_hparams)\n", COUNTER)
    child = graft(SEEDS["muon"], donor, "hook")
    assert "    seen = 0\n" in child
    assert "recipe.after_step" in functions_run(child)
    taken = SEEDS["muon"].replace("    initialize(model)\n", "    initialize(model)\n    seen = [1]\n")
    with pytest.raises(NoVariationError, match="seen, which the donor rebinds"):
        graft(taken, donor, "hook")


def test_state_is_never_shared_between_the_parents_hooks() -> None:
    """Both keep an average under one name; the host's own must not be appended to twice."""
    donor = DONOR.replace("1 - AVERAGE_BETA", "0.5 * (1 - AVERAGE_BETA)")
    host = DONOR.replace('"after_step": after_step,', '"after_backward": after_step,').replace(
        '        "eval_weights": eval_weights,\n', ""
    )
    child = graft(host, donor, "hook", "after_step")
    assert child.count("new_average.append(") == 1
    assert child.count("    average.append(") == 1
    assert {"recipe.after_step", "recipe.new_after_step"} <= functions_run(child)


def test_a_class_that_lacks_settings_of_the_host_s_call_is_refused() -> None:
    host = SEEDS["psgd_kron"].replace(", q_lr=PRECONDITIONER_LR", "").replace("q_lr=PRECONDITIONER_LR, ", "")
    host = host.replace(", q_lr, ", ", ").replace('group["q_lr"]', "0.3").replace("q_lr=q_lr, ", "")
    with pytest.raises(NoVariationError, match="calls PSGDKron"):
        graft(host, SEEDS["psgd_kron"], "definition", "PSGDKron")

"""What every seed program must be: true to the contract, the same twice, able to solve a small problem."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
import torch
from torch import nn

from evaluator.check import check
from evaluator.contract import check_ownership
from population.component import Kind
from population.components import components
from population.hyperparameters import hyperparameters
from population.scales import Scale
from tests.seed_programs.conftest import ENTROPY, SEED_PROGRAMS, TinyGPT, prepare, train

SOURCES = Path(__file__).parents[2] / "seed_programs"
BANNERS = ("#              Optimizer               #", "#       Init & Optim Hyperparams       #")
ALLOWED = {
    "torch",
    "math",
    "contextlib",
    "collections",
    "dataclasses",
    "functools",
    "itertools",
    "typing",
    "copy",
}

every_program = pytest.mark.parametrize("program", SEED_PROGRAMS)


def source_of(program: str) -> str:
    return (SOURCES / f"{program}.py").read_text()


def test_there_are_eleven() -> None:
    assert len(SEED_PROGRAMS) == 11


@every_program
def test_reads_well(program: str) -> None:
    """Two banner sections, a readable length, a paper behind the optimizer, torch alone imported."""
    source = source_of(program)
    check(source)
    assert 40 <= len(source.splitlines()) <= 160
    assert all(source.count(f"{'#' * 40}\n{banner}\n{'#' * 40}\n") == 1 for banner in BANNERS)
    assert source.index(BANNERS[0]) < source.index("class ") < source.index(BANNERS[1]) < source.index("def recipe")
    tree = ast.parse(source)
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported <= ALLOWED
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    optimizers = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    assert optimizers
    assert all("<https://" in (ast.get_docstring(node) or "") for node in optimizers)


@every_program
def test_every_number_that_tunes_it_has_a_telling_name(program: str) -> None:
    found = hyperparameters(source_of(program))
    assert len(found) >= 8
    assert all(part.name.isupper() or part.scale is Scale.FLAG for part in found)


@every_program
def test_components_are_found(program: str) -> None:
    kinds = {part.kind for part in components(source_of(program))}
    assert {Kind.CLASS, Kind.PARAMETER_GROUP, Kind.SCHEDULE, Kind.INIT_RULE, Kind.HYPERPARAMETER} <= kinds


@every_program
def test_owns_every_parameter_once(program: str) -> None:
    model, hooks = prepare(program, 10)
    check_ownership(hooks["optimizers"], model)


@every_program
def test_same_run_twice_is_the_same_bit_for_bit(program: str) -> None:
    a, b = train(program, 8), train(program, 8)
    assert all(torch.equal(p, q) for p, q in zip(a.model.parameters(), b.model.parameters(), strict=True))
    assert a.last == b.last
    assert a.last != train(program, 8, rng_seed=1).last


@every_program
def test_learns(program: str) -> None:
    """A fifth of what there is to learn above the entropy of the text may be left after 100 steps."""
    run = train(program, 100)
    assert run.first == pytest.approx(torch.tensor(16.0).log().item(), abs=1e-4)
    assert run.last - ENTROPY < 0.2 * (run.first - ENTROPY)


@every_program
def test_sums_of_gradients_do_as_well_as_means(program: str) -> None:
    """Every token 64 times: the same run."""
    once, twice = train(program, 12), train(program, 12, copies=64)
    assert once.last < 0.9 * once.first
    assert twice.last == pytest.approx(once.last, rel=0.01)  # eps counts a little, where gradients are tiny


@pytest.mark.parametrize("program", [name for name in SEED_PROGRAMS if not name.startswith("schedule_free")])
def test_learning_rates_end_low_and_are_fractions_of_the_run(program: str) -> None:
    """Ten times the steps: the same curve over the run, but for the grain of the steps, at 10 ** -0.3 of the height."""
    rates = {}
    for train_steps in (1_000, 10_000):
        _, hooks = prepare(program, train_steps)
        groups = [group for optimizer in hooks["optimizers"] for group in optimizer.param_groups]
        curve = []
        for share in (0.2, 0.5, 0.8, 0.999):
            hooks["set_hparams"](int(share * train_steps))
            curve.append([group["lr"] for group in groups])
        rates[train_steps] = torch.tensor(curve)
    longer = 10**0.3 * rates[10_000]
    torch.testing.assert_close(rates[1_000], longer, rtol=0.02, atol=1e-2 * rates[1_000].max().item())
    assert (rates[1_000][-1] < 0.02 * rates[1_000][0]).all()


@every_program
def test_updates_parameters_in_place(program: str) -> None:
    model, hooks = prepare(program, 4)
    homes = [p.data_ptr() for p in model.parameters()]
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    for hook in ("before_forward", "after_backward", "set_hparams"):
        hooks.get(hook, lambda step: None)(0)
    for optimizer in hooks["optimizers"]:
        optimizer.step()
    assert homes == [p.data_ptr() for p in model.parameters()]
    assert isinstance(model, TinyGPT)
    assert all(isinstance(p, nn.Parameter) and p.isfinite().all() for p in model.parameters())

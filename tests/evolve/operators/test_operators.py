"""What every operator of the table owes: pure, deterministic, and a genome that differs from its parents."""

from __future__ import annotations

import contextlib
import random
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from barnacles import overgrown
from dry_run import trajectory

import seed_programs
from evolve.operators import OPERATORS, get_operator
from evolve.operators.base import Child, NoVariationError, Tried
from population.genome import GenomeError, digest
from population.rows import Move

SEEDS = {
    path.stem: path.read_text()
    for path in sorted(Path(seed_programs.__path__[0]).glob("*.py"))
    if not path.name.startswith("_")
}
TRIED = (Tried(Move("MUON_LR", 0.02, 0.03), 0.01), Tried(Move("EMBED_LR", 0.1, 0.2), None))
PAIRS = [("muon", "lion"), ("adamw", "normuon"), ("schedule_free_adamw", "soap"), ("sgd_nesterov", "ademamix")]

every_operator = pytest.mark.parametrize("name", list(OPERATORS))


@cache
def parents_of(name: str, pair: tuple[str, ...]) -> tuple[str, ...]:
    """Seed programs; for `prune`, which finds nothing to do to those, with parts that do nothing."""
    sources = tuple(SEEDS[stem] for stem in pair[: OPERATORS[name].parents])
    return tuple(overgrown(source, random.Random(0), 3) for source in sources) if name == "prune" else sources


@cache
def child_of(name: str, pair: tuple[str, ...], rng_seed: int) -> Child | None:
    try:
        return OPERATORS[name].vary(parents_of(name, pair), random.Random(rng_seed), TRIED)
    except NoVariationError:
        return None


def children_of(name: str) -> list[tuple[tuple[str, ...], Child]]:
    found = [(pair, child_of(name, pair, rng_seed)) for rng_seed, pair in enumerate(PAIRS)]
    return [(pair, child) for pair, child in found if child is not None]


@every_operator
def test_the_table_and_the_operator_agree(name: str) -> None:
    operator = get_operator(name)
    assert operator.name == name
    assert operator.parents in (1, 2)


def test_an_unknown_name_gets_a_near_match() -> None:
    with pytest.raises(ValueError, match="did you mean 'crossover'"):
        get_operator("crossovr")


@every_operator
def test_the_same_chance_makes_the_same_child(name: str) -> None:
    first = OPERATORS[name].vary(parents_of(name, PAIRS[3]), random.Random(3), TRIED)
    assert first == child_of(name, PAIRS[3], 3)


@every_operator
def test_chance_comes_from_the_argument_alone_and_parents_stay(name: str) -> None:
    random.seed(1)
    state = random.getstate()
    parents = list(parents_of(name, PAIRS[0]))
    before = list(parents)
    with contextlib.suppress(NoVariationError):
        OPERATORS[name].vary(parents, random.Random(3), list(TRIED))
    assert random.getstate() == state
    assert parents == before


@every_operator
def test_children_are_genomes_other_than_their_parents_and_say_what_was_done(name: str) -> None:
    for pair, child in children_of(name):
        assert digest(child.source) not in {digest(parent) for parent in parents_of(name, pair)}
        assert child.component
        assert child.note
        assert "\n" not in child.note


@every_operator
def test_children_run_and_own_every_parameter_once(name: str) -> None:
    for pair, child in children_of(name):
        before, after = trajectory(parents_of(name, pair)[0]), trajectory(child.source)
        assert (before == after) == (name == "prune"), f"{pair}: {child.note}"


@every_operator
def test_what_is_no_genome_is_refused(name: str) -> None:
    operator = OPERATORS[name]
    with pytest.raises(GenomeError):
        operator.vary(["def recipe(:"] * operator.parents, random.Random(0), ())


@every_operator
def test_a_genome_with_nothing_in_it_has_no_variation(name: str) -> None:
    operator = OPERATORS[name]
    with pytest.raises(NoVariationError):
        operator.vary(
            ["def recipe(model, train_steps):\n    raise ValueError\n"] * operator.parents, random.Random(0), ()
        )


MAKE = """
import pathlib, random, sys
from evolve.operators import OPERATORS
sources = [pathlib.Path(path).read_text() for path in sys.argv[1:]]
for name in ("perturb", "crossover", "ablate"):
    operator = OPERATORS[name]
    print(operator.vary(sources[: operator.parents], random.Random(0), ()))
"""


def test_children_do_not_depend_on_the_hash_seed() -> None:
    folder = Path(seed_programs.__path__[0])
    outputs = []
    for hash_seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", MAKE, str(folder / "soap.py"), str(folder / "schedule_free_adamw.py")],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(folder.parent)},
            capture_output=True,
            text=True,
            check=True,
        )
        outputs.append(run.stdout)
    assert outputs[0] == outputs[1]


def test_the_table_is_built_on_demand() -> None:
    """`evolve -h` lists nothing of it and must stay light."""
    code = "import sys, evolve.operators; print('libcst' in sys.modules, 'torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]

"""Components: what is found, under which names, and how numbers are rewritten."""

from __future__ import annotations

from pathlib import Path

import pytest
from everything import SOURCE

import seed_programs
from population.components import Component, Kind, components, hyperparameters, with_values
from population.genome import digest

SEEDS = sorted(path for path in Path(seed_programs.__path__[0]).glob("*.py") if not path.name.startswith("_"))


def by_name(source: str) -> dict[str, Component]:
    return {part.name: part for part in components(source)}


def test_every_kind_is_found_under_its_name() -> None:
    kinds: dict[Kind, list[str]] = {}
    for part in components(SOURCE):
        kinds.setdefault(part.kind, []).append(part.name)
    assert kinds[Kind.CLASS] == ["Sign"]
    assert kinds[Kind.FUNCTION] == ["Sign.__init__", "Sign.step", "shared", "recipe"]
    assert kinds[Kind.SCHEDULE] == ["warm", "recipe.set_hparams"]  # `shared` is called elsewhere too
    assert kinds[Kind.HOOK] == ["recipe.after_step", "recipe.swapped"]
    assert kinds[Kind.INIT_RULE] == ["initialize", "initialize.mul_", "initialize.zero_", "recipe.init.normal_"]
    assert kinds[Kind.PARAMETER_GROUP] == [
        "recipe.Sign(hidden)",
        "recipe.group([model.embed.weight])",
        "recipe.group(list(model.proj.parameters()))",
    ]


def test_names_survive_edits_elsewhere() -> None:
    edited = SOURCE.replace(
        "def shared(x):\n    return x", "def other(y, z=0.5):\n    return y\n\n\ndef shared(x):\n    return x"
    )
    edited = edited.replace("NS_STEPS = 5", "EXTRA_LR = 0.2\nNS_STEPS = 5")
    assert set(by_name(SOURCE)) < set(by_name(edited))


def test_line_ranges_cover_decorators_and_bodies() -> None:
    lines = SOURCE.split("\n")
    for name, first, last in [
        ("Sign.step", "    @torch.no_grad()", 'alpha=-group["lr"])'),
        ("recipe.swapped", "    @contextlib.contextmanager", "yield"),
        ("COOLDOWN_FRACTION", "COOLDOWN_FRACTION", "0.4"),
    ]:
        part = by_name(SOURCE)[name]
        assert lines[part.first_line - 1].startswith(first)
        assert lines[part.last_line - 1].endswith(last)


@pytest.mark.parametrize("path", SEEDS, ids=lambda path: path.stem)
def test_seed_programs_are_understood(path: Path) -> None:
    source = path.read_text()
    parts = components(source)
    assert len({part.name for part in parts}) == len(parts)
    kinds = {part.kind for part in parts}
    assert {
        Kind.CLASS,
        Kind.FUNCTION,
        Kind.SCHEDULE,
        Kind.INIT_RULE,
        Kind.PARAMETER_GROUP,
        Kind.HYPERPARAMETER,
    } <= kinds
    same = with_values(source, {part.name: part.value for part in hyperparameters(source)})
    assert digest(same) == digest(source)

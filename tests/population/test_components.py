"""Components: what is found, under which names, and how numbers are rewritten."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import seed_programs
from population.components import Component, Hyperparameter, Kind, components, hyperparameters, with_values
from population.genome import GenomeError, digest
from population.scales import Scale, from_axis, guess_scale, to_axis
from population.usage import effective

SEEDS = sorted(path for path in Path(seed_programs.__path__[0]).glob("*.py") if not path.name.startswith("_"))

SOURCE = '''"""A genome with one of everything."""

import contextlib

import torch
from torch.optim import AdamW

########################################
#              Optimizer               #
########################################


class Sign(torch.optim.Optimizer):
    """Steps by the sign."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.95), *, nesterov=True, count=0):
        super().__init__(params, dict(lr=lr, betas=betas, nesterov=nesterov))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.add_(p.grad.sum(dim=-1, keepdim=True).sign(), alpha=-group["lr"])


########################################
#       Init & Optim Hyperparams       #
########################################

MATRIX_LR = 1 / 320  # a quotient
COEFFICIENTS = (3.4445, -4.7750)
COOLDOWN_FRACTION: float = 0.4
NS_STEPS = 5
UNREAD = 7.0


def warm(step):
    return min(1.0, step / NS_STEPS)


def shared(x):
    return x * COEFFICIENTS[0]


@torch.no_grad()
def initialize(model):
    for p in model.parameters():
        p.mul_(0.5)
    model.proj.weight.zero_()


def recipe(model, train_steps):
    initialize(model)
    torch.nn.init.normal_(model.embed.weight, std=0.02)
    hidden = [p for p in model.blocks.parameters() if p.ndim >= 2]
    sign = Sign(hidden, lr=MATRIX_LR, betas=(0.8, 0.99), nesterov=False)
    rest = AdamW([
        {"params": [model.embed.weight], "lr": 0.3, "weight_decay": 0.0},
        dict(params=list(model.proj.parameters()), lr=shared(3e-3)),
    ], eps=1e-10)
    average = [p.clone() for p in model.parameters()]

    def set_hparams(step):
        for group in sign.param_groups:
            group["lr"] = MATRIX_LR * warm(step) * shared(COOLDOWN_FRACTION)

    def after_step(step):
        for a, p in zip(average, model.parameters()):
            a.lerp_(p, 0.1)

    @contextlib.contextmanager
    def swapped(step):
        yield

    return {"optimizers": [sign, rest], "set_hparams": set_hparams, "after_step": after_step, "eval_weights": swapped}
'''


def by_name(source: str) -> dict[str, Component]:
    return {part.name: part for part in components(source)}


def values(source: str) -> dict[str, float]:
    return {part.name: part.value for part in hyperparameters(source)}


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


def test_hyperparameters_have_values_and_kinds() -> None:
    found = {p.name: (p.value, p.scale) for p in components(SOURCE) if isinstance(p, Hyperparameter)}
    assert found == {
        "Sign.__init__.lr": (1e-3, Scale.LEARNING_RATE),
        "Sign.__init__.betas[0]": (0.9, Scale.BETA),
        "Sign.__init__.betas[1]": (0.95, Scale.BETA),
        "Sign.__init__.nesterov": (True, Scale.FLAG),
        "MATRIX_LR": (1 / 320, Scale.LEARNING_RATE),
        "COEFFICIENTS[0]": (3.4445, Scale.FACTOR),
        "COEFFICIENTS[1]": (-4.775, Scale.FACTOR),
        "COOLDOWN_FRACTION": (0.4, Scale.FRACTION),
        "NS_STEPS": (5, Scale.COUNT),
        "UNREAD": (7.0, Scale.FACTOR),
        "recipe.normal_.std": (0.02, Scale.FACTOR),
        "recipe.Sign.betas[0]": (0.8, Scale.BETA),
        "recipe.Sign.betas[1]": (0.99, Scale.BETA),
        "recipe.Sign.nesterov": (False, Scale.FLAG),
        "recipe.AdamW.lr": (0.3, Scale.LEARNING_RATE),
        "recipe.AdamW.weight_decay": (0.0, Scale.WEIGHT_DECAY),
        "recipe.AdamW.eps": (1e-10, Scale.EPS),
    }


def test_what_cannot_matter_is_not_effective() -> None:
    left_out = set(values(SOURCE)) - {part.name for part in effective(SOURCE)}
    assert left_out == {
        "Sign.__init__.lr",
        "Sign.__init__.betas[0]",
        "Sign.__init__.betas[1]",
        "Sign.__init__.nesterov",
        "UNREAD",
    }


def test_repeated_names_are_numbered() -> None:
    source = "def recipe(m, n):\n    a = AdamW(x, lr=1e-3)\n    b = AdamW(y, lr=2e-3)\n"
    assert values(source) == {"recipe.AdamW.lr": 1e-3, "recipe.AdamW.lr#2": 2e-3}


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


def test_values_are_rewritten_and_nothing_else() -> None:
    child = with_values(
        SOURCE, {"MATRIX_LR": 0.00412, "COEFFICIENTS[1]": -4.0, "NS_STEPS": 6, "recipe.Sign.nesterov": True}
    )
    changed = [(a, b) for a, b in zip(SOURCE.split("\n"), child.split("\n"), strict=True) if a != b]
    assert changed == [
        ("MATRIX_LR = 1 / 320  # a quotient", "MATRIX_LR = 0.00412  # a quotient"),
        ("COEFFICIENTS = (3.4445, -4.7750)", "COEFFICIENTS = (3.4445, -4.0)"),
        ("NS_STEPS = 5", "NS_STEPS = 6"),
        (
            "    sign = Sign(hidden, lr=MATRIX_LR, betas=(0.8, 0.99), nesterov=False)",
            "    sign = Sign(hidden, lr=MATRIX_LR, betas=(0.8, 0.99), nesterov=True)",
        ),
    ]


def test_form_feeds_carriage_returns_and_wide_characters_stay() -> None:
    source = 'é = "\u2028ü"\r\n\x0cLR = 0.1  # ü\r\nf(é, eps=1e-8)\r'
    assert with_values(source, {"LR": 0.2, "f.eps": 1e-7}) == source.replace("0.1", "0.2").replace("1e-8", "1e-7")


def test_an_unknown_name_gets_near_matches() -> None:
    with pytest.raises(GenomeError, match="MATRIX_LR"):
        with_values(SOURCE, {"MATRIX_RL": 1.0})


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


@given(st.sampled_from([scale for scale in Scale if scale is not Scale.FLAG]), st.floats(1e-6, 0.99))
def test_axes_lead_back(scale: Scale, value: float) -> None:
    value = round(value * 100) if scale is Scale.COUNT else value
    there = from_axis(scale, to_axis(scale, value))
    again = from_axis(scale, to_axis(scale, there))
    assert there == again
    assert to_axis(scale, there) == pytest.approx(to_axis(scale, value), abs=0.06)


@given(st.sampled_from([scale for scale in Scale if scale is not Scale.FLAG]), st.floats(-80, 80))
def test_axes_never_leave_the_sane_range(scale: Scale, place: float) -> None:
    value = from_axis(scale, place)
    assert to_axis(scale, value) == pytest.approx(to_axis(scale, from_axis(scale, to_axis(scale, value))))
    assert value == value
    assert abs(value) <= 1e6


@pytest.mark.parametrize(
    ("name", "value", "scale"),
    [
        ("MUON_LR", 0.02, Scale.LEARNING_RATE),
        ("lr", 3e-4, Scale.LEARNING_RATE),
        ("ema_decay", 0.999, Scale.BETA),
        ("AUX_BETA1", 0.8, Scale.BETA),
        ("momentum", 0.95, Scale.BETA),
        ("weight_decay", 0, Scale.WEIGHT_DECAY),
        ("WD", 0.1, Scale.WEIGHT_DECAY),
        ("eps", 1e-8, Scale.EPS),
        ("WARMUP_FRACTION", 0.02, Scale.FRACTION),
        ("lr_decay_frac", 0.3, Scale.FRACTION),
        ("precondition_every", 10, Scale.COUNT),
        ("ns_steps", 5, Scale.COUNT),
        ("INIT_SCALE", 0.58, Scale.FACTOR),
        ("nesterov", True, Scale.FLAG),
    ],
)
def test_kinds_are_guessed_from_name_and_range(name: str, value: float, scale: Scale) -> None:
    assert guess_scale(name, value) is scale

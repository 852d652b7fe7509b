from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
from tiny_genomes import ADAMW, SGD, sgd_with

import seed_programs
from evaluator.step_conditions import has_step_conditions

STEPS = 12
HOOK = "def after_step(step):\n    {}\n"


@pytest.mark.parametrize("source", [SGD, ADAMW])
def test_a_genome_without_conditions_has_none(source: str) -> None:
    assert not has_step_conditions(source, STEPS)


def test_most_seed_programs_have_none() -> None:
    files = sorted(Path(seed_programs.__path__[0]).glob("[a-z]*.py"))
    late = [file.stem for file in files if has_step_conditions(file.read_text(), STEPS)]
    # A learning rate of 23.0 might be a step; the others renew a basis every so many steps.
    assert late == ["psgd_kron", "sgd_nesterov", "shampoo", "soap", "soap_muon"]


@pytest.mark.parametrize(
    ("extra", "keys", "top"),
    [
        ("t = [0]\nif t[0] > 300: pass", "", ""),
        ("t = 1 % 100", "", ""),
        ("t = 3\nif t > 5 * 10: pass", "", ""),
        ("t = 3\nif t > 2 ** 5: pass", "", ""),
        ("t = 3\nif t > 3 * (3 * 3): pass", "", ""),
        ("x = 0 and 0x" + "f" * 400 + " * 1.5", "", ""),
        ("t = 0\nt += 1\nif t > 5: pass", "", ""),
        ("state = {}\nstate['t'] += 1\nx = min(1.0, state['t'] * 0.01)", "", ""),
        ("state = {}\nstate['t'] += 1\nlate = state['t'] * 0.05\nif late < 1: pass", "", ""),
        ("t = torch.zeros(())\nt.add_(1)\ntorch.where(t > 5, 1, 0)", "", ""),
        ("total = train_steps", "", ""),
        ("after_step = lambda step: None\nanswer = {}\nanswer['after_step'] = after_step", "", ""),
        ("", "", "START = 300"),
        ("", "", "START = 300.0"),
        (HOOK.format("if step > 0.9 * train_steps: pass"), "after_step=after_step", ""),
        ("", "after_step=lambda step: print(step)", ""),
        ("", "after_step=lambda *steps: None", ""),
        ("hook = [lambda step: None]", "after_step=hook[0]", ""),
        ("", "", "def late(step): return step > 300\ndef set_hparams(step): return late(step)\nlate(3)"),
    ],
)
def test_what_may_happen_later_is_seen(extra: str, keys: str, top: str) -> None:
    assert has_step_conditions(sgd_with(extra, keys, top), STEPS)


@pytest.mark.parametrize(
    ("extra", "keys", "top"),
    [
        ("if len([1]) > 3: pass", "", ""),
        (HOOK.format("pass"), "after_step=after_step", ""),
        ("", "", "EPS = 1e-8\nHUGE = 1e30"),
        ("", "", "TEXT = '300'"),
        ("state = {'t': 0}\nstate['t'] += 1\nx = 1 - 0.9 ** state['t']\ntorch.zeros(1).div_(x)", "", ""),
    ],
)
def test_what_cannot_is_left_in_peace(extra: str, keys: str, top: str) -> None:
    assert not has_step_conditions(sgd_with(extra, keys, top), STEPS)


def test_what_only_the_schedule_uses_does_not_count() -> None:
    source = textwrap.dedent("""
        def decay(step):
            return min(1.0, 300 / (step + 1)) if step > 200 else 1.0

        def schedule(step):
            return decay(step)

        def recipe(model, train_steps):
            def set_hparams(step):
                schedule(step)
            return dict(optimizers=[], set_hparams=set_hparams)
    """)
    assert not has_step_conditions(source, STEPS)
    assert has_step_conditions(source + "\ndecay(3)\n", STEPS)


@pytest.mark.parametrize(
    "line",
    [
        "optimizer.boost = 1.0 if step < 20 else 0.0",
        "nonlocal late; late = step > 20",
        "seen.append(step)",
        "model.embed.weight.zero_()",
    ],
)
def test_a_schedule_that_leaves_more_than_groups_behind_has_them(line: str) -> None:
    source = SGD.replace("        for group", f"        {line}\n        for group")
    assert has_step_conditions(source, STEPS)


def test_a_long_chain_of_functions_takes_no_long_time() -> None:
    chain = "".join(f"def f{i}(step): return f{i + 1}(step)\n" for i in range(700)) + "def f700(step): return step\n"
    assert not has_step_conditions(chain + SGD.replace("1e-3 * (1 - step", "1e-3 * (1 - f0(step)"), 10_000)


@pytest.mark.parametrize(
    "line", ["clock[0] = step", "group['progress'] = step / train_steps", "group.update(late=step)"]
)
def test_a_scheduled_value_that_decides_elsewhere_is_seen(line: str) -> None:
    source = SGD.replace("            group[", f"            {line}\n            group[")
    assert not has_step_conditions(source, STEPS)
    name = "clock[0]" if "clock" in line else "x['progress']" if "progress" in line else "x['late']"
    for use in (f"if {name} > 0.95: pass", f"y = round({name})", f"y = {name} if {name} else 0"):
        assert has_step_conditions(f"{source}\n{use}\n", STEPS)
    assert not has_step_conditions(f"{source}\ny = 1 - 0.5 * {name}\n", STEPS)


def test_a_long_chain_of_counts_takes_no_long_time() -> None:
    chain = "a0 = 0\na0 += 1\n" + "".join(f"a{i} = a{i - 1}\n" for i in range(1, 1500))
    assert not has_step_conditions(chain + SGD, 10_000)
    assert has_step_conditions(chain + "if a1499 > 3: pass\n" + SGD, 10_000)


def test_what_else_knows_the_length_of_a_run_is_seen() -> None:
    source = SGD.replace("(model, train_steps)", "(model, train_steps, *, info)")
    batch = source.replace("lr=1e-3,", "lr=1e-3 / info.tokens_per_step,")
    late = source.replace("lr=1e-3,", "lr=1e-3 if info.stop_step > 11.7 else 1e-4,")
    assert [has_step_conditions(each, STEPS) for each in (source, batch, late)] == [False, False, True]

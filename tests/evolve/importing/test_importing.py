"""Scripts of our own in the published forms become genomes that train alike, or are refused."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from scripts import FORMS, REFUSED, RULE, script

from evaluator.check import check, iso_steps
from evaluator.rehearsal import Sizes
from evolve.genomes import read as read_genome
from evolve.importing.comparing import Pair, compare
from evolve.importing.convert import Asked, Imported, imported
from evolve.importing.errors import NotImportableError
from evolve.importing.source import from_text, read
from population.genome import digest

SIZES = Sizes(vocabulary=96, layers=2, width=128, context=16, batch=4, microbatch=2, steps=6)


@cache
def made(form: str, **asked: object) -> Imported:
    return imported(from_text(f"{form}.py", FORMS[form]), Asked(dict(asked.pop("given", ())), **asked))  # type: ignore[arg-type]


@pytest.mark.parametrize("form", FORMS)
def test_a_form_becomes_a_genome_under_the_contract(form: str) -> None:
    source = made(form).source
    check(source)
    assert "print0" not in source
    assert "os.environ" not in source
    assert '"cuda"' not in source


def test_all_forms_train_like_their_scripts() -> None:
    pairs = [Pair(from_text(f"{form}.py", text), made(form), {}) for form, text in FORMS.items()]
    found = dict(zip(FORMS, compare(pairs, SIZES), strict=True))
    assert {form: each.text() for form, each in found.items() if not each.equal} == {}
    assert max(each.architecture for each in found.values()) == 0.0


def test_fractions_are_equal_at_the_published_length_and_free_of_it() -> None:
    text = FORMS["absolute steps"]
    scaled = imported(from_text("absolute steps.py", text), Asked({}, fractions=True))
    assert iso_steps(made("absolute steps").source) == 2900
    assert not scaled.iso
    assert iso_steps(scaled.source) is None
    assert "round(train_steps * 300 / 2900)" in scaled.source
    (found,) = compare([Pair(from_text("x.py", text), scaled, {})], SIZES)
    assert found.equal, found.text()


@pytest.mark.parametrize("form", REFUSED)
def test_what_cannot_be_mapped_is_refused_with_a_reason(form: str) -> None:
    text, word = REFUSED[form]
    with pytest.raises(NotImportableError) as caught:
        imported(from_text(f"{form}.py", text), Asked({}))
    assert word in caught.value.text(text)


def test_the_lines_that_differ_are_shown() -> None:
    text, _ = REFUSED["architecture"]
    with pytest.raises(NotImportableError) as caught:
        imported(from_text("x.py", text), Asked({}))
    assert "self.gate = nn.Linear(dim, dim)" in caught.value.text(text)


@pytest.mark.parametrize("form", ["plain", "trials", "main function", "log"])
def test_the_published_forms_of_one_script_are_one_genome(form: str) -> None:
    assert digest(made(form).source) == digest(made("plain").source)


def test_importing_twice_gives_the_same_text() -> None:
    for form in list(FORMS)[::4]:
        assert imported(from_text(f"{form}.py", FORMS[form]), Asked({})).source == made(form).source


def test_a_genome_tells_where_it_comes_from(tmp_path: Path) -> None:
    path = tmp_path / "genome.py"
    path.write_text(made("environment and log").source)
    summary = read_genome(path).summary
    assert summary.startswith("Imported from environment and log.py (SHA-256 ")
    assert "MUON_MU=0.8" in summary


def test_settings_are_read_listed_and_can_be_given() -> None:
    text = FORMS["command line"]
    plain = made("command line")
    given = imported(from_text("x.py", text), Asked({"lr_scale": "0.25", "num_iterations": "1500"}))
    assert plain.steered == {"seed": 5, "num_iterations": 3000, "lr_scale": 0.5, "cautious": False}
    assert plain.rng_seed == 5
    assert (plain.steps, given.steps) == (3000, 1500)
    assert "* 0.25" in given.source


def test_values_that_a_log_shows_win_over_defaults() -> None:
    assert made("environment and log").shown == {"MUON_MU": 0.8, "FLOOR": 0.75}


def test_a_claim_shortens_the_run_and_keeps_the_schedule() -> None:
    claimed = imported(from_text("plain.py", FORMS["plain"]), Asked({}, claim=3000))
    assert (claimed.steps, claimed.horizon) == (3000, 3375)
    assert "round(train_steps * 3375 / 3000)" in claimed.source
    with pytest.raises(NotImportableError, match="--claim"):
        imported(from_text("plain.py", FORMS["plain"]), Asked({}, claim=4000))


def test_the_step_where_a_script_stops_is_read_off() -> None:
    assert (made("stopped early").steps, made("stopped early").horizon) == (3300, 3375)


def test_hooks_stand_where_the_loop_has_them() -> None:
    returned = {}
    for form in FORMS:
        recipe = ast.parse(made(form).source).body[-1]
        last = recipe.body[-1]  # type: ignore[attr-defined]
        returned[form] = {keyword.arg for keyword in last.value.keywords} - {"optimizers", "set_hparams"}
    assert returned["plain"] == set()
    assert returned["look-ahead"] == {"before_forward"}
    assert returned["gradient filter"] == {"after_backward"}
    assert returned["average for validation"] == {"after_step", "eval_weights"}
    assert returned["readout at a step"] == {"after_step"}
    assert returned["experiments that are off"] == set()
    assert returned["outer optimizer"] == {"after_step"}
    replaced = returned["modes and passes of the model replaced"]
    assert replaced == {"before_forward", "after_step", "eval_weights"}
    assert returned["the average's loss after the weights' own"] == {"after_step", "eval_weights"}


def test_the_loss_that_counts_is_named_where_a_step_has_two() -> None:
    found = made("the average's loss after the weights' own")
    (warning,) = found.warnings
    assert "the loss with the weights set there counts" in warning
    assert "p.copy_(m)" in found.source
    assert "p.copy_(o)" in found.source


def test_settings_of_a_command_line_list_can_be_given() -> None:
    text = FORMS["settings that functions put together"]
    found = imported(from_text("x.py", text), Asked({"set": "steps=1000\nmu=0.7"}))
    assert found.steps == 1000


def test_what_comes_after_the_compared_steps_is_named() -> None:
    text = FORMS["absolute steps"]
    (found,) = compare([Pair(from_text("x.py", text), made("absolute steps"), {})], SIZES)
    assert found.late == (300, 1000, 2000)


def test_comments_stay_with_their_code() -> None:
    assert "# Newton-Schulz" in made("plain").source
    assert "# stable, then down" in made("plain").source


def test_a_script_is_never_executed() -> None:
    text = script(constants="raise SystemExit('executed')\n")
    assert imported(from_text("x.py", text), Asked({})).steps == 3375


def test_a_line_of_the_scripts_own_may_stand_before_the_rule() -> None:
    text = FORMS["plain"] + "logs/3f2a-77.txt\n" + RULE + "step:0/3375 val_loss:10.8\n"
    assert from_text("x.txt", text).text.rstrip() == FORMS["plain"].rstrip()


def test_only_numbers_lose_the_full_stop_after_them() -> None:
    constants = 'KIND = os.environ.get("KIND", "x")\nMU = float(os.environ.get("MU", "0.9"))\n'
    prints = "print0(f'kind is {KIND}')\nprint0(f'mu is {MU}.')"
    text = script(constants=constants, prints=prints, optimizers='optimizer2.param_groups[0]["mu"] = MU\n')
    log = RULE + "kind is a.\nmu is 0.5.\n"
    assert imported(from_text("x.txt", text + log), Asked({})).shown == {"KIND": "a.", "MU": 0.5}


def test_a_log_needs_a_script_before_its_first_rule(tmp_path: Path) -> None:
    path = tmp_path / "run.txt"
    path.write_text("step:0/10 val_loss:3.2\n" + RULE)
    with pytest.raises(NotImportableError, match="not Python"):
        read(path)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(NotImportableError, match="UTF-8"):
        read(path)


def test_a_script_that_needs_width_is_compared_wider() -> None:
    halved = """    for p in model.blocks.parameters():
        if p.ndim == 2:
            p.grad[:192].view(192, -1).mul_(0.5)"""
    wide, wrong = (from_text("x.py", script(before_step=each)) for each in (halved, halved.replace("192", "3000")))
    made_of = [Pair(each, imported(each, Asked({})), {}) for each in (wide, wrong)]
    found, failed = compare(made_of, SIZES)
    assert (found.equal, found.steps) == (True, 3), found.text()
    assert "shape" in failed.error

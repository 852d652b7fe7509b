"""`evolve import` as a command."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from evaluator.check import iso_steps
from evolve.cli import main

sys.path.insert(0, str(Path(__file__).parent.parent / "importing"))
from scripts import FORMS


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    for form in ("plain", "absolute steps", "command line"):
        Path(f"{form}.py").write_text(FORMS[form])
    Path("bad.py").write_text("not a script, is it\n")
    return CliRunner()


def test_one_script_goes_to_standard_output(runner: CliRunner) -> None:
    result = runner.invoke(main, ["import", "plain.py"])
    assert result.exit_code == 0
    assert "def recipe(model, train_steps):" in result.stdout
    assert "3375 steps" in result.stderr


def test_several_go_to_a_folder_and_one_failure_does_not_stop_the_others(runner: CliRunner) -> None:
    result = runner.invoke(main, ["import", "bad.py", "plain.py", "absolute steps.py", "-o", "genomes"])
    assert result.exit_code == 1
    assert "bad.py: not imported: bad.py is neither a script nor a log" in result.stderr
    assert sorted(path.name for path in Path("genomes").iterdir()) == ["absolute steps.py", "plain.py"]
    assert iso_steps(Path("genomes/absolute steps.py").read_text()) == 2900
    assert "rungs of 2900 steps alone" in result.stderr
    refused = runner.invoke(main, ["import", "plain.py", "absolute steps.py"])
    assert refused.exit_code == 2
    assert "folder" in refused.stderr


def test_what_steers_a_script_is_listed_and_can_be_given(runner: CliRunner) -> None:
    result = runner.invoke(main, ["import", "command line.py", "--env", "lr_scale=0.25", "--env", "nope=1"])
    assert "* 0.25" in result.stdout
    assert "steered from outside" in result.stderr
    assert "num_iterations=3000" in result.stderr
    assert "nothing that is imported depends on nope" in result.stderr
    assert runner.invoke(main, ["import", "plain.py", "--env", "lr"]).exit_code == 2


def test_check_says_that_losses_are_equal(runner: CliRunner) -> None:
    result = runner.invoke(main, ["import", "plain.py", "-o", "genome.py", "--check"])
    assert result.exit_code == 0, result.stderr
    assert "equal: the training losses of 12 steps are the same bit by bit" in result.stderr


def test_check_reads_made_up_tokens_wherever_the_users_are(runner: CliRunner) -> None:
    told = FORMS["plain"].replace('"data/fineweb10B/', 'os.environ["DATA"] + "/')
    Path("told.py").write_text(told.replace("import os\n", "", 1).replace("import", "import os\nimport", 1))
    result = runner.invoke(main, ["import", "told.py", "-o", "genome.py", "--check", "--env", "DATA=shards"])
    assert result.exit_code == 0, result.stderr
    assert "the same bit by bit" in result.stderr


NORM = "F.rms_norm(x, (x.size(-1),), weight=self.gains.type_as(x))"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        (".relu().square()", ".relu()", 1),
        ("scale=0.12", "scale=0.1", 1),
        (NORM, "(F.rms_norm(x.float(), (x.size(-1),)) * self.gains).type_as(x)", 0),
    ],
)
def test_check_fails_where_the_model_computes_something_else_but_for_rounding(
    runner: CliRunner, old: str, new: str, code: int
) -> None:
    assert old in FORMS["plain"]
    Path("other.py").write_text(FORMS["plain"].replace(old, new))
    result = runner.invoke(main, ["import", "other.py", "-o", "genome.py", "--check"])
    assert result.exit_code == code, result.stderr
    assert ("its forward pass is not that of nanogpt" in result.stderr) == bool(code)


def test_nothing_is_written_over_another(runner: CliRunner) -> None:
    for folder in ("a", "b"):
        Path(folder).mkdir()
        Path(folder, "train.py").write_text(FORMS["plain"])
    both = runner.invoke(main, ["import", "a/train.py", "b/train.py", "-o", "genomes"])
    assert both.exit_code == 2
    assert "would both go to" in both.stderr
    itself = runner.invoke(main, ["import", "plain.py", "-o", "plain.py"])
    assert itself.exit_code == 2
    assert "is a script itself" in itself.stderr
    assert Path("plain.py").read_text() == FORMS["plain"]


def test_what_cannot_be_written_is_told(runner: CliRunner) -> None:
    result = runner.invoke(main, ["import", "plain.py", "-o", "bad.py/genome.py"])
    assert result.exit_code == 1
    assert "cannot write" in result.stderr

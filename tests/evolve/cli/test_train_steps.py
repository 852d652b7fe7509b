"""`--train-steps`: one length for every rung of a run, for genomes that are written for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from evolve.cli import main

SOURCE = (Path(__file__).parents[3] / "seed_programs" / "muon.py").read_text()


@pytest.fixture
def iso(tmp_path: Path) -> Path:
    """A genome for runs of 14 steps."""
    path = tmp_path / "record.py"
    source = SOURCE.replace("def recipe(model, train_steps)", "def recipe(model, train_steps: Literal[14])")
    path.write_text(source.replace("import torch\n", "from typing import Literal\n\nimport torch\n", 1))
    assert "Literal[14]" in path.read_text()
    return path


def evolve(*args: object):
    return CliRunner().invoke(main, [str(arg) for arg in args], catch_exceptions=False)


def start(genome: Path, folder: Path, *more: object):
    options = ("--islands", 1, "--jobs", 1, "--budget-trials", 4, "--quiet", "--run", folder, "--from", genome)
    return evolve("start", *options, *more)


def test_a_run_is_as_long_as_its_genomes_are_written_for(iso: Path, tmp_path: Path) -> None:
    begun = start(iso, tmp_path / "run", "--task", "nanogpt-tiny", "--train-steps", 14)
    assert begun.exit_code == 0, begun.output
    listed = json.loads(evolve("show", 1, "--run", tmp_path / "run", "--json").output)
    proxies = [trial for trial in listed["trials"] if trial["rung"] == "proxy"]
    assert proxies
    assert {trial["outcome"] for trial in proxies} == {"finished"}
    assert {trial["curve"][-1][0] for trial in proxies} == {14}
    other = tmp_path / "other.py"
    other.write_text(iso.read_text().replace("Literal[14]", "Literal[15]"))
    refused = evolve("add", other, "--run", tmp_path / "run")
    assert refused.exit_code == 2
    assert "other is written for runs of 15 steps" in refused.output
    again = evolve("eval", 1, "--run", tmp_path / "run", "--check", "--jobs", 1)
    assert again.exit_code == 0, again.output
    promoted = evolve("promote", 1, "--run", tmp_path / "run", "--jobs", 1, "--target", 9, "--looks", "2")
    assert promoted.exit_code == 0, promoted.output
    assert "step 14 of 14" in promoted.output


def test_without_the_length_nothing_is_begun_and_it_is_named(iso: Path, tmp_path: Path) -> None:
    begun = start(iso, tmp_path / "run", "--task", "nanogpt-tiny")
    assert begun.exit_code == 2
    assert "record is written for runs of 14 steps" in begun.output
    assert "--train-steps 14" in begun.output
    assert not (tmp_path / "run").exists()


def test_a_task_whose_rungs_differ_takes_no_length(tmp_path: Path) -> None:
    begun = evolve("start", "--task", "charlm", "--train-steps", 100, "--run", tmp_path / "run")
    assert begun.exit_code == 2
    assert "charlm's rungs differ in length" in begun.output


def test_eval_takes_the_length_of_a_file_but_not_beside_known_runs(iso: Path, tmp_path: Path) -> None:
    scored = evolve("eval", iso, "--task", "nanogpt-tiny", "--train-steps", 14, "--jobs", 1, "--json")
    assert json.loads(scored.output)[0]["curve"][-1][0] == 14
    refused = evolve("eval", iso, "--task", "nanogpt-tiny", "--train-steps", 14, "--check")
    assert refused.exit_code == 2
    assert "as long as those" in refused.output

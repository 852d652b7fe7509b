from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from evolve.cli import main

sys.path.insert(0, str(Path(__file__).parent.parent / "verdict"))
from benchmark_logs import curve, log


def evolve(*args: object):
    return CliRunner().invoke(main, ["verdict", *map(str, args)], catch_exceptions=False)


@pytest.fixture
def folder(tmp_path) -> Path:
    rng = random.Random(0)
    for name, end in (("good", 3.27), ("bad", 3.28)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log.txt").write_text(log(*(curve(end, rng) for _ in range(8))))
    return tmp_path


def test_a_group_for_each_folder(folder):
    done = evolve(folder / "good", folder / "bad", "--json")
    assert done.exit_code == 0
    good, bad = json.loads(done.stdout)
    assert (good["record"], good["n"], good["steps"], good["verdict"]) == ("good", 8, 400, "pass")
    assert good["mean"] == pytest.approx(3.27, abs=0.001)
    assert good["sd"] == pytest.approx(0.001, abs=0.0006)
    assert [rule["margin"] for rule in good["rules"]] == [0.004, 0.005]
    assert (bad["verdict"], bad["earliest"]) == ("not shown", None)


def test_the_table_is_for_people(folder):
    done = evolve(folder / "good", folder / "bad", "--rival", "bad")
    assert done.exit_code == 0
    assert "not shown" in done.stdout
    assert "steps saved" in done.stdout


def test_target_and_margin_can_be_set(folder):
    (found,) = json.loads(evolve(folder / "good", "--target", 3.26, "--json").stdout)
    assert found["verdict"] == "not shown"
    (found,) = json.loads(evolve(folder / "bad", "--target", 3.29, "--margin", 0.006, "--json").stdout)
    assert found["verdict"] == "pass"
    for option, value in (("--sigma", 0), ("--target", "nan"), ("--step-worth", "nan"), ("--step-worth", -1)):
        assert evolve(folder / "good", option, value).exit_code == 2


def test_a_rival_from_elsewhere(folder):
    (found,) = json.loads(evolve(folder / "good", "--rival", folder / "bad", "--json").stdout)
    assert (found["rival"]["rival"], found["rival"]["verdict"]) == ("bad", "pass")
    done = evolve(folder / "good", "--rival", "nobody")
    assert done.exit_code == 2
    assert "--rival: expected one of the records read (good)" in done.stderr


def test_damage_is_told_and_the_rest_reported(folder):
    (folder / "broken.jsonl").write_text('{"curve": 3}\n')
    done = evolve(folder / "broken.jsonl", folder / "good", "--json")
    assert done.exit_code == 1
    assert "broken.jsonl:1: expected a list of [step, loss]" in done.stderr
    assert [each["record"] for each in json.loads(done.stdout)] == ["good"]


def test_nothing_readable_is_an_error(tmp_path):
    done = evolve(tmp_path / "missing", "--json")
    assert done.exit_code == 2
    assert "there is no such file or folder" in done.stderr
    assert json.loads(done.stdout) == []

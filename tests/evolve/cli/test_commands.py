"""The commands on a small run made on the simulated landscape."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from evolve.cli import COMMANDS, main

sys.path.insert(0, str(Path(__file__).parent.parent))
import test_engine  # the small run is made there


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    test_engine.search(folder, test_engine.Budget(births=15), test_engine.SimulatedRunner(failing=0.15))
    return folder


@pytest.fixture
def run(finished_run, tmp_path) -> Path:
    return Path(shutil.copytree(finished_run, tmp_path / "run"))


def evolve(*args: object):
    return CliRunner().invoke(main, [str(arg) for arg in args], catch_exceptions=False)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_both_spellings(name):
    short, long = evolve(name, "-h"), evolve(name, "--help")
    assert short.exit_code == 0
    assert short.output == long.output
    assert len(short.output.splitlines()) > 5


def test_help_is_quick_because_it_imports_nothing_heavy():
    program = (
        "import sys; from evolve.cli import main\n"
        "try: main(['-h'])\n"
        "except SystemExit: pass\n"
        "print([name for name in ('torch', 'litellm', 'networkx', 'libcst', 'numpy', 'rich', 'sqlite_utils') "
        "if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_status_json_has_what_scripts_rely_on(run):
    status = json.loads(evolve("status", "--run", run, "--json").output)
    assert status["births"] == 15
    assert sum(status["outcomes"].values()) == status["trials"] > 15
    assert set(status["outcomes"]) == {"finished", "crashed"}
    for key in ("best", "best_seed"):
        assert {"id", "mean", "sd", "rung", "n"} <= status[key].keys()
    assert status["best"]["rung"] == status["best_seed"]["rung"]
    assert status["best"]["mean"] <= status["best_seed"]["mean"]
    assert [island["island"] for island in status["islands"]] == [0, 1]


def test_status_and_ls_for_people(run):
    assert "births" in evolve("status", "--run", run).output
    listing = evolve("ls", "--run", run).output
    assert "perturb" in listing
    assert listing.count("\n") > 15


def test_ls_json_has_one_object_a_program_and_filters(run):
    everything = json.loads(evolve("ls", "--run", run, "--json").output)
    assert len(everything) == 18
    crashed = json.loads(evolve("ls", "--run", run, "--json", "--outcome", "crashed").output)
    assert crashed
    assert all(line["mean"] is None or line["n"] for line in crashed)
    assert json.loads(evolve("ls", "--run", run, "--json", "--rejected").output) == []
    assert len(json.loads(evolve("ls", "--run", run, "--json", "-n", 2, "--order", "newest").output)) == 2


@pytest.mark.parametrize("option", ["--rung", "--operator", "--outcome", "--order"])
def test_ls_refuses_what_there_is_none_of(run, option):
    result = evolve("ls", "--run", run, option, "prxy")
    assert result.exit_code == 2
    assert "prxy" in result.output


def test_show_by_id_digest_and_name(run):
    by_id = json.loads(evolve("show", "seed0", "--run", run, "--json").output)
    assert by_id["name"] == "seed0"
    assert json.loads(evolve("show", by_id["digest"][:10], "--run", run, "--json").output) == by_id
    assert evolve("show", by_id["id"], "--run", run, "--source").output == by_id["source"]
    assert "LR" in evolve("show", 5, "--run", run).output
    parent = json.loads(evolve("show", 5, "--run", run, "--json").output)["parents"][0]
    assert "#5" in evolve("show", parent, "--run", run).output


def test_diff_shows_the_lines(run):
    child = json.loads(evolve("show", 5, "--run", run, "--json").output)
    text = evolve("diff", child["parents"][0], 5, "--run", run).output
    assert "+++" in text
    assert child["moves"][0]["component"] in text


@pytest.mark.parametrize("form", ["dot", "graphml", "mermaid", "json", "tree", "svg"])
def test_lineage_formats(run, tmp_path, form):
    target = tmp_path / f"out.{form}"
    done = evolve("lineage", "--run", run, "--format", form, "-o", target)
    assert done.exit_code == 0
    assert "5" in target.read_text()
    if form == "json":
        assert len(json.loads(target.read_text())["nodes"]) == 18


def test_lineage_page_is_one_file(run, tmp_path):
    assert evolve("lineage", 5, "--run", run, "-o", tmp_path / "page.html").exit_code == 0
    assert "<canvas" in (tmp_path / "page.html").read_text()


def test_seeds_lists_the_seed_programs():
    names = [line["name"] for line in json.loads(evolve("seeds", "--json").output)]
    assert len(names) >= 10
    assert {"adamw", "muon", "soap"} <= set(names)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["strat"], "Did you mean start"),
        (["status", "--run", "nowhere"], "holds no run"),
        (["show", "99", "--run", "RUN"], "Near matches: 18"),
        (["show", "sed1", "--run", "RUN"], "Near matches: seed"),
        (["diff", "1", "zz", "--run", "RUN"], "No program goes by 'zz'"),
        (["start", "--islands", "0"], "0 is not in the range"),
        (["start", "--islands", "many"], "not a valid integer"),
        (["start", "--budget-time", "soon"], "expected a positive duration"),
        (["start", "--budget-births", "-3"], "not in the range"),
        (["start", "--pressure", "nan"], "expected a number, got nan"),
        (["start", "--budget-gpu-hours", "inf"], "expected a number, got inf"),
        (["start", "--task", "imagenet"], "--task: expected charlm, nanogpt, nanogpt-tiny; got imagenet"),
        (["start", "--operators", "magic"], "--operators: expected perturb"),
        (["start", "--join"], "--join goes with --from"),
        (["start", "--from", "BAD"], "not valid Python"),
        (["start", "--from", "IMPORTS"], "os"),
        (["start", "--from", "EMPTY"], "holds no .py file"),
        (["start", "--run", "RUN"], "holds a run already"),
        (["resume", "--run", "nowhere"], "holds no run"),
        (["add", "BAD", "--run", "RUN"], "not valid Python"),
        (["add", "missing.py", "--run", "RUN"], "does not exist"),
        (["eval", "missing.py"], "does not exist"),
        (["promote", "99", "--run", "RUN"], "No program goes by '99'"),
        (["lineage", "--run", "RUN", "-o", "x.docx"], "says no format"),
        (["lineage", "--run", "RUN", "--format", "html"], "name it with -o"),
    ],
)
def test_bad_input_gets_a_clear_error_and_exit_code_2(run, tmp_path, monkeypatch, args, expected):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.py").write_text("def recipe(:")
    (tmp_path / "imports.py").write_text("import os\n\n\ndef recipe(model, train_steps):\n    return {}\n")
    (tmp_path / "empty").mkdir()
    places = {"RUN": str(run), "BAD": "bad.py", "IMPORTS": "imports.py", "EMPTY": "empty"}
    before = (run / "population.db").read_bytes()
    done = evolve(*(places.get(arg, arg) for arg in args))
    assert done.exit_code == 2, done.output
    assert expected in done.output
    assert (run / "population.db").read_bytes() == before
    assert not (tmp_path / "runs").exists()


def test_a_corrupt_and_a_newer_database_are_told_apart(run):
    import sqlite3

    connection = sqlite3.connect(run / "population.db")
    names = (name for (name,) in connection.execute("select name from sqlite_master"))
    table = next(name for name in names if "migrations" in name)
    columns = [row[1] for row in connection.execute(f"pragma table_info({table})")]
    values = {"migration_set": "evolve", "name": "9999_from_the_future", "applied_at": "2099-01-01"}
    names = [column for column in columns if column in values]
    marks = ", ".join("?" for _ in names)
    connection.execute(f"insert into {table} ({', '.join(names)}) values ({marks})", [values[name] for name in names])
    connection.commit()
    connection.close()
    newer = evolve("status", "--run", run)
    assert newer.exit_code == 2
    assert "newer version" in newer.output
    (run / "population.db").write_bytes(b"not a database at all" * 100)
    corrupt = evolve("status", "--run", run)
    assert corrupt.exit_code == 2
    assert "not an SQLite database" in corrupt.output


def test_reading_needs_no_write_permission(run):
    files = [run, *run.iterdir()]
    for path in files:
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    try:
        assert evolve("status", "--run", run).exit_code == 0
    finally:
        for path in files:
            path.chmod(path.stat().st_mode | stat.S_IWUSR)


def test_a_live_run_can_be_read_but_not_resumed_or_promoted(run):
    from evolve.run import Run

    with Run(run).lock():
        assert json.loads(evolve("status", "--run", run, "--json").output)["live"]
        for args in (["resume", "--run", run], ["promote", "1", "--run", run]):
            done = evolve(*args)
            assert done.exit_code == 2
            assert f"process {os.getpid()}" in done.output


def test_add_waits_in_the_inbox_and_a_known_genome_is_named(run, tmp_path):
    import test_engine as engine

    new, known = tmp_path / "mine.py", tmp_path / "known.py"
    new.write_text(engine.genome(0.017))
    known.write_text(engine.SEEDS[0] + "\n# a comment does not make it another genome\n")
    assert "waits" in evolve("add", new, "--run", run).output
    assert "is program 1" in evolve("add", known, "--run", run).output
    assert len(list((run / "inbox").glob("*.py"))) == 1

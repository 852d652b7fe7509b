"""`promote`, `verdict`, `eval --check` and `export` one after the other, on a model that a processor trains at once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from evaluator.tasks.shards import write_note, write_shard
from evolve.birth import entered
from evolve.cli import main
from evolve.config import Config
from evolve.exporting.marks import genome_in
from evolve.genomes import shipped
from population.genome import digest
from population.store import Store

PLAN = ["--target", 5.4, "--train-steps", 8, "--validate-every", 4, "--looks", "3,4"]


def evolve(*args: object):
    return CliRunner().invoke(main, [*map(str, args)], catch_exceptions=False)


def written(shards: Path, tokens: int) -> None:
    """A folder of shards, with so many tokens to train on."""
    shards.mkdir()
    text = np.arange(4000, dtype=np.uint16) % 256
    write_shard(shards / "text_train_000000.bin", text[:tokens])
    write_shard(shards / "text_val_000000.bin", text)
    write_note(shards, 256)


def begun(folder: Path, text: str = "") -> None:
    """A run of two programs."""
    folder.mkdir(exist_ok=True)
    Store.create(folder / "population.db", Config(task="nanogpt-tiny", text=text).as_dict()).close()
    with Store.open(folder / "population.db", write=True) as store:
        for id, genome in enumerate((g for g in shipped() if g.name in ("adamw", "muon")), 1):
            store.append_program(replace(entered(genome, "seed", id), seq=id))


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Path:
    """A run of two programs, the second promoted."""
    folder = tmp_path_factory.mktemp("run")
    begun(folder)
    done = evolve("promote", 2, "--run", folder, *PLAN)
    assert done.exit_code == 0, done.output
    assert "accepted: shown to reach 5.4 from step 4 on, with 3 runs" in " ".join(done.output.split())
    return folder


def test_promoting_again_shows_the_same_and_runs_nothing(run):
    done = evolve("promote", 2, "--run", run, "--json")
    told = json.loads(done.stdout)
    assert (told["outcome"], told["n"], told["made"]) == ("accept", 3, 3)
    assert "rng_seed 3000:" not in done.stderr
    assert [row["rng_seed"] for row in told["runs"]] == [3000, 3001, 3002]


def test_the_logs_give_the_same_verdict(run):
    (found,) = json.loads(evolve("verdict", run / "promotions" / "0002-nanogpt-tiny", "--json").stdout)
    assert (found["verdict"], found["n"], found["steps"]) == ("pass", 3, 8)
    assert found["plan"]["outcome"] == "accept"
    assert found["rules"][0]["target"] == 5.4
    (other,) = json.loads(evolve("verdict", run / "promotions" / "0002-nanogpt-tiny", "--target", 1.0, "--json").stdout)
    assert other["verdict"] == "not shown"


def test_the_runs_can_be_made_again_from_the_folder_alone(run):
    done = evolve("eval", run / "promotions" / "0002-nanogpt-tiny", "--check", "--rng-seed", 3001)
    assert done.exit_code == 0
    assert "equal" in done.stdout


def test_a_text_that_is_begun_again_is_told_by_the_length_of_the_runs(tmp_path):
    shards, folder = tmp_path / "shards", tmp_path / "run"
    written(shards, 2562)  # ten steps
    begun(folder)
    on = ("--run", folder, "--data", shards, "--target", 9, "--looks", 2)
    assert "note:" not in evolve("promote", 1, *on, "--train-steps", 10).output
    again = evolve("promote", 2, *on, "--train-steps", 15)
    assert "note: a trial of the full rung reads the text 1.50 times" in again.stderr
    promotion = folder / "promotions" / "0002-nanogpt-tiny"
    remade = evolve("eval", promotion, "--data", shards, "--check")
    assert remade.exit_code == 0
    assert "reads the text 1.50 times" in remade.stderr
    elsewhere = evolve("eval", promotion, "--check")
    assert elsewhere.exit_code == 2
    assert "was made on other data than what is known here: name its own with --data" in " ".join(
        elsewhere.stderr.split()
    )


def test_a_promotion_is_made_again_on_the_data_of_the_run_around_it(tmp_path):
    shards, folder = tmp_path / "shards", tmp_path / "run"
    written(shards, 4000)
    begun(folder, text=str(shards))
    assert evolve("promote", 2, "--run", folder, *PLAN).exit_code == 0
    assert evolve("eval", folder / "promotions" / "0002-nanogpt-tiny", "--check").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((2, "--task", "charlm"), "--task: a program is scored as its run has it"),
        ((2, "--data", "."), "--data: a program is scored as its run has it"),
        (("promotions/0002-nanogpt-tiny", "--rung", "smoke"), "--rung: a promotion is made again as its plan has it"),
    ],
)
def test_what_is_decided_cannot_be_asked_for(arguments, expected, run, monkeypatch):
    monkeypatch.chdir(run)
    done = evolve("eval", *arguments, "--run", run)
    assert done.exit_code == 2
    assert expected in " ".join(done.stderr.split())


def test_export_writes_once_and_the_script_holds_the_genome(run, tmp_path):
    done = evolve("export", 2, "--run", run, "-o", tmp_path / "out")
    assert done.exit_code == 0, done.output
    script = (tmp_path / "out" / "train_gpt_simple.py").read_text()
    assert digest(genome_in(script)) == next(genome.digest for genome in shipped() if genome.name == "muon")
    assert "train_steps = 8\n" in script
    assert json.loads((tmp_path / "out" / "results.json").read_text())["num_runs"] == 3
    assert "everything is there already" in evolve("export", 2, "--run", run, "-o", tmp_path / "out").stdout
    assert "not promoted" not in (tmp_path / "out" / "README.md").read_text()


def test_export_without_a_promotion_says_so(run, tmp_path):
    done = evolve("export", 1, "--run", run, "-o", tmp_path / "out")
    assert done.exit_code == 0
    assert "no promotion on nanogpt" in done.stderr
    assert "train_steps = 3250\n" in (tmp_path / "out" / "train_gpt_simple.py").read_text()


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["promote", 2, "--run", "RUN", "--target", 5.0], "cannot become 5.0"),
        (["promote", 1, "--run", "RUN", "--looks", "3,4"], "--looks: nanogpt-tiny has no target loss of its own"),
        (["promote", 1, "--run", "RUN", *PLAN, "--looks", "4,3"], "expected increasing numbers of runs"),
        (["promote", 1, "--run", "RUN", *PLAN, "--claim", 5], "claimed step 5 is none of the validated ones"),
        (["promote", 1, "--run", "RUN", *PLAN, "--retune", "nothing"], "What can be scaled: "),
        (["promote", 2, "--run", "RUN", "--rival", 1], "program 1 has no runs on nanogpt-tiny"),
        (["promote", 1, "--run", "RUN", "--task", "nanogpt", "--data", "EMPTY"], "holds no token shards"),
        (["promote", 1, "--run", "RUN", "--task", "charlm"], "say what is to be reached on charlm with --target"),
        (["promote", 1, "--run", "RUN", *PLAN, "--target", "nan"], "must be finite"),
        (["export", 9, "--run", "RUN"], "No program goes by '9'"),
        (["export", 1, "--run", "RUN", "-o", "EMPTY/x", "--base", "BASE"], "expected one section 'Optimizer'"),
    ],
)
def test_bad_input_gets_a_clear_error_and_changes_nothing(run, tmp_path, args, expected):
    (tmp_path / "base.py").write_text("x = 1\n")
    places = {"RUN": run, "EMPTY": tmp_path, "EMPTY/x": tmp_path / "x", "BASE": tmp_path / "base.py"}
    with Store.open(run / "population.db") as store:
        before = store.last_rows()
    done = evolve(*(places.get(str(arg), arg) for arg in args))
    assert done.exit_code == 2
    assert expected in " ".join(done.output.split())
    with Store.open(run / "population.db") as store:
        assert store.last_rows() == before
    assert not (tmp_path / "x").exists()


def test_a_machine_without_a_card_is_told(run, tmp_path, monkeypatch):
    import numpy as np

    from evaluator.tasks import nanogpt
    from evaluator.tasks.shards import write_shard
    from evolve import slots

    monkeypatch.setattr(slots, "gpus", lambda: ())
    monkeypatch.setattr(nanogpt, "_check_enough", lambda *arguments: None)
    for kind in ("train", "val"):
        write_shard(tmp_path / f"x_{kind}_000000.bin", np.zeros(5000, dtype=np.uint16))
    done = evolve("promote", 1, "--run", run, "--task", "nanogpt", "--data", tmp_path)
    assert done.exit_code == 2
    assert "trained on NVIDIA cards" in " ".join(done.output.split())

from __future__ import annotations

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent.parent / "promoting"))
import test_engine
from promotions import LOOKS, made_terms
from simulated import SimulatedRunner

from evolve.budget import Budget
from evolve.exporting.curves import curves_svg
from evolve.exporting.folder import files, put
from evolve.exporting.marks import ExportError
from evolve.exporting.results import results
from evolve.exporting.submission import gather
from evolve.promoting.carry import until_decided
from evolve.promoting.terms import freeze, rung_of
from evolve.pruning.plan import REPORT
from evolve.verdict.read import read_all
from population.rows import EventRow
from population.store import Store

SCRIPT = "import os\nimport sys\nimport torch\n"
FIELDS = ["agent_id", "timestamp", "experiment", "optimizer", "steps_to_3_28", "final_val_loss", "num_runs"]
FIELDS += ["mean_val_loss", "std_val_loss", "key_hparams", "notes"]


@pytest.fixture
def store(tmp_path):
    test_engine.search(tmp_path, Budget(births=4))
    with Store.open(tmp_path / "population.db", write=True) as store:
        yield store


def submission(store: Store, target: float = 9.0, runner: SimulatedRunner | None = None, task: str = "simulated"):
    from promotions import FULL

    terms = freeze(store, replace(made_terms(store, 1, target), task=task))
    until_decided(store, terms, rung_of(FULL, 1000, 1000, LOOKS[-1], 3000), runner or SimulatedRunner())
    return gather(store, 1, task, "run")


def test_the_folder_has_everything_and_its_logs_give_the_verdict(store, tmp_path):
    texts = files(submission(store), SCRIPT, "somebody")
    assert {name.partition("/")[0] for name in texts} == {
        "train_gpt_simple.py",
        "results.json",
        "README.md",
        "plan.json",
        "curves.svg",
        "logs",
    }
    out = tmp_path / "out"
    assert put(out, texts, force=False) == len(texts)
    assert put(out, texts, force=False) == 0
    assert len(read_all([str(out)]).runs) == 3
    assert all((out / name).read_text().startswith(SCRIPT) for name in texts if name.startswith("logs/"))


def test_nothing_is_overwritten_unless_asked(store, tmp_path):
    texts = files(submission(store), SCRIPT, "somebody")
    put(tmp_path, {**texts, "README.md": "mine"}, force=False)
    with pytest.raises(ExportError, match=r"other files of these names: README.md\. .* --force"):
        put(tmp_path, texts, force=False)
    assert (tmp_path / "README.md").read_text() == "mine"
    assert put(tmp_path, texts, force=True) == 1
    (tmp_path / "file").write_text("")
    with pytest.raises(ExportError, match="-o"):
        put(tmp_path / "file", texts, force=True)


def test_results_have_the_fields_and_say_nothing_that_was_not_measured(store):
    found = submission(store)
    told = results(found, "somebody")
    assert list(told) == FIELDS
    assert told["num_runs"] == 3
    assert told["steps_to_3_28"] is None, "another target, another task"
    assert told["mean_val_loss"] == pytest.approx(sum(row.value for row in found.promoted.runs) / 3)
    assert told["key_hparams"]["LR"] > 0
    json.dumps(told, allow_nan=False)
    bare = results(gather(store, 2, "nanogpt", "run"), "somebody")
    assert (bare["num_runs"], bare["timestamp"], bare["final_val_loss"]) == (0, None, None)
    assert "Not promoted" in bare["notes"]


def test_steps_to_3_28_are_those_of_the_benchmark_alone(store):
    found = submission(store, 3.28, SimulatedRunner(value=lambda source: 3.0), task="nanogpt")
    assert results(found, "x")["steps_to_3_28"] == 1000
    other = submission_of_hard_target(store)
    assert results(other, "x")["steps_to_3_28"] is None


def submission_of_hard_target(store: Store):
    terms = freeze(store, replace(made_terms(store, 2, 3.28), task="nanogpt"))
    from promotions import FULL

    runner = SimulatedRunner(value=lambda source: 3.5)
    until_decided(store, terms, rung_of(FULL, 1000, 1000, LOOKS[-1], 3000), runner)
    return gather(store, 2, "nanogpt", "run")


def test_failed_runs_are_told(store):
    texts = files(submission(store, runner=SimulatedRunner(failing=1.0)), SCRIPT, "somebody")
    assert "crashed" in texts["README.md"]
    assert "1 of 1 runs failed" in texts["README.md"]
    ElementTree.fromstring(texts["curves.svg"])


def test_there_is_no_mean_without_the_runs_that_failed(store):
    found = submission(store)
    runs = found.promoted.runs
    broken = (*runs[:-1], replace(runs[-1], outcome="diverged", value=None))
    told = results(replace(found, promoted=replace(found.promoted, runs=broken)), "x")
    assert (told["num_runs"], told["mean_val_loss"], told["final_val_loss"]) == (3, None, None)


def test_the_readme_shows_measured_worths_or_no_table_at_all(store):
    found = submission(store)
    assert "## Ablations" not in files(found, SCRIPT, "x")["README.md"]
    part = {"name": "a", "kind": "function", "note": "a | b <script>", "worth": 0.01, "low": 0.0, "high": 0.02, "n": 4}
    report = {
        "program": 1,
        "base": 1,
        "result": 1,
        "rung": "proxy",
        "level": 0.05,
        "parts": [part | {"fate": "needed"}],
    }
    last = store.last_rows()
    store.append_event(EventRow(last.event + 1, REPORT, report, 0.0, last.seq + 1))
    text = files(gather(store, 1, "simulated", "run"), SCRIPT, "x")["README.md"]
    (row,) = (line for line in text.splitlines() if line.startswith("| function"))
    assert row.count("|") == 7
    assert "+0.0100" in row
    assert "<script" not in text


@pytest.mark.parametrize("steps", [(0, 1), (0, 60), tuple(range(0, 3251, 125))])
def test_curves_stay_inside_the_picture(steps):
    runs = [[(step, 11 * 0.999**step + place / 100) for step in steps] for place in range(3)]
    text = curves_svg("a <b> & c", runs, 3.28, steps[-1])
    ElementTree.fromstring(text)
    points = re.findall(r"(-?[\d.]+),(-?[\d.]+)", " ".join(re.findall(r'points="([^"]*)"', text)))
    assert points
    assert all(0 <= float(x) <= 960 and 0 <= float(y) <= 400 for x, y in points)
    ElementTree.fromstring(curves_svg("none", [], 3.28, None))
    ElementTree.fromstring(curves_svg("odd", [[(0, float("nan"))]], 3.28, None))

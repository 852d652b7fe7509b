from __future__ import annotations

import json
import math
import random

import pytest
from benchmark_logs import RULE, SOURCE, STEPS, curve, lines, log
from hypothesis import given
from hypothesis import strategies as st

from evolve.verdict.jsonl import read_jsonl
from evolve.verdict.read import read_all
from evolve.verdict.text_logs import read_text_log

FIRST, SECOND = (curve(3.27, random.Random(i)) for i in (1, 2))


def read(text: str):
    return read_text_log(text, "log.txt", "a")


def curves(text: str) -> list[dict[int, float]]:
    return [dict(run.curve) for run in read(text).runs]


def said(reading) -> list[str]:
    return [str(problem) for problem in reading.problems]


def test_a_log_with_its_source_is_one_run():
    found = read(log(FIRST))
    assert found.problems == ()
    (run,) = found.runs
    assert (dict(run.curve), run.train_steps, run.record) == (FIRST, 400, "a")
    assert run.where == "log.txt:14"
    assert run.source


def test_a_counter_that_goes_back_begins_the_next_trial():
    assert curves(log(FIRST, SECOND, FIRST)) == [FIRST, SECOND, FIRST]


def test_trials_that_do_not_validate_step_0_are_told_apart_too():
    late = [{s: v for s, v in c.items() if s} for c in (FIRST, SECOND)]
    assert curves(log(*late)) == late


def test_captured_output_without_a_source_reads_alike():
    output = ["W0518 run.py] ****", *lines(FIRST, console=True), "done", *lines(SECOND, console=True)]
    assert curves("\n".join(output)) == [FIRST, SECOND]


def test_rule_lines_between_trials_hide_none():
    assert curves("\n".join([*lines(FIRST), RULE, *lines(SECOND), RULE])) == [FIRST, SECOND]


def test_a_warning_that_quotes_code_is_no_source():
    warning = ["x.py:63: FutureWarning: use another package", "  import old  # type: ignore"]
    assert curves("\n".join([*warning, *lines(FIRST), RULE, *lines(SECOND)])) == [FIRST, SECOND]


def test_what_a_launcher_prints_once_more_is_no_trial():
    again = [line for line in lines(FIRST) if line.startswith(("step:360/", "step:400/"))]
    assert curves("\n".join([*lines(FIRST), "seed 1 done", *again, *lines(SECOND)])) == [FIRST, SECOND]


def test_every_line_twice_is_still_one_trial():
    assert curves("\n".join(line for line in lines(FIRST) for _ in range(2))) == [FIRST]


def test_a_trial_that_died_before_its_first_validation_is_a_run():
    output = [*lines(FIRST, console=True), "step:1/400 train_time:1s", "step:2/400 train_time:2s"]
    assert curves("\n".join(output)) == [FIRST, {}]


def test_losses_that_are_not_finite_stay_what_they_are():
    (run,) = read(log({**FIRST, 400: math.nan})).runs
    assert math.isnan(run.curve[400])


@pytest.mark.parametrize("loss", ["3.2x", "", "None", "--", "0.0", "-1", "-inf"])
def test_a_loss_that_cannot_be_is_named_with_its_line(loss):
    text = log(FIRST).replace(f"step:400/400 val_loss:{FIRST[400]:.5f}", f"step:400/400 val_loss:{loss}")
    found = read(text)
    (problem,) = said(found)
    assert problem.startswith(f"log.txt:{13 + len(STEPS)}: expected")
    assert set(STEPS) - set(found.runs[0].curve) == {400}


def test_a_number_cut_off_at_the_end_of_a_log_is_left_out():
    text = "\n".join([SOURCE, RULE, *lines(FIRST)])
    cut = text[: text.rindex("val_loss:") + len("val_loss:3.2")]
    found = read(cut)
    assert 400 not in found.runs[0].curve
    assert "cut off" in said(found)[0]


@pytest.mark.parametrize(
    "text", ["hello\nworld\n", SOURCE.replace("step:7", "at 7"), f"{SOURCE}{RULE}\nstep:1/2 train_time:1s\n"]
)
def test_what_holds_no_validation_is_no_log(text):
    found = read(text)
    assert found.runs == ()
    assert "no validation was found" in said(found)[0]


def test_other_columns_are_told_and_not_read():
    (run,) = read("step:1/2 val_loss:3.2 val_ema_loss:3.1\nstep:2/2 val_loss:3.1 val_ema_loss:3.0\n").runs
    assert (dict(run.curve), run.others) == ({1: 3.2, 2: 3.1}, ("val_ema_loss",))


def test_another_column_is_named():
    assert "val_ema_loss" in said(read("step:1/2 val_ema_loss:3.2\n"))[0]


@given(st.text(alphabet=st.sampled_from("step:0123456789/ val_loss.=\nnaimport\r"), max_size=300))
def test_nonsense_never_raises(text):
    read(text)
    read_jsonl(text, "x.jsonl", "a")


@given(st.lists(st.integers(2, 9), min_size=1, max_size=5), st.booleans(), st.integers(0, 10**6))
def test_as_many_trials_come_back_as_were_written(counts, console, seed):
    rng = random.Random(seed)
    written = [curve(3.27, rng, range(0, 40 * count + 1, 40)) for count in counts]
    text = "\n".join(line for trial in written for line in lines(trial, console=console))
    assert curves(text) == written


def row(**rest) -> str:
    return json.dumps({"record": 7, "curve": [[0, 10.8], [100, 3.2]], **rest})


def test_rows_are_runs_with_claims():
    (run,) = read_jsonl(row(record_steps=100, claimed_mean=3.2, claimed_n=4), "r.jsonl", "a").runs
    assert (run.record, dict(run.curve), run.where) == (7, {0: 10.8, 100: 3.2}, "r.jsonl:1")
    assert (run.claim.steps, run.claim.mean, run.claim.n) == (100, 3.2, 4)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "expected a JSON object"),
        ("[1, 2]", "expected a JSON object"),
        ('{"record": 1}', "expected a JSON object"),
        (row(curve=5), "list of [step, loss]"),
        (row(curve=[5]), "expected [step, loss]"),
        (row(curve=[[1, "x"]]), "number or null"),
        (row(curve=[[1, True]]), "number or null"),
        (row(curve=[[1, 0.0]]), "above 0"),
        (row(curve=[["a", 3.2]]), "whole number as step"),
        (row(curve=[[1.5, 3.2]]), "whole number as step"),
        (row(curve=[[-1, 3.2]]), "0 or more"),
        (row(curve=[[1, 3.2], [1, 3.3]]), "two losses"),
        (row(record=[1]), "as `record`"),
        (row(claimed_n="x"), "`claimed_n`"),
        (row(record_steps=1.5), "whole number as `record_steps`"),
        ("[" * 100_000, "expected a JSON object"),
        (row(curve=[[10**400, 3.2]]), "whole number as step"),
        (row(curve=[[1, 10**400]]), "number or null"),
        (row(claimed_mean=10**400), "`claimed_mean`"),
        ('{"curve": [[1, 1' + "0" * 5000 + "]]}", "expected a JSON object"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_the_others_stay(line, words):
    found = read_jsonl(f"{row()}\n\n{line}\n{row()}\n", "r.jsonl", "a")
    assert len(found.runs) == 2
    (problem,) = said(found)
    assert problem.startswith("r.jsonl:3: ")
    assert words in problem
    assert len(problem) < 400


def test_null_and_nan_are_losses_that_are_not_finite():
    for text in ('{"curve": [[1, null]]}', '{"curve": [[1, NaN]]}'):
        (run,) = read_jsonl(text, "r.jsonl", "name").runs
        assert run.record == "name"
        assert math.isnan(run.curve[1])


def test_folders_files_and_globs(tmp_path):
    folder = tmp_path / "recipe"
    (folder / "seeds").mkdir(parents=True)
    (folder / "seeds" / "1.txt").write_text(log(FIRST))
    (folder / "2.txt").write_text(log(SECOND))
    (folder / "requirements.txt").write_text("torch\n")
    (folder / "README.md").write_text("step:400/400 val_loss:1.0\n")
    by_folder = read_all([str(folder)])
    assert by_folder.problems == ()
    assert by_folder.passed_over == (str(folder / "requirements.txt"),)
    assert [(run.record, dict(run.curve)) for run in by_folder.runs] == [("recipe", SECOND), ("recipe", FIRST)]
    by_glob = read_all([f"{folder}/**/[12].txt", str(folder / "2.txt")])
    assert sorted(str(run.record) for run in by_glob.runs) == ["1", "2"]  # each file once, each alone in its folder
    assert by_glob.problems == ()


def test_a_log_that_ended_before_its_first_validation_is_told_even_in_a_folder(tmp_path):
    (tmp_path / "1.txt").write_text(log(FIRST))
    (tmp_path / "2.txt").write_text(log())
    found = read_all([str(tmp_path)])
    assert len(found.runs) == 1
    assert [problem.where for problem in found.problems] == [str(tmp_path / "2.txt")]


def test_files_of_one_folder_are_one_group_and_folders_of_one_name_are_not(tmp_path):
    for parent in ("a", "b"):
        folder = tmp_path / parent / "logs"
        folder.mkdir(parents=True)
        for i in (1, 2):
            (folder / f"{i}.txt").write_text(log(curve(3.27, random.Random(f"{parent}{i}"))))
    names = [run.record for run in read_all([f"{tmp_path}/*/logs/*.txt"]).runs]
    assert names == [str(tmp_path / parent / "logs") for parent in "aabb"]
    assert {run.record for run in read_all([f"{tmp_path}/a/logs/*.txt"]).runs} == {"logs"}
    assert {run.record for run in read_all([str(tmp_path / "a"), str(tmp_path / "b")]).runs} == {"a", "b"}


def test_what_cannot_be_read_is_named_and_the_rest_is_read(tmp_path):
    (tmp_path / "empty.txt").write_text("")
    (tmp_path / "binary.txt").write_bytes(b"\0\1\2" * 100)
    (tmp_path / "nothing").mkdir()
    (tmp_path / "good.txt").write_text(log(FIRST))
    names = ("empty.txt", "binary.txt", "nothing", "missing.txt", "*.none", "good.txt")
    found = read_all([str(tmp_path / name) for name in names])
    assert len(found.runs) == 1
    assert sorted(p.where for p in found.problems) == sorted(str(tmp_path / name) for name in names[:-1])


def test_json_lines_are_known_by_their_name_or_their_first_sign(tmp_path):
    (tmp_path / "runs.jsonl").write_text(row())
    (tmp_path / "runs.dat").write_text(row())
    found = read_all([str(tmp_path / "runs.jsonl"), str(tmp_path / "runs.dat")])
    assert [run.record for run in found.runs] == [7, 7]

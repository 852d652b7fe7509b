from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from evolve.run import Run, RunError, find_run, is_live, new_run


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def begun(run: Run) -> Run:
    run.database.touch()
    return run


def test_new_runs_are_numbered_and_the_newest_is_found():
    first, second = begun(new_run(None)), begun(new_run(None))
    assert [str(run.folder) for run in (first, second)] == ["runs/0001", "runs/0002"]
    assert find_run(None) == second
    assert find_run(first.folder) == first


def test_a_folder_without_a_run_is_passed_over():
    first = begun(new_run(None))
    new_run(None)
    assert find_run(None) == first


def test_errors_say_what_to_do(tmp_path):
    with pytest.raises(RunError, match="evolve start"):
        find_run(None)
    with pytest.raises(RunError, match="holds no run"):
        find_run(tmp_path / "nowhere")
    begun(new_run(tmp_path / "mine"))
    with pytest.raises(RunError, match="evolve resume --run"):
        new_run(tmp_path / "mine")
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.tex").touch()
    with pytest.raises(RunError, match="not an empty folder"):
        new_run(full)
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot make"):
        new_run(tmp_path / "file" / "under")


def test_one_writer_at_a_time():
    run = new_run(None)
    with run.lock():
        assert is_live(run)
        with pytest.raises(RunError, match=rf"live run .process {os.getpid()}"), run.lock():
            pass
    assert not is_live(run)
    with run.lock():
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    run = new_run(None)
    program = (
        "import sys, time; from pathlib import Path; from evolve.run import Run\n"
        f"with Run(Path({str(run.folder)!r})).lock(): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert is_live(run)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with run.lock():
        pass

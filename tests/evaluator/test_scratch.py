from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from evaluator.scratch import Scratch


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_a_folder_lives_until_it_is_removed() -> None:
    scratch = Scratch()
    (scratch.path / "file").touch()
    other = Scratch()
    assert (scratch.path / "file").exists()
    scratch.remove()
    assert not scratch.path.exists()
    assert other.path.exists()
    other.remove()


def test_the_folder_of_a_killed_owner_is_swept(tmp_path: Path) -> None:
    code = "import os, sys, tempfile; tempfile.tempdir = sys.argv[1]; \
from evaluator.scratch import Scratch; s = Scratch(); print(s.path, flush=True); os.kill(os.getpid(), 9)"
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    left = Path(killed.stdout.strip())
    assert left.is_dir()
    Scratch().remove()
    assert not left.exists()


def test_a_link_among_temporary_files_leads_to_nothing_that_is_swept(tmp_path: Path) -> None:
    precious = tmp_path / "runs" / "0001"
    precious.mkdir(parents=True)
    (precious / "lock").touch()
    (precious / "population.db").touch()
    (tmp_path / "evolve-evaluator-link").symlink_to(precious)
    half = tmp_path / "evolve-evaluator-half"
    half.mkdir()
    (half / "lock").symlink_to(precious / "lock")
    Scratch().remove()
    assert sorted(path.name for path in precious.iterdir()) == ["lock", "population.db"]
    assert half.exists()

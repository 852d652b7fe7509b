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

"""`evolve start --model` as users type it: real trials, the real client, a loopback server; then without the server."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from evolve.cli import main
from population.store import Store

sys.path.insert(0, str(Path(__file__).parent.parent))
from fake_models import fake_models
from simulated_models import with_rate

KEY = "sk-secret-0123456789"
SEED = Path(__file__).parents[3] / "seed_programs" / "adamw.py"


def evolve(*args: object, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "evolve", *map(str, args)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def programs(folder: Path):
    with Store.open(folder / "population.db") as store:
        return [(row.digest, row.source, row.operator, row.parents, row.hypothesis) for row in store.programs()]


def test_a_run_with_a_model_and_its_replay(tmp_path):
    replies = iter(range(1, 1000))
    run, again = tmp_path / "run", tmp_path / "again"
    with fake_models(
        lambda messages: with_rate(messages[1]["content"], "HIDDEN_LR", 0.006 + 0.0003 * next(replies))
    ) as fake:
        options = ["--from", SEED, "--islands", 1, "--budget-births", 3, "--calls", 2, "--quiet", "--jobs", 2]
        priced = ["--model", "openai/fake=2", "--price", "openai/fake=1,2", "--budget-usd", 5]
        evolve("start", *options, *priced, "--run", run, OPENAI_API_BASE=fake.url, OPENAI_API_KEY=KEY)
        assert fake.requests
        asked = len(fake.requests)
    found = programs(run)
    assert len(found) == 4
    assert any(operator.startswith("llm_") and said for _, _, operator, _, said in found)
    with Store.open(run / "population.db") as store:
        assert sum(row.usd for row in store.replies()) == pytest.approx(asked * 0.0014)
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()
    assert "equal" in evolve("eval", 1, "--check", "--run", run)
    evolve("start", "--replay", run, "--run", again, "--quiet", OPENAI_API_BASE="http://127.0.0.1:9/v1")
    assert programs(again) == found
    assert "openai/fake" in evolve("status", "--run", again)


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["--model", "openai/no-such=x"], "expected NAME or NAME=WEIGHT"),
        (["--operators", "llm_diff"], "ask a language model: name one with --model"),
        (["--budget-usd", "1"], "name one with --model"),
        (["--price", "a=1"], "expected NAME=READ,WRITE"),
        (["--replay", ".", "--islands", "2"], "leave out --islands"),
        (["--operators", "llm_dif", "--model", "openai/x"], "expected perturb"),
    ],
)
def test_wrong_options_are_told_before_anything_is_made(tmp_path, args, told):
    done = CliRunner().invoke(main, ["start", "--run", str(tmp_path / "run"), *args])
    assert done.exit_code == 2
    assert told in " ".join(done.output.split())
    assert not (tmp_path / "run").exists()


def test_a_missing_key_is_told_and_the_run_goes_on_and_says_why_nothing_was_answered(tmp_path, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    options = ["--from", SEED, "--islands", 1, "--budget-births", 1, "--quiet", "--model", "openai/fake", "--calls", 1]
    command = [sys.executable, "-m", "evolve", "start", *map(str, options), "--run", str(tmp_path / "run")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "openai/fake is usually asked with OPENAI_API_KEY, not set here" in done.stderr
    assert re.search(r"models: (\d+) of \1 calls had no answer; the last: .*Missing credentials", done.stdout)


def test_an_unknown_price_with_a_limit_on_money_is_told(tmp_path):
    args = ["start", "--run", str(tmp_path / "run"), "--model", "openai/no-such-model", "--budget-usd", "1"]
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 2
    assert "--price openai/no-such-model=READ,WRITE" in " ".join(done.output.split())


def test_a_budget_in_which_no_call_fits_is_told(tmp_path):
    args = ["start", "--run", str(tmp_path / "run"), "--model", "openai/x", "--budget-tokens", "5000"]
    done = CliRunner().invoke(main, args)
    assert done.exit_code == 2
    assert "not one call fits" in " ".join(done.output.split())
    assert not (tmp_path / "run").exists()

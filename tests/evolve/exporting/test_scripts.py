"""Scripts run alone, on a processor: the losses are those of the engine's trial, to the last bit."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from texts import HOOKS, STRAIGHT, TRIALS

from evaluator.pool import Evaluator
from evaluator.records import TrialRequest
from evaluator.tasks.nanogpt import NanoGPT
from evaluator.tasks.shards import read_shard, write_note, write_shard
from evaluator.tasks.text import load_text
from evolve.exporting.marks import ExportError
from evolve.exporting.script import Numbers, complete_script
from evolve.exporting.splice import spliced
from evolve.genomes import shipped
from evolve.promoting.terms import rung_of
from population.genome import digest

STEPS, EVERY = 20, 10
GENOMES = {"hooks": HOOKS, "muon": next(genome.source for genome in shipped() if genome.name == "muon")}


@pytest.fixture(scope="module")
def shards(tmp_path_factory) -> Path:
    """Two shards to train on, the first left after some steps, and one held out."""
    folder = tmp_path_factory.mktemp("shards")
    text = load_text(None, need=1 << 16)
    tokens = [np.frombuffer(part.tobytes(), dtype=np.uint8).astype(np.uint16) for part in (text.train, text.test)]
    write_shard(folder / "text_train_000000.bin", tokens[0][:2561])
    write_shard(folder / "text_train_000001.bin", tokens[0][2561:20000])
    write_shard(folder / "text_val_000000.bin", tokens[1][:5000])
    write_note(folder, 256)
    return folder


@pytest.fixture(scope="module")
def trials(shards):
    """What the engine makes of the genomes, and the numbers for scripts."""
    return trained(shards, GENOMES)


def trained(shards: Path, genomes: dict[str, str]):
    """The curves of the engine's trials on shards, and the numbers for scripts."""
    task = NanoGPT(shards, tiny=True)
    rung = rung_of(task.promotion_rung(), STEPS, EVERY, 2, 3000)
    curves = {}
    with Evaluator(task, 2) as evaluator:
        tickets = {
            evaluator.submit(TrialRequest(digest(source), source, rung, seed)): (name, seed)
            for name, source in genomes.items()
            for seed in (3000, 3001)
        }
        while len(curves) < len(tickets):
            for ticket, trial in evaluator.wait():
                assert trial.outcome == "finished", trial.reason
                curves[tickets[ticket]] = trial.curve
    return curves, Numbers(STEPS, EVERY, 3000, dict(task.problem(rung).describe()))


def run(script: str, folder: Path, shards: Path, *arguments: str) -> list[tuple[tuple[int, float], ...]]:
    """The curves that a script prints, one a trial."""
    (folder / "train_gpt_simple.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "-P", "train_gpt_simple.py", *arguments],
        cwd=folder,
        env={**os.environ, "DATA": str(shards)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    points = [(int(a), float(b)) for a, b in re.findall(r"step:(\d+)/\d+ val_loss:(\S+)", done.stdout)]
    each = STEPS // EVERY + 1
    return [tuple(points[place : place + each]) for place in range(0, len(points), each)]


@pytest.mark.parametrize("name", GENOMES)
def test_our_own_script_gives_the_losses_of_the_engines_trials(name, trials, shards, tmp_path):
    curves, numbers = trials
    script = complete_script(GENOMES[name], name, numbers)
    assert run(script, tmp_path, shards, "2") == [curves[name, 3000], curves[name, 3001]]
    (log,) = (tmp_path / "logs").glob("*.txt")
    text = log.read_text()
    assert text.startswith(script)
    assert text[len(script) :].lstrip("\n").startswith("=" * 100)


TAKEN = [
    "batch_size",
    "data",
    "device",
    "hooks",
    "kept",
    "line",
    "log",
    "mbs",
    "microbatches",
    "model",
    "own_part",
    "p",
    "parameters",
    "seq_len",
    "sizes",
]
TAKEN += ["step", "turned", "val_loss", "Block", "GPT", "Linear", "RMSNorm"]


@pytest.mark.parametrize("held_out", [400, 2048])
def test_of_a_short_held_out_shard_it_scores_what_the_engine_does(held_out, shards, tmp_path):
    for path in shards.glob("*_train_*.bin"):
        (tmp_path / path.name).symlink_to(path)
    write_shard(tmp_path / "text_val_000000.bin", read_shard(shards / "text_val_000000.bin")[:held_out])
    write_note(tmp_path, 256)
    curves, numbers = trained(tmp_path, {"muon": GENOMES["muon"]})
    script = complete_script(GENOMES["muon"], "t", numbers)
    assert run(script, tmp_path, tmp_path, "1") == [curves["muon", 3000]]


def test_our_own_script_says_what_is_missing(shards, trials, tmp_path):
    write_shard(tmp_path / "text_train_000000.bin", read_shard(shards / "text_train_000000.bin"))
    write_shard(tmp_path / "text_val_000000.bin", read_shard(shards / "text_val_000000.bin")[:256])
    (tmp_path / "script.py").write_text(complete_script(GENOMES["muon"], "t", trials[1]))
    environment = {**os.environ, "DATA": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-P", "script.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert (
        done.stderr == f"{tmp_path}/text_val_000000.bin holds 256 tokens, expected more than 256: prepare more text\n"
    )
    assert not (tmp_path / "logs").exists()


def test_our_own_script_gives_way_to_names_of_the_genome(trials, shards, tmp_path):
    curves, numbers = trials
    names = "".join(f"{name} = None\n" for name in TAKEN)
    source = HOOKS.replace("LR = 0.004\n", f"LR = 0.004\n{names}")
    assert run(complete_script(source, "taken", numbers), tmp_path, shards) == [curves["hooks", 3000]]


def test_so_does_a_script_of_the_benchmarks_form_with_a_genome_in_it(trials, shards, tmp_path):
    curves, numbers = trials
    expected = [curves["hooks", 3000], curves["hooks", 3001]]
    assert run(spliced(HOOKS, TRIALS, numbers), tmp_path, shards) == expected
    assert run(spliced(HOOKS, STRAIGHT, numbers), tmp_path, shards) == expected[:1]


def test_hooks_find_their_places_in_loops_that_are_written_otherwise(trials):
    _, numbers = trials
    passes = """    for i in range(len(inputs) // mbs):
        model(inputs[i*mbs:(i+1)*mbs], targets[i*mbs:(i+1)*mbs]).backward()
"""
    apart = """    with torch.autocast("cpu", enabled=False):
        losses = [model(inputs[i:i+1], targets[i:i+1]) for i in range(0, len(inputs), 1)]
    torch.stack(losses).sum().backward()
"""
    assert STRAIGHT.count(passes) == 1
    script = spliced(HOOKS, STRAIGHT.replace(passes, apart), numbers)
    loop = script[script.index("for step in range(train_steps + 1)") :]
    order = ["eval_weights(step)", "torch.no_grad()", '["before_forward"](step)', "torch.autocast", ".backward()"]
    places = [loop.index(each) for each in order]
    assert places == sorted(places)
    assert loop.count("with eval_weights(step)") == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("    set_hparams(step)\n    for opt", "    for opt"),
        (
            "    inputs, targets = next(train_loader)\n",
            "    set_hparams(step)\n    inputs, targets = next(train_loader)\n",
        ),
        ("        opt.step()\n", "        opt.step()\n    profiler.step()\n"),
        ("with torch.no_grad():", "with torch.autocast('cpu'):"),
    ],
)
def test_a_loop_of_another_order_is_refused_for_a_genome_with_hooks(before, after, trials):
    assert before in STRAIGHT
    with pytest.raises(ExportError, match="--base: expected"):
        spliced(HOOKS, STRAIGHT.replace(before, after), trials[1])

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluator.tasks import TASKS, get_task
from evaluator.tasks.charlm import CharLM
from evaluator.tasks.shards import write_note, write_shard

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def training(task: CharLM):
    return task.training(CPU)


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    rng = np.random.default_rng(0)
    for name, count in (("text_train_000000", 5000), ("text_train_000001", 525_000), ("text_val_000000", 140_000)):
        write_shard(folder / f"{name}.bin", rng.integers(0, 300, count).astype(np.uint16))
    write_note(folder, 384)
    return folder


@pytest.mark.parametrize("name", TASKS)
def test_every_task_keeps_the_contract(name: str, shards: Path) -> None:
    data = shards if name == "nanogpt" else None
    task = get_task(name, data)
    assert task.name == name
    assert pickle.loads(pickle.dumps(task)) == task
    assert task.data_digest() == get_task(name, data).data_digest()
    assert task.brief
    assert set(task.devices) <= {"cpu", "cuda"}
    rungs = [task.rung(rung) for rung in ("smoke", "proxy", "confirm", "full")]
    assert [rung.name for rung in rungs] == ["smoke", "proxy", "confirm", "full"]
    smoke, proxy, confirm, full = (rung.train_steps for rung in rungs)
    assert smoke < proxy <= confirm <= full
    assert all(rung.split == "validation" for rung in rungs)
    promotion = task.promotion_rung()
    assert (promotion.name, promotion.split, promotion.train_steps) == ("full", "test", full)
    ranges = [set(rung.seeds()) for rung in (*rungs[1:], promotion)]
    assert sum(map(len, ranges)) == len(set().union(*ranges))
    sizes = []
    for rung in rungs:
        problem = task.problem(rung)
        assert problem == task.problem(rung)
        assert hash(problem) == hash(task.problem(rung))
        assert pickle.loads(pickle.dumps(problem)) == problem
        json.dumps(dict(problem.describe()))
        sizes.append(problem.tokens_per_step * rung.train_steps)
    assert sizes[1] <= sizes[2] <= sizes[3]
    with torch.device("meta"):
        model = task.problem(rungs[1]).shape().build()
    names = {name for name, _ in model.named_parameters()}
    assert {"embed.weight", "proj.weight", "proj.bias", "norm1.gains", "norm2.gains"} < names
    for part in ("attn.q", "attn.k", "attn.v", "attn.proj", "mlp.fc", "mlp.proj"):
        assert {f"blocks.0.{part}.weight", f"blocks.0.{part}.bias"} < names
    assert {"blocks.0.norm1.gains", "blocks.0.norm2.gains"} < names


def test_unknown_names_list_what_there_is() -> None:
    with pytest.raises(KeyError, match="charlm"):
        get_task("chars", None)
    with pytest.raises(KeyError, match="smoke, proxy, confirm, full"):
        get_task("charlm", None).rung("prox")


def test_the_order_of_tokens_is_fixed_and_shared_by_all_rungs(task: CharLM, training) -> None:
    torch.manual_seed(1)
    first = [training.batch(step) for step in (0, 5, 3)]
    torch.manual_seed(2)
    again = task.training(CPU)
    for (tokens, targets), step in zip(first, (0, 5, 3), strict=True):
        assert tokens.shape == targets.shape == (task.batch, task.context)
        assert torch.equal(tokens, again.batch(step)[0])
        assert torch.equal(tokens[:, 1:], targets[:, :-1])


def test_a_pass_over_the_text_repeats_nothing_and_the_next_one_is_shuffled_anew(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(bytes(range(256)) * 8)
    task = CharLM(width=8, depth=1, heads=1, context=4, batch=4, held_out_sequences=2, text=path)
    training = task.training(CPU)
    per_pass = 2048 * 90 // 100 // 4
    starts = [training._start(index) for index in range(2 * per_pass)]
    assert sorted(starts[:per_pass]) == sorted(starts[per_pass:]) == [4 * index for index in range(per_pass)]
    assert starts[:per_pass] != starts[per_pass:]


def test_the_loss_is_summed_over_tokens_and_held_out_is_a_mean(task: CharLM, training) -> None:
    torch.manual_seed(0)
    model = task.shape().build()
    per_token = training.loss(model, 0).item() / task.tokens_per_step
    assert 4.0 < per_token < 8.0
    assert abs(training.held_out(model, "validation") - per_token) < 1.0
    assert training.held_out(model, "validation") != training.held_out(model, "test")


def test_held_out_pieces_lie_in_order_over_the_split(training, task: CharLM) -> None:
    windows = training._held_out["validation"]
    assert windows.shape == (task.held_out_sequences, task.context + 1)
    validation = task.load().validation.tobytes()
    place = -1
    for window in windows:
        place = validation.find(bytes(window.tolist()), place + 1)
        assert place >= 0


def test_a_task_describes_its_sizes_but_not_where_its_text_lies() -> None:
    described = CharLM(text=Path("x")).describe()
    assert described["width"] == 64
    assert "text" not in described

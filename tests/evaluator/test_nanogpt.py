from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from evaluator.pool import Evaluator
from evaluator.records import Outcome, TrialRequest
from evaluator.tasks import get_task
from evaluator.tasks.gpt import GPTShape
from evaluator.tasks.nanogpt import BENCHMARK_HELD_OUT, CONFIRM, FULL, PROXY, TINY, NanoGPT, NanoGPTProblem
from evaluator.tasks.nanogpt_forward import summed_loss, turns
from evaluator.tasks.nanogpt_training import Batches, NanoGPTTraining, held_out
from evaluator.tasks.shards import ShardError, write_note, write_shard

CPU = torch.device("cpu")
SHAPE = GPTShape(vocab=50, width=16, depth=2, heads=2)


def write(folder: Path, train: list[int], val: int) -> Path:
    """Shards whose tokens count up, so that places can be told."""
    start = 0
    for number, count in enumerate(train):
        write_shard(folder / f"x_train_{number:06d}.bin", np.arange(start, start + count).astype(np.uint16))
        start += count
    write_shard(folder / "x_val_000000.bin", np.arange(val).astype(np.uint16))
    write_note(folder, 65536)
    return folder


def reference(model: nn.Module, tokens: Tensor, targets: Tensor, heads: int) -> Tensor:
    """The benchmark's forward pass from its description, one head and one pair of dimensions at a time."""
    p = dict(model.named_parameters())
    width = p["embed.weight"].size(1)
    head = width // heads
    context = tokens.size(1)

    def norm(x: Tensor, gains: Tensor | float = 1.0) -> Tensor:
        return x / (x.square().mean(-1, keepdim=True) + torch.finfo(x.dtype).eps).sqrt() * gains

    def linear(name: str, x: Tensor) -> Tensor:
        return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]

    def turn(x: Tensor) -> Tensor:
        out = x.clone()
        for i in range(head // 4):
            frequency = (1 / 1024) ** (i / (head // 4 - 1))
            angle = torch.arange(context).double() * frequency
            a, b = x[..., i], x[..., i + head // 2]
            out[..., i] = a * angle.cos() + b * angle.sin()
            out[..., i + head // 2] = b * angle.cos() - a * angle.sin()
        return out

    x = norm(p["embed.weight"][tokens], p["norm1.gains"])
    for block in range(2):
        name = f"blocks.{block}"
        h = norm(x, p[f"{name}.norm1.gains"])
        outputs = []
        for k in range(heads):
            part = slice(k * head, (k + 1) * head)
            q, key = (turn(norm(linear(f"{name}.attn.{each}", h)[..., part])) for each in "qk")
            scores = (q @ key.mT * 0.12).masked_fill(torch.ones(context, context).triu(1).bool(), -torch.inf)
            outputs.append(scores.softmax(-1) @ linear(f"{name}.attn.v", h)[..., part])
        x = x + linear(f"{name}.attn.proj", torch.cat(outputs, -1))
        h = linear(f"{name}.mlp.fc", norm(x, p[f"{name}.norm2.gains"]))
        x = x + linear(f"{name}.mlp.proj", h.clamp_min(0) ** 2)
    logits = linear("proj", norm(x, p["norm2.gains"]))
    logits = 15 * logits / (logits**2 + 225).sqrt()
    return F.nll_loss(logits.log_softmax(-1).flatten(0, 1), targets.flatten(), reduction="sum")


def test_the_forward_pass_is_the_benchmarks() -> None:
    torch.manual_seed(0)
    model = SHAPE.build().double()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.5)
    tokens, targets = torch.randint(50, (3, 12)), torch.randint(50, (3, 12))
    loss = summed_loss(model, tokens, targets, 2, *turns(12, 8, CPU))
    # The rotation is in float32 whatever the activations are.
    assert loss.item() == pytest.approx(reference(model, tokens, targets, 2).item(), rel=1e-5)


def test_activations_are_bfloat16_where_the_embedding_is_and_masters_stay_float32() -> None:
    torch.manual_seed(0)
    shape = replace(SHAPE, embed_dtype="bfloat16")
    model = shape.build()
    assert model.embed.weight.dtype == torch.bfloat16
    assert {p.dtype for name, p in model.named_parameters() if name != "embed.weight"} == {torch.float32}
    tokens, targets = torch.randint(50, (3, 12)), torch.randint(50, (3, 12))
    loss = summed_loss(model, tokens, targets, 2, *turns(12, 8, CPU))
    loss.backward()
    assert loss.dtype == torch.float32
    assert all(p.grad.dtype == p.dtype for p in model.parameters())
    precise = summed_loss(model.float(), tokens, targets, 2, *turns(12, 8, CPU))
    assert loss.item() == pytest.approx(precise.item(), rel=0.02)


def test_batches_are_contiguous_and_leave_a_shard_as_the_benchmark_does(tmp_path: Path) -> None:
    # Of 42 tokens four steps of 10 fit with the token that follows; of 41 only three, since 30 + 10 + 1 >= 41.
    batches = Batches(write(tmp_path, [42, 41], 20), 10, CPU)
    firsts = [batches.of(step)[0].item() for step in range(8)]
    assert firsts == [0, 10, 20, 30, 42, 52, 62, 0]
    assert torch.equal(batches.of(1), torch.arange(10, 21, dtype=torch.int16))


def test_a_shard_too_small_for_a_step_is_passed_over(tmp_path: Path) -> None:
    batches = Batches(write(tmp_path, [8, 42], 20), 10, CPU)
    assert batches.of(0)[0].item() == 8
    with pytest.raises(ShardError, match="less than the 100 tokens of one step"):
        Batches(tmp_path, 100, CPU)


def test_tokens_above_32767_keep_their_number(tmp_path: Path) -> None:
    write_shard(tmp_path / "x_train_000000.bin", np.full(600, 50256, dtype=np.uint16))
    write_shard(tmp_path / "x_val_000000.bin", np.full(600, 50256, dtype=np.uint16))
    training = NanoGPTTraining(NanoGPTProblem(TINY, 50304, tmp_path), CPU)
    next(training._microbatches(training._batches.of(0)))
    assert training._tokens.unique().tolist() == training._targets.unique().tolist() == [50256]


def test_test_is_the_benchmarks_own_text_and_validation_lies_behind_it(tmp_path: Path, monkeypatch) -> None:
    assert BENCHMARK_HELD_OUT == 10_485_760 == FULL.held_out_sequences * FULL.context
    monkeypatch.setattr("evaluator.tasks.nanogpt_training.BENCHMARK_HELD_OUT", 100)
    parts = held_out(write(tmp_path, [50], 1000), 60, 20)
    assert parts["test"].tolist() == list(range(61))
    assert parts["validation"].tolist() == list(range(100, 161))


def test_with_little_text_the_splits_take_half_each(tmp_path: Path) -> None:
    parts = held_out(write(tmp_path, [50], 100), 60, 20)
    assert parts["test"].tolist() == list(range(41))
    assert parts["validation"].tolist() == list(range(49, 90))
    with pytest.raises(ShardError, match="less than twice the 64 tokens of one pass"):
        held_out(tmp_path, 64, 64)


def test_gradients_of_microbatches_add_up_to_those_of_the_whole_batch() -> None:
    task = NanoGPT(tiny=True)
    problem = task.problem(task.rung("proxy"))
    found = []
    for microbatch in (TINY.microbatch, TINY.batch):
        training = NanoGPTTraining(replace(problem, size=replace(TINY, microbatch=microbatch)), CPU)
        torch.manual_seed(0)
        model = problem.shape().build().float()
        loss = training.backward(model, 3)
        found.append((loss.item(), torch.cat([p.grad.flatten() for p in model.parameters()])))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-5)
    assert torch.allclose(found[0][1], found[1][1], rtol=1e-3, atol=1e-3)


def test_the_smaller_rungs_take_as_many_steps_as_the_full_one() -> None:
    task = NanoGPT(Path("/nowhere"))
    steps = {task.rung(name).train_steps for name in ("proxy", "confirm", "full")}
    assert steps == {3250}
    assert [size.batch * size.context for size in (PROXY, CONFIRM, FULL)] == [32_768, 65_536, 524_288]
    assert {size.width // size.heads for size in (PROXY, CONFIRM, FULL)} == {128}
    assert task.promotion_rung().alone


def test_rungs_of_another_length_are_all_as_long_and_longer_ones_may_take_longer() -> None:
    short, long = NanoGPT(Path("/nowhere"), steps=2900), NanoGPT(Path("/nowhere"), steps=6500)
    assert {short.rung(name).train_steps for name in ("proxy", "confirm", "full")} == {2900}
    assert short.promotion_rung().train_steps == short.rung("smoke").traced_steps == 2900
    for name in ("proxy", "confirm", "full"):
        usual, own, longer = (task.rung(name).limits for task in (NanoGPT(Path("/nowhere")), short, long))
        assert own == usual
        assert longer.cpu_seconds == 2 * usual.cpu_seconds
        assert longer.wall_seconds == 2 * usual.wall_seconds
        assert longer.device_bytes == usual.device_bytes


def test_a_missing_folder_says_how_to_get_data(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match="evolve data fetch"):
        NanoGPT(tmp_path).data_digest()


def test_a_seed_program_learns_on_the_tiny_one_through_the_evaluator() -> None:
    task = NanoGPT(tiny=True)
    source = (Path(__file__).parents[2] / "seed_programs" / "muon.py").read_text()
    with Evaluator(task, 1) as evaluator:
        evaluator.submit(TrialRequest("digest", source, task.rung("smoke"), 0))
        evaluator.submit(TrialRequest("digest", source, task.rung("proxy"), 0))
        trials = []
        while len(trials) < 2:
            trials += [trial for _, trial in evaluator.wait()]
    assert [trial.outcome for trial in trials] == [Outcome.FINISHED] * 2
    smoke, proxy = (trial.value for trial in trials)
    assert proxy < smoke - 0.3
    assert trials[0].curve[0][1] == pytest.approx(np.log(256), abs=0.3)


def test_the_default_folder_is_settled_where_the_user_is_at_home(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    task = get_task("nanogpt")
    monkeypatch.setenv("HOME", "/elsewhere")
    assert task.data == tmp_path / ".cache" / "evolve" / "fineweb10B"


def test_what_a_trial_takes_of_a_card_is_no_less_than_was_measured() -> None:
    measured = ((PROXY, 16384, 5.2), (FULL, 50304, 40.0))
    for size, vocabulary, gigabytes in measured:
        estimate = NanoGPTProblem(size, vocabulary, None).card_bytes / 1e9
        assert gigabytes < estimate < 1.6 * gigabytes


@pytest.mark.parametrize(
    ("rung", "train", "val", "message"),
    [
        ("proxy", [40_000], 70_000, ""),
        ("proxy", [30_000, 32_769], 70_000, "takes 32,768 tokens a step, .* has 32,769"),
        ("proxy", [40_000], 65_536, "scores trials on 32,768 tokens .* has 65,536"),
        ("full", [40_000], 200_000, "takes 524,288 tokens a step"),
    ],
)
def test_too_few_tokens_for_a_rung_are_noticed_before_a_trial(tmp_path, rung, train, val, message) -> None:
    for number, count in enumerate(train):
        write_shard(tmp_path / f"x_train_{number}.bin", np.zeros(count, dtype=np.uint16))
    write_shard(tmp_path / "x_val_0.bin", np.zeros(val, dtype=np.uint16))
    task = NanoGPT(tmp_path)
    if not message:
        assert task.problem(task.rung(rung)).vocabulary == 50304
        return
    with pytest.raises(ShardError, match=message):
        task.problem(task.rung(rung))

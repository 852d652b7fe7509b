"""The trainer's side of `nanogpt`: tokens in the benchmark's order, losses, scores. Never in a candidate process."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from evaluator.devices.found import compiles
from evaluator.tasks.base import WHOLE, Share
from evaluator.tasks.fused_head import exponentials, summed_cross_entropy
from evaluator.tasks.gpt import GPT
from evaluator.tasks.nanogpt import BENCHMARK_HELD_OUT, token_bytes
from evaluator.tasks.nanogpt_forward import features, summed_loss, turns
from evaluator.tasks.recorded import Recorded
from evaluator.tasks.shards import ShardError, find_shards, read_shard, steps_in

if TYPE_CHECKING:
    from evaluator.tasks.nanogpt import NanoGPTProblem

Loss = Callable[[GPT, Tensor, Tensor], Tensor]


class NanoGPTTraining:
    """Batches, losses and scores of one size of the benchmark on one device.

    On a card forward and backward pass are compiled where that is possible, recorded once and replayed for every
    candidate; so the models it is called with must stay where they are.

    Args:
        problem: Sizes and data.
        device: Where.
        share: Which part of every batch, in whole microbatches.
    """

    def __init__(self, problem: NanoGPTProblem, device: torch.device, share: Share = WHOLE) -> None:
        size = problem.size
        self._share = share
        self.guess = math.log(problem.vocabulary)
        self._size, self._device = size, device
        self._batches = Batches(problem.data, size.batch * size.context, device)
        unit = size.microbatch * size.context
        parts = held_out(problem.data, size.held_out_sequences * size.context, unit)
        self._held_out = {split: _on(device, tokens) for split, tokens in parts.items()}
        cosines, sines = turns(size.context, size.width // size.heads, device)
        kind = fused_loss if device.type == "cuda" and compiles() else plain_loss
        self._loss = kind(size.heads, cosines, sines)
        shape = (size.microbatch, size.context)
        self._tokens = torch.zeros(shape, dtype=torch.int32, device=device)
        self._targets = torch.zeros(shape, dtype=torch.int64, device=device)
        self._recorded: dict[str, tuple[nn.Module, Recorded]] = {}

    def backward(self, model: nn.Module, step: int) -> Tensor:
        """Add the gradient of the summed loss of the batch of `step`; returns the loss."""
        tokens = self._batches.of(step)
        run = self._run("backward", model, self._pass)
        losses = [run().clone() for _ in self._microbatches(tokens)]
        return torch.stack(losses).sum()

    def rehearse(self, model: nn.Module) -> None:
        """On a card: compile and record."""
        if self._device.type != "cpu":
            self.backward(model, 0)
            self.held_out(model, "validation")

    def held_out(self, model: nn.Module, split: str) -> float:
        """Mean loss in nats per token on "validation" or "test"."""
        tokens = self._held_out[split]
        run = self._run("score", model, self._score)
        losses = [run().clone() for _ in self._microbatches(tokens)]
        total: float = torch.stack(losses).double().sum().item() if losses else 0.0
        return total / (len(tokens) - 1)

    def _microbatches(self, tokens: Tensor) -> Iterator[None]:
        """Put one microbatch after the other where the passes look for them: those of our share, which lie together."""
        wide = tokens.int() & 0xFFFF
        count = self._tokens.numel()
        starts = range(0, len(tokens) - 1, count)
        mine = slice(*(len(starts) * rank // self._share.ranks for rank in (self._share.rank, self._share.rank + 1)))
        for start in starts[mine]:
            self._tokens.copy_(wide[start : start + count].view_as(self._tokens))
            self._targets.copy_(wide[start + 1 : start + count + 1].view_as(self._targets))
            yield

    def _pass(self, model: GPT) -> Tensor:
        loss = self._loss(model, self._tokens, self._targets)
        loss.backward()
        return loss.detach()

    def _score(self, model: GPT) -> Tensor:
        with torch.no_grad():
            return self._loss(model, self._tokens, self._targets)

    def _run(self, name: str, model: nn.Module, work: Callable[[GPT], Tensor]) -> Callable[[], Tensor]:
        if self._device.type == "cpu":
            return partial(work, cast(GPT, model))
        if name not in self._recorded:
            self._recorded[name] = model, Recorded(partial(work, cast(GPT, model)))
        known, recorded = self._recorded[name]
        assert known is model, "a recorded pass belongs to one model"
        if not recorded.ready:
            recorded.record()
            for parameter in model.parameters():
                if parameter.grad is not None:
                    parameter.grad.zero_()
        return recorded


def _on(device: torch.device, tokens: NDArray[np.uint16]) -> Tensor:
    """Tokens on a device: int16, since torch can do little with uint16."""
    narrow = torch.from_numpy(tokens.view(np.int16).copy())
    if device.type == "cpu":
        return narrow
    aside = _aside(device)
    with torch.cuda.stream(aside):
        there = narrow.to(device)
    aside.synchronize()
    there.record_stream(torch.cuda.current_stream(device))  # who reads it, also once nobody holds it any more
    return there


@cache
def _aside(device: torch.device) -> torch.cuda.Stream:
    """A stream that no candidate can hold up; always the same, since memory is kept for each."""
    return torch.cuda.Stream(device)


def plain_loss(heads: int, cosines: Tensor, sines: Tensor) -> Loss:
    """The benchmark's loss as its formula stands."""
    return partial(summed_loss, heads=heads, cosines=cosines, sines=sines)


def fused_loss(heads: int, cosines: Tensor, sines: Tensor) -> Loss:
    """The same, compiled, with a head that goes over the logits fewer times."""
    trunk = _compiled(partial(features, heads=heads, cosines=cosines, sines=sines))
    pieces = _compiled(exponentials)

    def loss(model: GPT, tokens: Tensor, targets: Tensor) -> Tensor:
        x = trunk(model, tokens).flatten(0, 1)
        weight, bias = (each.type_as(x) for each in (model.proj.weight, model.proj.bias))
        return summed_cross_entropy(x, weight, bias, targets.flatten(), pieces)

    return loss


def _compiled(work: Callable[..., Any]) -> Callable[..., Any]:
    import torch._inductor.config as inductor

    inductor.compile_threads = 1  # no processes of its own: a trainer may be killed at any time
    return cast(Callable[..., Any], torch.compile(work, dynamic=False, fullgraph=True))


class Batches:
    """The benchmark's order: shards by name, contiguous, one position for the whole batch; from the end to the start.

    Args:
        data: Folder of the shards; None for the bytes of the standard library.
        tokens: Tokens of a step.
        device: Where to keep the shard that is being read, so that no step waits for a copy.

    Raises:
        ShardError: No shard holds as much as one step.
    """

    def __init__(self, data: Path | None, tokens: int, device: torch.device) -> None:
        self._tokens, self._device = tokens, device
        self._loaded: tuple[int, Tensor] | None = None
        if data is None:
            self._shards = [np.frombuffer(token_bytes()[0], dtype=np.uint8).astype(np.uint16)]
        else:
            self._shards = [read_shard(path) for path in find_shards(data).train]
        self._steps = [steps_in(len(shard), tokens) for shard in self._shards]
        if not any(self._steps):
            raise ShardError(f"the training shards in {data} hold less than the {tokens:,} tokens of one step each")

    def of(self, step: int) -> Tensor:
        """Tokens of one step and the one that follows: int16 of shape (tokens + 1,), to be read as uint16."""
        place = step % sum(self._steps)
        for number, steps in enumerate(self._steps):
            if place < steps:
                return self._shard(number)[place * self._tokens : (place + 1) * self._tokens + 1]
            place -= steps
        raise AssertionError("the steps of all shards were counted")

    def _shard(self, number: int) -> Tensor:
        if self._loaded is None or self._loaded[0] != number:
            self._loaded = None  # never two at once
            self._loaded = number, _on(self._device, self._shards[number])
        return self._loaded[1]


def held_out(data: Path | None, tokens: int, unit: int) -> dict[str, NDArray[np.uint16]]:
    """Tokens that score, with the one that follows: "test" the benchmark's own, "validation" those behind them.

    Where there are too few for both, each takes half of what is there.

    Args:
        data: Folder of the shards; None for the bytes of the standard library.
        tokens: How many to score on at most.
        unit: Tokens of one pass; of these there are whole ones.

    Raises:
        ShardError: There are too few for one pass each.
    """
    if data is None:
        shard: NDArray[np.uint16] = np.frombuffer(token_bytes()[1], dtype=np.uint8).astype(np.uint16)
    else:
        shard = read_shard(find_shards(data).held_out[0])
    border = min(BENCHMARK_HELD_OUT, (len(shard) - 1) // 2)
    count = min(tokens, border, len(shard) - 1 - border) // unit * unit
    if count == 0:
        raise ShardError(f"the held-out shard in {data} holds less than twice the {unit:,} tokens of one pass")
    return {"test": shard[: count + 1], "validation": shard[border : border + count + 1]}

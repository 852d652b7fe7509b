"""Inside the sandbox: a script as it is, or a genome under the contract's loop, until enough losses are known.

Nothing here is trusted: the losses say whether two texts do the same, not how good they are.
"""

from __future__ import annotations

import json
import linecache
import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.testing._internal.distributed.fake_pg import FakeStore

from evaluator.contract import Info
from evaluator.rehearsal import SHARDS

_MAGIC, _HEADER = 20240520, 256
_NAME = "script.py"


class _EnoughError(BaseException):
    """All steps that were asked for have been taken."""


def prepare() -> None:
    """What every text finds: one process, no card, no compiler. Called once, before any fork."""
    dist.init_process_group("fake", rank=0, world_size=1, store=FakeStore())
    torch.set_num_threads(1)
    torch.compile = _identity
    nn.Module.compile = _nothing
    for name in ("init_process_group", "destroy_process_group", "barrier", "monitored_barrier"):
        setattr(dist, name, _nothing)
    nn.Module.cuda = torch.Tensor.cuda = _itself
    torch.Tensor.pin_memory = _itself
    for name in (
        "set_device",
        "synchronize",
        "empty_cache",
        "manual_seed",
        "manual_seed_all",
        "reset_peak_memory_stats",
    ):
        setattr(torch.cuda, name, _nothing)
    torch.cuda.get_device_name = lambda *_: "none"
    torch.cuda.max_memory_allocated = torch.cuda.memory_allocated = lambda *_: 0
    torch.cuda.is_available = lambda: True
    torch.cuda.current_device = lambda: 0
    torch.cuda.device_count = lambda: 1
    # Optimizers ask whether a graph is being recorded, and torch built for cards would look for one.
    torch.cuda.is_current_stream_capturing = torch.accelerator.is_available = lambda: False
    for name in ("torch.utils.tensorboard", "wandb"):  # they need not be installed
        sys.modules[name] = _Logbook(name)
    nn.Linear(2, 2)(torch.zeros(1, 2)).sum().backward()


class _Logbook(ModuleType):
    """A module, class, object or function that scripts keep measures with; here it does nothing."""

    def __init__(self, name: object = "", *_: object, **__: object) -> None:
        super().__init__(str(name))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Logbook(name)

    def __call__(self, *_: object, **__: object) -> Any:
        return self

    def __setitem__(self, key: object, value: object) -> None:
        """Forget it."""

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was opened."""


def _identity(model: Any = None, **_: object) -> Any:
    return model if model is not None else _identity


def _nothing(*_: object, **__: object) -> None:
    return None


def _itself(this: Any, *_: object, **__: object) -> Any:
    return this


def run(part: dict[str, Any], sizes: dict[str, int], writer: int) -> None:
    """Run one text and tell its losses.

    Args:
        part: A `Part` as a dict.
        sizes: `Sizes` as a dict.
        writer: Where losses go, as JSON lines.
    """
    told = _Told(writer, sizes["steps"] * (sizes["batch"] // sizes["microbatch"]))
    error = ""
    try:
        torch.manual_seed(part["rng_seed"])
        if part["kind"] == "script":
            _script(part, sizes, told)
        else:
            _genome(part, sizes, told)
    except _EnoughError:
        pass
    except BaseException as raised:  # noqa: BLE001 - whatever a text raises ends here
        error = "".join(traceback.format_exception(raised)[-3:]).strip()
    if not error and told.missing > 0:
        error = f"it ended {told.missing} passes too early"
    told.say("error", error)


class _Told:
    """Says losses as they come, and stops when there are enough."""

    def __init__(self, writer: int, passes: int) -> None:
        self._writer = writer
        self.missing = passes

    def say(self, kind: str, value: object) -> None:
        """Write one line."""
        os.write(self._writer, (json.dumps([kind, value]) + "\n").encode())

    def loss(self, loss: Tensor) -> None:
        """Take note of the loss of a pass."""
        if torch.is_grad_enabled():
            if self.missing <= 0:
                raise _EnoughError
            self.missing -= 1
            self.say("training", float(loss.detach()))
        elif self.missing > 0:
            self.say("validation", float(loss.detach()))


def _script(part: dict[str, Any], sizes: dict[str, int], told: _Told) -> None:
    """Run a whole script; its model's losses are overheard."""
    _shards(sizes)
    Path(_NAME).write_text(part["text"], encoding="utf-8")
    sys.argv = [_NAME, *part["arguments"]]

    def overhear(module: nn.Module, _: object, output: object) -> None:
        if isinstance(output, Tensor) and output.ndim == 0 and hasattr(module, "embed"):
            told.loss(output)

    torch.nn.modules.module.register_module_forward_hook(overhear)
    module = ModuleType("__main__")
    sys.modules["__main__"] = module
    module.__dict__["__file__"] = _NAME
    _execute(part["text"], _NAME, module)


def _execute(text: str, name: str, module: ModuleType) -> None:
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
    exec(compile(text, name, "exec", dont_inherit=True), module.__dict__)


def _genome(part: dict[str, Any], sizes: dict[str, int], told: _Told) -> None:
    """Run a genome under the contract's loop around the script's own model."""
    around = ModuleType("script")
    sys.modules["script"] = around
    _execute(part["model"], "<model>", around)
    model = around.__dict__["MODEL"]
    module = ModuleType("genome")
    sys.modules["genome"] = module
    _execute(part["text"], "<genome>", module)
    recipe = module.__dict__["recipe"]
    tokens = sizes["batch"] * sizes["context"]
    steps = part["train_steps"]
    named = recipe.__code__.co_varnames[: recipe.__code__.co_argcount + recipe.__code__.co_kwonlyargcount]
    answer = recipe(model, steps, **({"info": Info(tokens, steps)} if "info" in named else {}))
    held_out = _tokens(sizes, 1)
    for step, (inputs, targets) in enumerate(_batches(sizes)):
        if step == sizes["steps"]:
            _stir(model)
            _reference(model, inputs[: sizes["microbatch"]], targets[: sizes["microbatch"]], told)
        if step == 0:
            _validate(model, answer, held_out, sizes, told)
        _step(model, answer, step, inputs, targets, sizes["microbatch"], told)


def _validate(model: nn.Module, answer: dict[str, Any], tokens: Tensor, sizes: dict[str, int], told: _Told) -> None:
    context, count = sizes["context"], sizes["microbatch"]
    before = [p.detach().clone() for p in model.parameters()]
    manager = answer["eval_weights"](0) if "eval_weights" in answer else None
    if manager is not None:
        manager.__enter__()
    with torch.no_grad():
        total = sizes["batch"] * context
        inputs = tokens[:total].view(-1, context).int()
        targets = tokens[1 : total + 1].view(-1, context)
        for start in range(0, len(inputs), count):
            told.loss(model(inputs[start : start + count], targets[start : start + count]))
    if manager is not None:
        manager.__exit__(None, None, None)
        with torch.no_grad():
            for parameter, old in zip(model.parameters(), before, strict=True):
                parameter.copy_(old)


def _step(
    model: nn.Module, answer: dict[str, Any], step: int, inputs: Tensor, targets: Tensor, count: int, told: _Told
) -> None:
    """One step of the contract's loop."""
    if "before_forward" in answer:
        answer["before_forward"](step)
    for start in range(0, len(inputs), count):
        loss = model(inputs[start : start + count], targets[start : start + count])
        told.loss(loss)
        loss.backward()
    if "after_backward" in answer:
        answer["after_backward"](step)
    answer["set_hparams"](step)
    for optimizer in answer["optimizers"]:
        optimizer.step()
    if "after_step" in answer:
        answer["after_step"](step)
    model.zero_grad(set_to_none=True)


def _stir(model: nn.Module) -> None:
    """Add noise to all weights, in float32.

    Zeros among them hide what a model computes, and a few steps do not change that; rounding hides little differences.
    """
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in model.float().parameters():
            scale = 0.2 if p.ndim == 1 else p.size(-1) ** -0.5
            p.add_(scale * torch.randn(p.shape, generator=generator))


def _reference(model: nn.Module, inputs: Tensor, targets: Tensor, told: _Told) -> None:
    """The loss by the script's forward pass and by the task's own."""
    from evaluator.tasks.gpt import GPT, GPTShape
    from evaluator.tasks.nanogpt_forward import summed_loss, turns

    words, width = model.embed.weight.shape
    shape = GPTShape(words, width, len(model.blocks), width // 128)
    own = GPT(shape)
    own.load_state_dict({name: p for name, p in model.state_dict().items() if name in own.state_dict()})
    cosines, sines = turns(inputs.size(1), 128, inputs.device)
    with torch.no_grad():
        losses = model(inputs, targets), summed_loss(own, inputs, targets, width // 128, cosines, sines)
    told.say("reference", [float(loss) for loss in losses])


def _tokens(sizes: dict[str, int], part: int) -> Tensor:
    """Made-up tokens: to train on (0), and held out (1)."""
    passes = sizes["steps"] + 3 if part == 0 else 2
    count = passes * sizes["batch"] * sizes["context"] + 2
    generator = torch.Generator().manual_seed(77 + part)
    # Some tokens are common, so that there is something to learn.
    draws = torch.rand(count, generator=generator).square().mul(sizes["vocabulary"]).long()
    return draws.clamp_max(sizes["vocabulary"] - 1)


def _batches(sizes: dict[str, int]) -> Iterator[tuple[Tensor, Tensor]]:
    tokens, context = _tokens(sizes, 0), sizes["context"]
    size = sizes["batch"] * context
    for start in range(0, len(tokens) - size, size):
        piece = tokens[start : start + size + 1]
        yield piece[:-1].view(-1, context).int(), piece[1:].view(-1, context)


def _shards(sizes: dict[str, int]) -> None:
    """Shards where the benchmark has them."""
    folder = Path(SHARDS)
    folder.mkdir(parents=True)
    for part, name in enumerate(("train", "val")):
        tokens = _tokens(sizes, part)
        header = np.zeros(_HEADER, dtype=np.int32)
        header[:3] = _MAGIC, 1, len(tokens)
        with (folder / f"fineweb_{name}_000001.bin").open("wb") as file:
            file.write(header.tobytes())
            file.write(tokens.numpy().astype(np.uint16).tobytes())

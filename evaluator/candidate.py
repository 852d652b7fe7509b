"""The candidate process: a genome's recipe and optimizers over shared buffers, under the trainer's orders.

It holds a parameter skeleton and nothing else: no tokens, no losses, no forward pass.
"""

from __future__ import annotations

import gc
import linecache
import os
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from types import ModuleType
from typing import NoReturn

import torch
from torch import Tensor, nn

from evaluator.behaviour import trace
from evaluator.check import Rejected
from evaluator.contract import Info, Recipe, Watch, call_recipe, is_out_of_memory
from evaluator.devices import get_device
from evaluator.devices.base import Device
from evaluator.layout import Buffers, flat_bytes, views
from evaluator.orders import ORDER, REPLY, ExitCode, Hooks, Order
from evaluator.records import Limits
from evaluator.tasks.base import Shape

GENOME_FILENAME = "<genome>"
_MESSAGE_LENGTH = 500


@dataclass(frozen=True)
class CandidateSpec:
    """What a candidate process is told.

    Attributes:
        source: The genome's text.
        shape: Names and shapes of the model.
        rng_seed: Seed of torch's global generator before the skeleton is built.
        train_steps: Horizon of the schedules.
        info: Further read-only inputs.
        limits: What it may use.
        device: Where it trains.
    """

    source: str
    shape: Shape
    rng_seed: int
    train_steps: int
    info: Info
    limits: Limits
    device: str = "cpu"


def run_candidate(
    spec: CandidateSpec, memory_fd: int, control: socket.socket, enter_sandbox: Callable[[], None]
) -> NoReturn:
    """Be the candidate until the trainer hangs up or the genome fails; the exit code says which.

    Args:
        spec: What the candidate is told.
        memory_fd: The memory that it shares with the trainer.
        control: Its socket to the trainer.
        enter_sandbox: Confines this process for good; called before any code of the genome.
    """
    code = 0
    try:
        enter_sandbox()
        torch.set_num_threads(1)
        control.send(REPLY.pack(Order.PROTECTED, 0, 0))
        _serve(spec, memory_fd, control)
    except Rejected as rejection:
        code = ExitCode.REJECTED
        _say(str(rejection))
        _leave_nothing_undone(spec.device)
    except BaseException as error:  # noqa: BLE001 - the process boundary: whatever a genome raises ends here
        code = ExitCode.OUT_OF_MEMORY if is_out_of_memory(error) else ExitCode.RAISED
        _say(_trace(error))
        _leave_nothing_undone(spec.device)
    finally:
        os._exit(code)  # even if there was no memory left to say why


def _leave_nothing_undone(device: str) -> None:
    """Have a card do what was issued before, marks for the trainer among it, unless it is what failed."""
    if torch.cuda.is_initialized():
        with suppress(Exception):
            get_device(device).finish()


def _serve(spec: CandidateSpec, memory_fd: int, control: socket.socket) -> None:
    device = get_device(spec.device)
    device.limit_memory(spec.limits.device_bytes)
    torch.manual_seed(spec.rng_seed)
    model = spec.shape.build()
    buffers = device.map(memory_fd, flat_bytes(model))
    os.close(memory_fd)
    for parameter, home in zip(model.parameters(), views(model, buffers.parameters), strict=True):
        home.copy_(parameter.data)
        parameter.data = home
    watch = Watch(model)
    recipe = call_recipe(_load(spec.source), model, spec.train_steps, spec.info, watch)
    worker = _Worker(spec, device, model, recipe, watch, buffers)
    device.hand_over()
    control.send(REPLY.pack(Order.READY, 0, worker.hooks()))
    while True:
        order = control.recv(ORDER.size)
        if not order:
            return
        kind, step = ORDER.unpack(order)
        device.take_over()
        number = worker.obey(Order(kind), step)
        device.hand_over()
        control.send(REPLY.pack(kind, step, number))


def _load(source: str) -> Callable[..., object]:
    """Execute a genome as the module `genome` and return its `recipe`."""
    # The file does not exist; with its lines in the cache, tracebacks still quote them.
    linecache.cache[GENOME_FILENAME] = (len(source), None, source.splitlines(keepends=True), GENOME_FILENAME)
    module = ModuleType("genome")
    sys.modules["genome"] = module
    exec(compile(source, GENOME_FILENAME, "exec", dont_inherit=True), module.__dict__)
    recipe = module.__dict__.get("recipe")
    if not callable(recipe):
        raise Rejected("recipe", "the genome must define a function recipe(model, train_steps)")
    return recipe  # type: ignore[no-any-return]


class _Worker:
    """A recipe's answer, carried out order by order."""

    def __init__(
        self, spec: CandidateSpec, device: Device, model: nn.Module, recipe: Recipe, watch: Watch, buffers: Buffers
    ) -> None:
        self._spec, self._device = spec, device
        self._parameters = list(model.parameters())
        self._gradients = views(model, buffers.gradients)
        self._recipe = recipe
        self._watch = watch
        self._buffers = buffers
        self._context: AbstractContextManager[object] | None = None

    def hooks(self) -> Hooks:
        """Which hooks need orders of their own."""
        found = Hooks.NONE
        if self._recipe.before_forward is not None:
            found |= Hooks.BEFORE_FORWARD
        if self._recipe.eval_weights is not None:
            found |= Hooks.EVAL_WEIGHTS
        return found

    def obey(self, order: Order, step: int) -> float:
        """Carry out one order; returns the number that the reply carries."""
        match order:
            case Order.STEP:
                self._step(step)
            case Order.BEFORE_FORWARD:
                assert self._recipe.before_forward is not None
                self._recipe.before_forward(step)
                self._watch.check("before_forward")
            case Order.ENTER_EVAL:
                self._enter_eval(step)
            case Order.LEAVE_EVAL:
                assert self._context is not None
                self._context.__exit__(None, None, None)
                self._context = None
                self._watch.check("eval_weights")
            case Order.MEASURE:
                return float(self._state_bytes())
            case Order.TRACE:
                return self._trace(step)
            case Order.SETTLE:
                self._device.finish()
            case Order.PROTECTED | Order.READY:
                raise AssertionError(f"{order.name} is a reply, never an order")
        return 0.0

    def _step(self, step: int) -> None:
        recipe = self._recipe
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            parameter.grad = gradient
        if recipe.after_backward is not None:
            recipe.after_backward(step)
        recipe.set_hparams(step)
        for optimizer in recipe.optimizers:
            optimizer.step()
        if recipe.after_step is not None:
            recipe.after_step(step)
        for parameter in self._parameters:
            parameter.grad = None
        self._watch.check(f"step {step}")

    def _enter_eval(self, step: int) -> None:
        assert self._recipe.eval_weights is not None
        context = self._recipe.eval_weights(step)
        if not hasattr(context, "__enter__") or not hasattr(context, "__exit__"):
            raise Rejected(
                "eval-weights",
                "eval_weights(step) must return a context manager (decorate it with "
                f"@contextlib.contextmanager and yield once); it returned {type(context).__name__}",
            )
        self._context = context
        context.__enter__()
        self._watch.check("eval_weights")

    def _trace(self, steps: int) -> float:
        """Digest of a longer schedule, or 0 if it cannot be told without training."""
        spec = self._spec
        torch.manual_seed(spec.rng_seed)
        model = spec.shape.build().to(self._device.torch_device())
        info = Info(spec.info.tokens_per_step, steps)
        places = {id(parameter): place for place, parameter in enumerate(model.parameters())}
        try:
            recipe = call_recipe(_load(spec.source), model, steps, info, Watch(model))
            return trace(recipe.optimizers, recipe.set_hparams, steps, places)
        except Exception:  # noqa: BLE001 - the genome's own code, which may ask for gradients that are not there
            return 0.0

    def _state_bytes(self) -> int:
        """Bytes of all tensors alive that are neither parameters nor gradients, each storage once.

        The nursery froze the collector before it forked us, so that only this genome's objects are walked.
        """
        gc.collect()
        shared = {buffer.untyped_storage().data_ptr() for buffer in (self._buffers.parameters, self._buffers.gradients)}
        storages = {}
        for thing in gc.get_objects():
            if isinstance(thing, Tensor) and thing.layout == torch.strided:
                storage = thing.untyped_storage()
                if storage.data_ptr() not in shared:
                    storages[storage.data_ptr()] = storage.nbytes()
        return sum(storages.values())


def _trace(error: BaseException) -> str:
    """The traceback from the genome's first line on, for our own frames tell an author nothing.

    The last line holds the whole message: it becomes the trial's reason.
    """
    frames = traceback.extract_tb(error.__traceback__)
    inside = [index for index, frame in enumerate(frames) if frame.filename == GENOME_FILENAME]
    kept = frames[inside[0] :] if inside else frames
    lines = ["Traceback (most recent call last):\n", *traceback.StackSummary.from_list(kept).format()]
    message = " ".join("".join(traceback.format_exception_only(error)).split())
    return "".join(lines) + message[:_MESSAGE_LENGTH]


def _say(text: str) -> None:
    """Make `text` the last lines on stderr, after whatever the genome printed."""
    sys.stdout.flush()
    sys.stderr.write(text + "\n")
    sys.stderr.flush()

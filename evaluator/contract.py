"""The genome contract as checked on live objects in the candidate: what `recipe` returned, who owns what.

The static half is `evaluator.check`. Nothing here is trusted by the trainer: these checks exist to tell an
author what to change.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from evaluator.check import Rejected

_REQUIRED = ("optimizers", "set_hparams")
_OPTIONAL = ("before_forward", "after_backward", "after_step", "eval_weights")


class Info(NamedTuple):
    """What a recipe may ask for as `recipe(model, train_steps, *, info)`.

    Attributes:
        tokens_per_step: Tokens in a step's batch; gradients are sums over them.
        stop_step: The step at which the run stops; it may lie before `train_steps`, the schedule's horizon.
    """

    tokens_per_step: int
    stop_step: int


@dataclass(frozen=True)
class Recipe:
    """A recipe's answer, checked.

    Attributes:
        optimizers: Objects with `step()` and `param_groups`, stepped in this order.
        set_hparams: Called as `set_hparams(step)` after backward and before the optimizers.
        before_forward: Hook, or None.
        after_backward: Hook, or None.
        after_step: Hook, or None.
        eval_weights: Makes the context manager under which validation sees other weights, or None.
    """

    optimizers: Sequence[Any]
    set_hparams: Callable[[int], object]
    before_forward: Callable[[int], object] | None = None
    after_backward: Callable[[int], object] | None = None
    after_step: Callable[[int], object] | None = None
    eval_weights: Callable[[int], AbstractContextManager[object]] | None = None


def call_recipe(recipe: Callable[..., object], model: nn.Module, train_steps: int, info: Info, watch: Watch) -> Recipe:
    """Call a genome's `recipe`, check its answer and what it has done to the model.

    Raises:
        Rejected: The answer breaks the contract; the message says how to comply.
    """
    takes_info = "info" in inspect.signature(recipe).parameters
    answer = recipe(model, train_steps, info=info) if takes_info else recipe(model, train_steps)
    if not isinstance(answer, Mapping):
        raise Rejected(
            "returns-dict",
            f"recipe(model, train_steps) must return a dict with 'optimizers' and 'set_hparams'; it returned "
            f"{type(answer).__name__}",
        )
    _check_keys(answer)
    watch.check_modules("recipe")
    check_ownership(answer["optimizers"], model)
    return Recipe(**answer)


def _check_keys(answer: Mapping[Any, Any]) -> None:
    for key in _REQUIRED:
        if key not in answer:
            raise Rejected("returns-dict", f"the dict that recipe returns has no {key!r}; it needs {_REQUIRED}")
    unknown = [key for key in answer if key not in _REQUIRED + _OPTIONAL]
    if unknown:
        raise Rejected(
            "returns-dict",
            f"recipe returned unknown keys {unknown}; allowed are {_REQUIRED} and the hooks {_OPTIONAL}",
        )
    for key in ("set_hparams", *_OPTIONAL):
        if key in answer and not callable(answer[key]):
            raise Rejected(
                "hooks-callable",
                f"{key!r} must be a function of step, called as {key}(step); it is "
                f"{type(answer[key]).__name__}. Leave an unused hook out of the dict.",
            )
    optimizers = answer["optimizers"]
    if not isinstance(optimizers, list | tuple) or not optimizers:
        raise Rejected(
            "optimizers", f"'optimizers' must be a list of at least one optimizer; it is {_kind(optimizers)}"
        )
    for index, optimizer in enumerate(optimizers):
        if not callable(getattr(optimizer, "step", None)):
            raise Rejected("optimizers", f"optimizer {index} ({type(optimizer).__name__}) has no step() method")


def check_ownership(optimizers: Sequence[Any], model: nn.Module) -> None:
    """Check that the optimizers together hold every parameter of the model exactly once.

    Raises:
        Rejected: A parameter has no owner or several, or an optimizer does not show its `param_groups`.
    """
    owners: dict[int, list[str]] = {}
    for index, optimizer in enumerate(optimizers):
        name = f"optimizer {index} ({type(optimizer).__name__})"
        for parameter in _owned(optimizer, name):
            owners.setdefault(id(parameter), []).append(name)
    missing, twice = [], []
    for name, parameter in model.named_parameters():
        found = owners.get(id(parameter), [])
        if not found:
            missing.append(name)
        elif len(found) > 1:
            twice.append(f"{name} by {' and '.join(found)}")
    if missing:
        raise Rejected(
            "every-parameter-once",
            f"{len(missing)} parameters belong to no optimizer: {_some(missing)}; put each in exactly one param group",
        )
    if twice:
        raise Rejected(
            "every-parameter-once",
            f"{len(twice)} parameters are owned more than once: {_some(twice)}; put each in exactly one param group",
        )


def _owned(optimizer: Any, name: str) -> list[Tensor]:
    groups = getattr(optimizer, "param_groups", None)
    if not isinstance(groups, list | tuple) or not all(isinstance(g, Mapping) and "params" in g for g in groups):
        raise Rejected(
            "optimizers",
            f"{name} must have `param_groups`, a list of dicts with 'params'; a wrapper can give it as a "
            "property that returns the inner optimizer's groups",
        )
    return [parameter for group in groups for parameter in group["params"]]


def _kind(thing: object) -> str:
    return f"an empty {type(thing).__name__}" if thing in ([], ()) else f"of type {type(thing).__name__}"


def _some(items: Sequence[str]) -> str:
    return ", ".join(items[:4]) + (f" and {len(items) - 4} more" if len(items) > 4 else "")


class Watch:
    """Notices when a parameter is no longer the tensor over shared memory that it was.

    Args:
        model: The skeleton, its parameters' data already in shared memory.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._known = [
            (name, parameter, parameter.data_ptr(), parameter.shape, parameter.stride(), parameter.dtype)
            for name, parameter in model.named_parameters()
        ]

    def check(self, when: str) -> None:
        """Compare storage, shape and dtype; cheap enough for every step.

        Raises:
            Rejected: A parameter was rebound.
        """
        for name, parameter, pointer, shape, stride, dtype in self._known:
            if (
                parameter.data_ptr() != pointer
                or parameter.shape != shape
                or parameter.stride() != stride
                or parameter.dtype != dtype
            ):
                raise Rejected(
                    "parameters-stay",
                    f"{name} was rebound in {when}: the forward pass reads the original memory, so change it "
                    "in place (p.copy_(...), p.add_(...) under torch.no_grad()) and never assign p.data or "
                    "resize it",
                )

    def check_modules(self, when: str) -> None:
        """Check that the model still holds the same parameter objects under the same names.

        Raises:
            Rejected: A parameter was replaced, added or removed.
        """
        now = dict(self._model.named_parameters())
        for name, parameter, *_ in self._known:
            if now.pop(name, None) is not parameter:
                raise Rejected(
                    "parameters-stay",
                    f"{name} was replaced by another object in {when}: initialize and change parameters in "
                    "place (model.embed.weight.data.normal_(), p.copy_(...))",
                )
        if now:
            raise Rejected("parameters-stay", f"parameters were added to the model in {when}: {_some(list(now))}")
        self.check(when)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that an allocation failed."""
    text = "".join(traceback.format_exception_only(error))  # also where its own words cannot be had
    return (
        isinstance(error, MemoryError | torch.OutOfMemoryError)
        or "can't allocate memory" in text
        or "not enough memory" in text
        or "out of memory" in text
        or "ALLOC_FAILED" in text
        or "Cannot allocate memory" in text
    )

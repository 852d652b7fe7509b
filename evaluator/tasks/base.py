"""What every task is: a frozen training problem. Must not import torch: the engine holds task objects too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from evaluator.records import Rung

if TYPE_CHECKING:
    from torch import Tensor, nn


class Shape(Protocol):
    """Names and shapes of a model: all that a candidate process learns about the task."""

    def build(self) -> nn.Module:
        """Make the parameter skeleton with torch's default initialization, from torch's global generator."""
        ...


class Training(Protocol):
    """The trainer's side of a task: tokens, forward pass, scores. Never in a candidate process.

    Attributes:
        guess: Loss of whoever holds all tokens for equally likely, nats per token.
    """

    guess: float

    def loss(self, model: nn.Module, step: int) -> Tensor:
        """Loss of the batch of `step`, *summed* over its tokens; a scalar to call `backward()` on."""
        ...

    def held_out(self, model: nn.Module, split: str) -> float:
        """Mean loss in nats per token on "validation" or "test"; may be infinite or not a number."""
        ...


class Task(Protocol):
    """A frozen training problem: model, data, batch, loss. A picklable value.

    Attributes:
        name: Its name on the command line.
    """

    @property
    def name(self) -> str: ...

    @property
    def tokens_per_step(self) -> int:
        """Tokens in one optimizer step's batch: gradients are sums over them."""
        ...

    @property
    def brief(self) -> str:
        """The problem in a few sentences, for whoever designs optimizers for it."""
        ...

    def describe(self) -> Mapping[str, object]:
        """Everything that defines the problem except the data: part of each trial's fingerprint."""
        ...

    def data_digest(self) -> str:
        """Hex digest of all text, splits included."""
        ...

    def rung(self, name: str) -> Rung:
        """One of this task's rungs: smoke, proxy, confirm or full.

        Raises:
            KeyError: No such rung; the message lists those there are.
        """
        ...

    def promotion_rung(self) -> Rung:
        """The full rung on the test split, with rng_seeds that no search trial has used."""
        ...

    def shape(self) -> Shape:
        """The model's names and shapes."""
        ...

    def training(self) -> Training:
        """Load the data and build the forward pass; imports torch."""
        ...

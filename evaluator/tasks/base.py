"""What every task is: a frozen training problem. Must not import torch: the engine holds task objects too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from evaluator.records import Rung

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

DeviceKind = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class Share:
    """One rank's part of every batch and of all held-out tokens.

    Attributes:
        rank: Which, from 0.
        ranks: Into how many equal parts they are cut.
    """

    rank: int = 0
    ranks: int = 1


WHOLE = Share()


class Shape(Protocol):
    """Names and shapes of a model: all that a candidate process learns about the task."""

    def build(self) -> nn.Module:
        """Make the parameter skeleton with torch's default initialization, from torch's global generator."""
        ...


class Training(Protocol):
    """The trainer's side of a task: tokens, forward pass, scores. Never in a candidate process.

    All sums are over the share that it was made for: over all ranks they add up to those of the whole.

    Attributes:
        guess: Loss of whoever holds all tokens for equally likely, nats per token.
    """

    guess: float

    def backward(self, model: nn.Module, step: int) -> Tensor:
        """Add the gradient of the loss of the batch of `step`, *summed* over its tokens, to the model's gradients.

        Returns:
            The loss, a scalar without history.
        """
        ...

    def rehearse(self, model: nn.Module) -> None:
        """Do once whatever only has to be done once for a model, such as compiling; its weights do not matter."""
        ...

    def held_out(self, model: nn.Module, split: str) -> float:
        """Mean loss in nats per token on "validation" or "test"; may be infinite or not a number.

        Of a share: the sum over its tokens, divided by the number of all.
        """
        ...


class Problem(Protocol):
    """One size of a task: what a trainer keeps warm. A picklable, hashable value."""

    @property
    def tokens_per_step(self) -> int:
        """Tokens in one optimizer step's batch: gradients are sums over them."""
        ...

    @property
    def parts(self) -> int:
        """How many passes make a step: into so many equal shares it can be cut, or into as many as divide that."""
        ...

    @property
    def card_bytes(self) -> int:
        """Memory of a card that a trial may take, trainer and candidate together; an estimate."""
        ...

    @property
    def text_steps(self) -> int | None:
        """Steps after which training begins the text again; None where batches are drawn."""
        ...

    def describe(self) -> Mapping[str, object]:
        """Everything that defines the problem except the data: part of each trial's fingerprint."""
        ...

    def shape(self) -> Shape:
        """The model's names and shapes."""
        ...

    def training(self, device: torch.device, share: Share = WHOLE) -> Training:
        """Load the data and build the forward pass; imports torch.

        Raises:
            ValueError: Batches cannot be cut so.
        """
        ...


def ranks_of(problem: Problem, devices: int) -> int:
    """How many of so many devices train a problem together: all, or one where shares would not be equal."""
    return devices if problem.parts % devices == 0 else 1


class Task(Protocol):
    """A frozen training problem: model, data, batch, loss. A picklable value.

    Attributes:
        name: Its name on the command line.
    """

    @property
    def name(self) -> str: ...

    @property
    def devices(self) -> tuple[DeviceKind, ...]:
        """Kinds of devices that it can be trained on, in order of preference."""
        ...

    @property
    def brief(self) -> str:
        """The problem in a few sentences, for whoever designs optimizers for it."""
        ...

    @property
    def target(self) -> float | None:
        """Loss that the public benchmark asks for on the full rung, nats per token; None where it asks for none."""
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

    def problem(self, rung: Rung) -> Problem:
        """What is trained on a rung."""
        ...

    def promotion_rung(self) -> Rung:
        """The full rung on the test split, with rng_seeds that no search trial has used."""
        ...

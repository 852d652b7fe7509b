"""Behaviour of an optimizer that does not depend on the machine's load, measured on the smoke rung."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from evaluator.behaviour import encoded, sketch
from evaluator.layout import views


def effective_rank(update: Tensor) -> float:
    """Normalized effective rank of a matrix: exp(entropy of its normalized singular values) / min(m, n).

    1 for a multiple of a semi-orthogonal matrix (Muon's aim), 1 / min(m, n) for rank one; a zero or
    non-finite matrix counts as rank one. Definition: Roy 2007 <https://ieeexplore.ieee.org/document/7098875>.

    Args:
        update: Shape (m, n).

    Returns:
        A number in (0, 1].
    """
    size: int = min(update.shape)
    if not bool(torch.isfinite(update).all()):
        return 1 / size
    tall = (update if update.size(0) >= update.size(1) else update.T).double()
    # Squared singular values are the eigenvalues of the small Gram matrix: several times cheaper than an SVD,
    # and what squaring loses is too small to carry entropy.
    singular = torch.linalg.eigvalsh(tall.T @ tall).clamp_min(0).sqrt()
    total = singular.sum()
    if total <= 0:
        return 1 / size
    shares = singular / total
    entropy: float = -torch.special.xlogy(shares, shares).sum().item()
    return min(1.0, math.exp(entropy) / size)


def trajectory(flats: Iterable[Tensor]) -> str:
    """Hex digest of the bytes of flat buffers: equal if and only if training went bitwise alike."""
    digest = hashlib.sha256()
    for flat in flats:
        digest.update(flat.cpu().numpy().tobytes())
    return digest.hexdigest()


MOST_TRACE = 2**48
"""What a digest of a schedule is below."""


class Measures:
    """Collects the measures of one smoke trial in the trainer.

    Args:
        model: A skeleton; its matrices under `blocks` are the hidden ones.
        parameters: What the candidate changes, one tensor for each parameter of the model.
    """

    def __init__(self, model: nn.Module, parameters: Sequence[Tensor]) -> None:
        self._model = model
        self._parameters = sum(parameter.numel() for parameter in model.parameters())
        self._hidden = [
            tensor
            for (name, _), tensor in zip(model.named_parameters(), parameters, strict=True)
            if name.startswith("blocks.") and tensor.ndim == 2
        ]
        self._before: list[Tensor] = []
        self._ranks: list[float] = []

    def before_step(self) -> None:
        """Remember the hidden matrices."""
        self._before = [matrix.clone() for matrix in self._hidden]

    def after_step(self, counts: bool) -> None:
        """Measure what the step changed.

        Args:
            counts: False for the first half of the run, whose updates are dominated by warm-up.
        """
        if counts:
            pairs = zip(self._hidden, self._before, strict=True)
            self._ranks += [effective_rank(after - before) for after, before in pairs]

    def result(self, state_bytes: float, trace: float, weights: Tensor, eval_weights: Tensor) -> dict[str, float | str]:
        """The measures of the trial.

        Args:
            state_bytes: What the candidate counted.
            trace: Digest of its schedule, or 0 if the first steps say nothing of the later ones.
            weights: All parameters after the last step, flat.
            eval_weights: The same under `eval_weights`.
        """
        found: dict[str, float | str] = {
            "state_bytes_per_parameter": state_bytes / self._parameters,
            "effective_rank": sum(self._ranks) / len(self._ranks),
            "trajectory": trajectory((weights, eval_weights)),
        }
        if trace:
            numbers = [sketch(views(self._model, flat)) for flat in (weights, eval_weights)]
            told = numbers[0] if numbers[0] == numbers[1] else [*numbers[0], *numbers[1]]
            if all(map(math.isfinite, told)):
                found |= {"trace": f"{int(trace):012x}", "sketch": encoded(told)}
        return found

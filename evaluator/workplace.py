"""A trainer's workplace: one problem on one device, with the models and the memory, kept warm across candidates."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from evaluator.devices.base import Device
from evaluator.layout import bind, flat_bytes, views
from evaluator.tasks.base import Problem


class Workplace:
    """Everything of a trial but the candidate.

    Args:
        problem: What to train.
        device: Where; started.

    Attributes:
        training: The problem's losses and scores.
        model: A skeleton over the memory that the candidate shares.
        scored: A skeleton over `private`, which no candidate can reach.
        flat_bytes: Size of one flat buffer.
        parameters: The shared parameters, flat; only inside `memory`.
        gradients: Their gradients, laid out alike; only inside `memory`.
        private: As large as `parameters`.
    """

    def __init__(self, problem: Problem, device: Device) -> None:
        self.problem, self.device = problem, device
        self.training = problem.training(device.torch_device())
        self.model, self.scored = problem.shape().build(), problem.shape().build()
        self.flat_bytes = flat_bytes(self.model)
        self.private = torch.empty(self.flat_bytes, dtype=torch.uint8, device=device.torch_device())
        bind(self.scored, self.private)
        self.parameters = self.gradients = torch.empty(0)
        self._kept: int | None = None

    @contextmanager
    def memory(self) -> Iterator[int]:
        """Memory for one candidate; yields the file descriptor by which it maps it."""
        if self._kept is not None:
            self.parameters.zero_()
            self.gradients.zero_()
            self.device.forget_marks()
            yield self._kept
            return
        fd = self.device.create(self.flat_bytes)
        buffers = self.device.map(fd, self.flat_bytes)
        self.parameters, self.gradients = buffers.parameters, buffers.gradients
        bind(self.model, self.parameters)
        for parameter, gradient in zip(self.model.parameters(), views(self.model, self.gradients), strict=True):
            parameter.grad = gradient
        if self.device.keeps_memory:
            self._kept = fd
            yield fd
            return
        try:
            yield fd
        finally:
            os.close(fd)

"""A trainer's workplace: one problem on one device, with the model and its memory, kept warm across candidates."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from evaluator.devices.base import Device
from evaluator.layout import Buffers, bind, flat_bytes, views
from evaluator.tasks.base import WHOLE, Problem, Share


class Workplace:
    """Everything of a trial but the candidate.

    The model lies in memory that no candidate can reach: weights are copied in before each pass, gradients out after
    it. So what a candidate does to the shared memory meanwhile changes nothing, and the model stays where it is.

    Args:
        problem: What to train.
        device: Where; started.
        share: Its part of every batch.

    Attributes:
        training: The problem's losses and scores.
        model: A skeleton over `weights`, with gradients over `gradients`.
        weights: All parameters, flat.
        gradients: Their gradients, laid out alike.
    """

    def __init__(self, problem: Problem, device: Device, share: Share = WHOLE) -> None:
        self.problem, self.device = problem, device
        self.training = problem.training(device.torch_device(), share)
        self.model = problem.shape().build()
        self._size = flat_bytes(self.model)
        self.weights = torch.zeros(self._size, dtype=torch.uint8, device=device.torch_device())
        self.gradients = torch.zeros_like(self.weights)
        bind(self.model, self.weights)
        for parameter, gradient in zip(self.model.parameters(), views(self.model, self.gradients), strict=True):
            parameter.grad = gradient
        self.training.rehearse(self.model)

    @contextmanager
    def memory(self) -> Iterator[tuple[int, Buffers]]:
        """Memory for one candidate; yields a descriptor by which it maps it, and the memory as mapped here.

        The candidate must be gone when this is left.
        """
        fd = self.device.create(self._size)
        try:
            shared = self.device.map(fd, self._size)
            try:
                yield fd, shared
            finally:
                self.device.release()
                self.device.unmap(shared)
        finally:
            os.close(fd)

    def close(self) -> None:
        """Let go of everything on the device; the workplace cannot be used any more."""
        del self.training, self.model, self.weights, self.gradients
        gc.collect()  # recorded work refers to what it works on
        self.device.clear()

"""Small genomes for the tests of the evaluator."""

from __future__ import annotations

import textwrap

SGD = """
import torch


def recipe(model, train_steps):
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    def set_hparams(step):
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * (1 - step / train_steps)

    return dict(optimizers=[optimizer], set_hparams=set_hparams)
"""

ADAMW = """
import torch
from torch import nn


def recipe(model, train_steps):
    for parameter in model.blocks.parameters():
        if parameter.ndim >= 2:
            nn.init.normal_(parameter, std=0.1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-2, betas=(0.9, 0.95), weight_decay=0.0)
    average = [parameter.detach().clone() for parameter in model.parameters()]

    def set_hparams(step):
        for group in optimizer.param_groups:
            group["lr"] = 2e-2 * (1 - step / train_steps)

    @torch.no_grad()
    def after_step(step):
        for slow, parameter in zip(average, model.parameters()):
            slow.lerp_(parameter, 0.5)
            parameter.add_(torch.randn_like(parameter), alpha=1e-4)

    return dict(optimizers=[optimizer], set_hparams=set_hparams, after_step=after_step)
"""
"""Draws random numbers in the recipe and at every step, so that it feels where the random stream stands."""


def sgd_with(extra: str, keys: str = "", top: str = "") -> str:
    """SGD with more statements in its recipe and more keys in its dict.

    Args:
        extra: Statements of `recipe` after the optimizer was made.
        keys: Further keyword arguments of the dict.
        top: Statements of the module.
    """
    return (
        f"import torch\n{textwrap.dedent(top)}\n\n"
        "def recipe(model, train_steps):\n"
        "    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)\n"
        "    def set_hparams(step):\n"
        "        pass\n"
        f"{textwrap.indent(textwrap.dedent(extra), '    ')}\n"
        f"    return dict(optimizers=[optimizer], set_hparams=set_hparams, {keys})\n"
    )

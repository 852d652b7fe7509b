"""Small genomes for the tests of the evaluator."""

SGD = '''
import torch


def recipe(model, train_steps):
    optimizer = torch.optim.SGD(model.parameters(), lr=2e-5, momentum=0.9)

    def set_hparams(step):
        for group in optimizer.param_groups:
            group["lr"] = 2e-5 * (1 - step / train_steps)

    return dict(optimizers=[optimizer], set_hparams=set_hparams)
'''

ADAMW = '''
import torch
from torch import nn


def recipe(model, train_steps):
    for name, parameter in model.named_parameters():
        if name.endswith("proj.weight"):
            nn.init.zeros_(parameter)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, betas=(0.9, 0.95), weight_decay=0.0, eps=1e-10)

    def set_hparams(step):
        for group in optimizer.param_groups:
            group["lr"] = 5e-3 * (1 - step / train_steps)

    return dict(optimizers=[optimizer], set_hparams=set_hparams)
'''

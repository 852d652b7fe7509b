"""A genome with one of everything that a component can be."""

SOURCE = '''"""A genome with one of everything."""

import contextlib

import torch
from torch.optim import AdamW

########################################
#              Optimizer               #
########################################


class Sign(torch.optim.Optimizer):
    """Steps by the sign."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.95), *, nesterov=True, count=0):
        super().__init__(params, dict(lr=lr, betas=betas, nesterov=nesterov))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.add_(p.grad.sum(dim=-1, keepdim=True).sign(), alpha=-group["lr"])


########################################
#       Init & Optim Hyperparams       #
########################################

MATRIX_LR = 1 / 320  # a quotient
COEFFICIENTS = (3.4445, -4.7750)
COOLDOWN_FRACTION: float = 0.4
NS_STEPS = 5
UNREAD = 7.0


def warm(step):
    return min(1.0, step / NS_STEPS)


def shared(x):
    return x * COEFFICIENTS[0]


@torch.no_grad()
def initialize(model):
    for p in model.parameters():
        p.mul_(0.5)
    model.proj.weight.zero_()


def recipe(model, train_steps):
    initialize(model)
    torch.nn.init.normal_(model.embed.weight, std=0.02)
    hidden = [p for p in model.blocks.parameters() if p.ndim >= 2]
    sign = Sign(hidden, lr=MATRIX_LR, betas=(0.8, 0.99), nesterov=False)
    rest = AdamW([
        {"params": [model.embed.weight], "lr": 0.3, "weight_decay": 0.0},
        dict(params=list(model.proj.parameters()), lr=shared(3e-3)),
    ], eps=1e-10)
    average = [p.clone() for p in model.parameters()]

    def set_hparams(step):
        for group in sign.param_groups:
            group["lr"] = MATRIX_LR * warm(step) * shared(COOLDOWN_FRACTION)

    def after_step(step):
        for a, p in zip(average, model.parameters()):
            a.lerp_(p, 0.1)

    @contextlib.contextmanager
    def swapped(step):
        yield

    return {"optimizers": [sign, rest], "set_hparams": set_hparams, "after_step": after_step, "eval_weights": swapped}
'''

"""Two realistic genomes that share little: other names, other forms, other optimizers, hooks with state."""

HOST = '''"""AdamW for all, in two groups."""

import torch

########################################
#              Optimizer               #
########################################


class Adam(torch.optim.Optimizer):
    """Adam with decoupled weight decay."""

    def __init__(self, params, betas, eps):
        super().__init__(params, dict(betas=betas, eps=eps))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state.update(t=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                state["t"] += 1
                m = state["m"].lerp_(p.grad, 1 - group["betas"][0])
                v = state["v"].lerp_(p.grad.square(), 1 - group["betas"][1])
                p.sub_(group["lr"] * norm(m) * m / (v.sqrt() + group["eps"]))


def norm(x):
    """Keeps the host's own meaning of a name that the donor uses for something else."""
    return 1.0 if x.ndim else 2.0


########################################
#       Init & Optim Hyperparams       #
########################################

HIDDEN_LR = 0.004  # attention and MLP
OTHER_LR = 0.01
BETAS = (0.9, 0.95)
WARMUP = 0.1


def recipe(model, train_steps):
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.02)
    groups = [
        dict(params=[p for p in model.blocks.parameters() if p.ndim >= 2], lr=HIDDEN_LR),
        dict(params=[model.embed.weight], lr=OTHER_LR),
        dict(params=[model.proj.weight], lr=OTHER_LR),
        dict(params=[p for p in model.parameters() if p.ndim < 2], lr=OTHER_LR),
    ]
    adam = Adam(groups, betas=BETAS, eps=1e-8)

    def set_hparams(step):
        for group in adam.param_groups:
            base = group.setdefault("base", group["lr"])
            group["lr"] = base * min(1.0, (step + 1) / (WARMUP * train_steps + 1))

    return dict(optimizers=[adam], set_hparams=set_hparams)
'''

DONOR = '''"""Sign descent on matrices with a momentum that warms up, plain descent on the rest, averaged weights."""

import contextlib
import math as m

import torch

########################################
#              Optimizer               #
########################################


class SignDescent(torch.optim.Optimizer):
    """Steps by the sign of a running average, scaled by the shape."""

    def __init__(self, params, lr, floor):
        super().__init__(params, dict(lr=lr, floor=floor, momentum=0.0))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["average"] = torch.zeros_like(p)
                average = state["average"].lerp_(p.grad, 1 - group["momentum"])
                p.sub_(group["lr"] * scale(p) * average.sign() * (norm(average) > group["floor"]))


def scale(p):
    """Larger matrices step less."""
    return m.sqrt(WIDTH / p.size(-1))


def norm(x):
    """Not what the host calls so."""
    return x.norm()


class Descent(torch.optim.Optimizer):
    """Gradient descent."""

    def __init__(self, params):
        super().__init__(params, {})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(group["lr"] * p.grad)


########################################
#       Init & Optim Hyperparams       #
########################################

WIDTH = 8
SIGN_LR = 0.002
PLAIN_LR = 0.05
FLOOR = 1e-9
MOMENTUM = 0.9
WARMUP = 0.3
AVERAGE_BETA = 0.7


def ramp(step, steps):
    """Linear warmup."""
    return min(1.0, (step + 1) / (WARMUP * steps + 1))


@torch.no_grad()
def start(net):
    """Small matrices, everything else as it is."""
    for p in net.parameters():
        if p.ndim >= 2:
            p.mul_(0.5)


def recipe(net, steps):
    start(net)
    matrices = [p for p in net.blocks.parameters() if p.ndim >= 2]
    rest = [p for p in net.parameters() if p.ndim < 2] + [net.embed.weight, net.proj.weight]
    sign = SignDescent(matrices, lr=SIGN_LR, floor=FLOOR)
    plain = Descent([dict(params=rest, lr=PLAIN_LR)])
    everything = list(net.parameters())
    average = []
    for p in everything:
        average.append(p.detach().clone())

    def set_hparams(step):
        for group in sign.param_groups + plain.param_groups:
            first = group.setdefault("first", group["lr"])
            group["lr"] = first * ramp(step, steps)
        for group in sign.param_groups:
            grown = ramp(step, steps)
            group["momentum"] = MOMENTUM * grown

    def after_step(step):
        with torch.no_grad():
            for a, p in zip(average, everything, strict=True):
                a.lerp_(p, 1 - AVERAGE_BETA)

    @contextlib.contextmanager
    def eval_weights(step):
        held = [p.detach().clone() for p in everything]
        with torch.no_grad():
            for a, p in zip(average, everything, strict=True):
                p.copy_(a)
        try:
            yield
        finally:
            with torch.no_grad():
                for h, p in zip(held, everything, strict=True):
                    p.copy_(h)

    return {
        "optimizers": [sign, plain],
        "set_hparams": set_hparams,
        "after_step": after_step,
        "eval_weights": eval_weights,
    }
'''

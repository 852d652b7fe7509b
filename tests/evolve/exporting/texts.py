"""A genome with every hook, and a script in the benchmark's form that a processor runs."""

HOOKS = '''"""Gradient descent with a look-ahead, halved gradients and averaged weights: every hook once."""

from __future__ import annotations

import torch

########################################
#              Optimizer               #
########################################


class Plain(torch.optim.Optimizer):
    """A text
of two lines."""

    def __init__(self, params, lr):
        super().__init__(params, dict(lr=lr))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.add_(p.grad, alpha=-group["lr"])


########################################
#       Init & Optim Hyperparams       #
########################################

LR = 0.004
TEXT = """two
lines"""


def recipe(model, train_steps, *, info):
    """Torch's own initialization but for the head, which begins at zero."""
    from contextlib import contextmanager

    params = list(model.parameters())
    for name, p in model.named_parameters():
        if name.startswith("proj"):
            torch.nn.init.zeros_(p)
    optimizer = Plain(params, LR * 256 / info.tokens_per_step)
    average = [p.detach().clone() for p in params]
    rate = optimizer.param_groups[0]["lr"]

    def set_hparams(step):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / train_steps)

    @torch.no_grad()
    def before_forward(step):
        for p in params:
            p.mul_(0.999)

    @torch.no_grad()
    def after_backward(step):
        for p in params:
            p.grad.mul_(0.5)

    @torch.no_grad()
    def after_step(step):
        for a, p in zip(average, params):
            a.lerp_(p, 0.5)

    @contextmanager
    def eval_weights(step):
        with torch.no_grad():
            for a, p in zip(average, params):
                p.copy_(a)
        yield

    return dict(
        optimizers=[optimizer],
        set_hparams=set_hparams,
        before_forward=before_forward,
        after_backward=after_backward,
        after_step=after_step,
        eval_weights=eval_weights,
    )
'''

_MODEL = """import os
from pathlib import Path

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import nn
from torch.optim import AdamW

torch.set_num_threads(1)


########################################
#              Dataloader              #
########################################

def batches(kind, size):
    for f in sorted(Path(os.environ["DATA"]).glob(f"*_{kind}_*.bin")):
        tokens = torch.from_file(str(f), False, f.stat().st_size // 2, dtype=torch.int16)[512:]
        for at in range(0, len(tokens) - 1 - size, size):
            part = tokens[at:at + size + 1].int() & 0xFFFF
            yield part[:-1].view(-1, 32), part[1:].long().view(-1, 32)


########################################
#             Architecture             #
########################################

class RMSNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.gains = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return F.rms_norm(x, (x.size(-1),), weight=self.gains.type_as(x))

class Linear(nn.Linear):
    def forward(self, x):
        return F.linear(x, self.weight.type_as(x), self.bias.type_as(x))

class Attention(nn.Module):
    def __init__(self, dim, heads=2):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.proj = (Linear(dim, dim) for _ in range(4))

    def rotary(self, x):
        d = x.size(-1)
        freq = torch.cat([(1 / 1024) ** torch.linspace(0, 1, d // 4), torch.zeros(d // 4)])
        angle = torch.outer(torch.arange(x.size(1), dtype=torch.float32), freq)[:, None]
        a, b = x.float().chunk(2, dim=-1)
        c, s = angle.cos(), angle.sin()
        return torch.cat((a * c + b * s, b * c - a * s), -1).type_as(x)

    def forward(self, x):
        q, k, v = (f(x).view(x.size(0), x.size(1), self.heads, -1) for f in (self.q, self.k, self.v))
        q, k = (self.rotary(F.rms_norm(z, (z.size(-1),))).transpose(1, 2) for z in (q, k))
        y = F.scaled_dot_product_attention(q, k, v.transpose(1, 2), scale=0.12, is_causal=True)
        return self.proj(y.transpose(1, 2).reshape(x.shape))

class MLP(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.fc, self.proj = Linear(dim, 4 * dim), Linear(4 * dim, dim)

    def forward(self, x):
        return self.proj(self.fc(x).relu().square())

class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.attn, self.mlp, self.norm1, self.norm2 = Attention(dim), MLP(dim), RMSNorm(dim), RMSNorm(dim)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))

class GPT(nn.Module):
    def __init__(self, vocab_size, num_layers, model_dim):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, model_dim).bfloat16()
        self.blocks = nn.ModuleList([Block(model_dim) for _ in range(num_layers)])
        self.proj = Linear(model_dim, vocab_size)
        self.norm1, self.norm2 = RMSNorm(model_dim), RMSNorm(model_dim)

    def forward(self, inputs, targets):
        x = self.norm1(self.embed(inputs))
        for block in self.blocks:
            x = block(x)
        logits = self.proj(self.norm2(x)).float()
        logits = 15.0 * logits * (logits.square() + 225.0).rsqrt()
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")


########################################
#              Optimizer               #
########################################

class Sign(torch.optim.Optimizer):
    def step(self):
        pass


########################################
#                Setup                 #
########################################

dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
val_tokens = 1024
batch_size = 256
mbs = 4
val_inputs, val_targets = next(batches("val", val_tokens))
model = GPT(vocab_size=256, num_layers=1, model_dim=32)

"""

_INIT = """########################################
#       Init & Optim Hyperparams       #
########################################

# as few as possible
train_steps = 3375
optimizer1 = AdamW(model.parameters(), lr=0.01)
optimizers = [optimizer1]

def set_hparams(step):
    pass


########################################
#        Training and Validation       #
########################################

train_loader = batches("train", batch_size)
for step in range(train_steps + 1):

    # --------------- VALIDATION SECTION -----------------
    if step == train_steps or step % 10 == 0:
        model.eval()
        losses = []
        with torch.no_grad():
            for i in range(len(val_inputs) // mbs):
                losses.append(model(val_inputs[i*mbs:(i+1)*mbs], val_targets[i*mbs:(i+1)*mbs]))
        val_loss = torch.stack(losses).double().sum().item() / val_tokens
        print(f"step:{step}/{train_steps} val_loss:{val_loss}")
        model.train()

    if step == train_steps:
        break

    # --------------- TRAINING SECTION -----------------
    inputs, targets = next(train_loader)
    for p in model.parameters():
        p.grad = torch.zeros_like(p)
    for i in range(len(inputs) // mbs):
        model(inputs[i*mbs:(i+1)*mbs], targets[i*mbs:(i+1)*mbs]).backward()
    set_hparams(step)
    for opt in optimizers:
        opt.step()
    model.zero_grad(set_to_none=True)
"""


def _indented(text: str) -> str:
    return "".join(f"    {line}" if line.strip() else line for line in text.splitlines(keepends=True))


STRAIGHT = _MODEL + "\n" + _INIT
TRIALS = f"{_MODEL}\nfor _ in range(2):\n\n\n{_indented(_INIT)}"

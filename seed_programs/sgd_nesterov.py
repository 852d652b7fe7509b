"""SGD with Nesterov momentum, a clipped gradient, and a learning rate for each family of parameters."""

import torch

########################################
#              Optimizer               #
########################################


class SGDNesterov(torch.optim.Optimizer):
    """Gradient descent with Nesterov's momentum in the form of Sutskever 2013.

    Sutskever 2013 <https://proceedings.mlr.press/v28/sutskever13.html>, with the decoupled weight decay of
    Loshchilov 2019 <https://arxiv.org/abs/1711.05101>.

    Args:
        param_groups: Groups with `lr`, the step per unit of gradient.
        momentum: Share of the velocity that is kept from step to step, in [0, 1).
        weight_decay: Share of a matrix that is removed per unit of learning rate; vectors are not decayed.
    """

    def __init__(self, param_groups, *, momentum, weight_decay):
        super().__init__(param_groups, dict(momentum=momentum, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            lr, momentum = group["lr"], group["momentum"]
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["velocity"] = torch.zeros_like(p)
                velocity = state["velocity"].mul_(momentum).add_(p.grad)
                if p.ndim >= 2:
                    p.mul_(1 - lr * group["weight_decay"])
                # Look ahead: move as if the velocity had already been applied once more.
                p.add_(p.grad.add(velocity, alpha=momentum), alpha=-lr)


@torch.no_grad()
def clip_gradient(params, max_norm, tokens_per_step):
    """Turn summed gradients into means and shorten them, all together, to a norm of at most `max_norm`.

    Pascanu 2013 <https://arxiv.org/abs/1211.5063>.

    Args:
        params: All parameters, with gradients summed over the tokens of the batch.
        max_norm: Largest allowed norm of the mean gradient, in nats per unit of parameter.
        tokens_per_step: Tokens of a batch.
    """
    norm = torch.stack([p.grad.norm() for p in params]).norm() / tokens_per_step
    factor = (max_norm / norm.clamp(max_norm)) / tokens_per_step
    for p in params:
        p.grad.mul_(factor)


########################################
#       Init & Optim Hyperparams       #
########################################

HIDDEN_LR = 3.0  # attention and MLP matrices
EMBED_LR = 23.0  # one row a token, most of them without gradient in any one batch
HEAD_LR = 1.6  # the output projection
VECTOR_LR = 0.37  # biases and gains
MOMENTUM = 0.84
WEIGHT_DECAY = 0.001
MAX_NORM = 0.32
WARMUP_FRACTION = 0.1
DECAY_FRACTION = 0.6
INIT_SCALE = 0.58  # 1 / sqrt(3): the standard deviation of torch's default, times sqrt(fan_in)


@torch.no_grad()
def initialize(model):
    """Set every parameter in place; residual branches and logits start at zero, as in the benchmark."""
    for name, p in model.named_parameters():
        if name.endswith("gains"):
            p.fill_(1.0)
        elif name.endswith("bias") or "proj" in name:
            p.zero_()
        else:
            p.normal_(std=1.0 if "embed" in name else INIT_SCALE * p.size(-1) ** -0.5)


def schedule(step, train_steps):
    """Linear warmup, plateau, linear decay to zero: Haegele 2024 <https://arxiv.org/abs/2405.18392>."""
    warmup = (step + 1) / (WARMUP_FRACTION * train_steps + 1)
    decay = (train_steps - step) / (DECAY_FRACTION * train_steps + 1)
    return min(1.0, warmup, decay) * min(1, 120 / train_steps) ** 0.3  # Bjorck 2024 <https://arxiv.org/abs/2409.19913>


def recipe(model, train_steps, *, info):
    """Initialize the model in place and say how to train it for `train_steps` steps."""
    initialize(model)
    groups = [
        dict(params=[p for p in model.blocks.parameters() if p.ndim >= 2], lr=HIDDEN_LR),
        dict(params=[model.embed.weight], lr=EMBED_LR),
        dict(params=[model.proj.weight], lr=HEAD_LR),
        dict(params=[p for p in model.parameters() if p.ndim < 2], lr=VECTOR_LR),
    ]
    optimizer = SGDNesterov(groups, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY)
    params = list(model.parameters())

    def after_backward(step):
        clip_gradient(params, MAX_NORM, info.tokens_per_step)

    def set_hparams(step):
        for group in optimizer.param_groups:
            peak_lr = group.setdefault("peak_lr", group["lr"])
            group["lr"] = peak_lr * schedule(step, train_steps)

    return dict(optimizers=[optimizer], set_hparams=set_hparams, after_backward=after_backward)

"""Lion: the sign of an interpolated momentum, and a learning rate for each family of parameters."""

import torch

########################################
#              Optimizer               #
########################################


class Lion(torch.optim.Optimizer):
    """Steps of one size in every coordinate, in the direction of a momentum's sign.

    Chen 2023 <https://arxiv.org/abs/2302.06675>. Changed: vectors are not decayed. The sign makes the update
    invariant to the scale of the gradient.

    Args:
        param_groups: Groups with `lr`, the step length of every coordinate.
        beta1: Weight of the momentum against the newest gradient in the direction, in [0, 1).
        beta2: Memory of the momentum itself, in [0, 1).
        weight_decay: Share of a matrix that is removed per unit of learning rate.
    """

    def __init__(self, param_groups, *, beta1, beta2, weight_decay):
        super().__init__(param_groups, dict(beta1=beta1, beta2=beta2, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state["m"] = torch.zeros_like(p)
                direction = p.grad.lerp(state["m"], group["beta1"]).sign_()
                state["m"].lerp_(p.grad, 1 - group["beta2"])  # after use: the direction sees the older one
                if p.ndim >= 2:
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                p.add_(direction, alpha=-group["lr"])


########################################
#       Init & Optim Hyperparams       #
########################################

HIDDEN_LR = 0.0034  # attention and MLP matrices
EMBED_LR = 0.17  # one row a token, most of them without gradient in any one batch
HEAD_LR = 0.028  # the output projection
VECTOR_LR = 0.015  # biases and gains
WEIGHT_DECAY = 0.1
BETA1 = 0.76
BETA2 = 0.82
WARMUP_FRACTION = 0.05
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


def recipe(model, train_steps):
    """Initialize the model in place and say how to train it for `train_steps` steps."""
    initialize(model)
    groups = [
        dict(params=[p for p in model.blocks.parameters() if p.ndim >= 2], lr=HIDDEN_LR),
        dict(params=[model.embed.weight], lr=EMBED_LR),
        dict(params=[model.proj.weight], lr=HEAD_LR),
        dict(params=[p for p in model.parameters() if p.ndim < 2], lr=VECTOR_LR),
    ]
    optimizer = Lion(groups, beta1=BETA1, beta2=BETA2, weight_decay=WEIGHT_DECAY)

    def set_hparams(step):
        for group in optimizer.param_groups:
            peak_lr = group.setdefault("peak_lr", group["lr"])
            group["lr"] = peak_lr * schedule(step, train_steps)

    return dict(optimizers=[optimizer], set_hparams=set_hparams)

"""AdEMAMix: Adam with a second, much slower momentum beside the fast one."""

import math

import torch

########################################
#              Optimizer               #
########################################


class AdEMAMix(torch.optim.Optimizer):
    """Adam whose numerator mixes a fast and a slow average of the gradients.

    Pagliardini 2024 <https://arxiv.org/abs/2409.03137>. Changed: vectors are not decayed; the slow memory
    is given as a half-life, which the recipe ties to the length of the run.

    Args:
        param_groups: Groups with `lr`, the step length of every coordinate; before each step they also need
            `alpha`, the weight of the slow momentum, and `beta3`, its memory, in [0, 1).
        beta1: Memory of the fast momentum, in [0, 1).
        beta2: Memory of the second moment (squared gradients), in [0, 1).
        eps: Added to the root of the second moment, in units of the summed gradient.
        weight_decay: Share of a matrix that is removed per unit of learning rate.
    """

    def __init__(self, param_groups, *, beta1, beta2, eps, weight_decay):
        super().__init__(param_groups, dict(beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2, lr = group["beta1"], group["beta2"], group["lr"]
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state.update({name: torch.zeros_like(p) for name in ("fast", "slow", "v")}, t=0)
                state["t"] += 1
                fast = state["fast"].lerp_(p.grad, 1 - beta1)
                slow = state["slow"].lerp_(p.grad, 1 - group["beta3"])
                v = state["v"].lerp_(p.grad.square(), 1 - beta2)
                # The averages start at zero: divide by the weight received so far. The slow one is faded
                # in by alpha instead.
                fast_weight, v_weight = 1 - beta1 ** state["t"], 1 - beta2 ** state["t"]
                mix = (fast / fast_weight).add_(slow, alpha=group["alpha"])
                if p.ndim >= 2:
                    p.mul_(1 - lr * group["weight_decay"])
                p.addcdiv_(mix, (v / v_weight).sqrt_().add_(group["eps"]), value=-lr)


def slow_momentum(step, train_steps):
    """Weight and memory of the slow momentum: both grow linearly, the memory as a half-life.

    Growing the half-life, not beta3, makes the memory grow at an even pace: section 3 of the paper.

    Args:
        step: Steps taken before this one.
        train_steps: Steps of the whole run.

    Returns:
        alpha and beta3.
    """
    grown = min(1.0, step / (SLOW_WARMUP_FRACTION * train_steps + 1))
    fast_half_life = math.log(0.5) / math.log(BETA1)
    slow_half_life = max(fast_half_life, SLOW_HALF_LIFE_FRACTION * train_steps)
    half_life = fast_half_life + grown * (slow_half_life - fast_half_life)
    return ALPHA * grown, 0.5 ** (1 / half_life)


########################################
#       Init & Optim Hyperparams       #
########################################

HIDDEN_LR = 0.007  # attention and MLP matrices
EMBED_LR = 0.2  # one row a token, most of them without gradient in any one batch
HEAD_LR = 0.028  # the output projection
VECTOR_LR = 0.016  # biases and gains
WEIGHT_DECAY = 0.1
BETA1 = 0.9
BETA2 = 0.95
EPS = 1e-8
ALPHA = 1.9  # weight of the slow momentum once it is grown
SLOW_HALF_LIFE_FRACTION = 0.037
SLOW_WARMUP_FRACTION = 1.0
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
    optimizer = AdEMAMix(groups, beta1=BETA1, beta2=BETA2, eps=EPS, weight_decay=WEIGHT_DECAY)

    def set_hparams(step):
        for group in optimizer.param_groups:
            peak_lr = group.setdefault("peak_lr", group["lr"])
            group["lr"] = peak_lr * schedule(step, train_steps)
            group["alpha"], group["beta3"] = slow_momentum(step, train_steps)

    return dict(optimizers=[optimizer], set_hparams=set_hparams)

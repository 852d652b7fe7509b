"""AdamW: Adam with decoupled weight decay, and a learning rate for each family of parameters."""

import torch

########################################
#              Optimizer               #
########################################


class AdamW(torch.optim.Optimizer):
    """Adam with weight decay that does not pass through the moments; vectors are not decayed.

    Kingma 2015 <https://arxiv.org/abs/1412.6980>, Loshchilov 2019 <https://arxiv.org/abs/1711.05101>.

    Args:
        param_groups: Groups with `lr`, the step length of every coordinate.
        beta1, beta2: Memory of the first moment (momentum) and of the second (squared gradients), in [0, 1).
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
                    state.update(t=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                state["t"] += 1
                m = state["m"].lerp_(p.grad, 1 - beta1)
                v = state["v"].lerp_(p.grad.square(), 1 - beta2)
                m_weight, v_weight = 1 - beta1 ** state["t"], 1 - beta2 ** state["t"]  # received so far
                if p.ndim >= 2:
                    p.mul_(1 - lr * group["weight_decay"])
                p.addcdiv_(m, (v / v_weight).sqrt_().add_(group["eps"]), value=-lr / m_weight)


########################################
#       Init & Optim Hyperparams       #
########################################

HIDDEN_LR = 0.0069  # attention and MLP matrices
EMBED_LR = 0.073  # one row a token, most of them without gradient in any one batch
HEAD_LR = 0.029  # the output projection
VECTOR_LR = 0.0069  # biases and gains
WEIGHT_DECAY = 0.1
BETA1 = 0.71
BETA2 = 0.95
EPS = 1e-8
WARMUP_FRACTION = 0.03
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
    optimizer = AdamW(groups, beta1=BETA1, beta2=BETA2, eps=EPS, weight_decay=WEIGHT_DECAY)

    def set_hparams(step):
        for group in optimizer.param_groups:
            peak_lr = group.setdefault("peak_lr", group["lr"])
            group["lr"] = peak_lr * schedule(step, train_steps)

    return dict(optimizers=[optimizer], set_hparams=set_hparams)

"""Schedule-Free AdamW: an average of the iterates stands in for the decay of the learning rate."""

import contextlib

import torch

########################################
#              Optimizer               #
########################################


class ScheduleFreeAdamW(torch.optim.Optimizer):
    """AdamW on a fast iterate z; gradients are taken at y, between z and the running average x of all z.

    Defazio 2024 <https://arxiv.org/abs/2405.15682>. Changed: vectors are not decayed. The parameters hold y;
    x is not stored, since x = y + (1 / beta1 - 1) (y - z).

    Args:
        param_groups: Groups with `lr`, the step length of every coordinate of z.
        beta1: Where gradients are taken: y = beta1 x + (1 - beta1) z, in (0, 1).
        beta2: Memory of the second moment (squared gradients), in [0, 1).
        eps: Added to the root of the second moment, in units of the summed gradient.
        weight_decay: Share of a matrix y that is taken from z per unit of learning rate.
        weight_power: The average weighs a step by lr ** weight_power: the steps of the warmup count less.
    """

    def __init__(self, param_groups, *, beta1, beta2, eps, weight_decay, weight_power):
        defaults = dict(beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)
        super().__init__(param_groups, dict(defaults, weight_power=weight_power))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            weight = group["lr"] ** group["weight_power"]
            group["weight_sum"] = group.get("weight_sum", 0.0) + weight
            for p in group["params"]:
                self.update(p, self.state[p], group, weight / group["weight_sum"])

    def update(self, y, state, group, newest):
        """Move one parameter; `newest` is the weight of the newest z in the average x, in (0, 1]."""
        if not state:
            state.update(t=0, z=y.clone(), v=torch.zeros_like(y))
        state["t"] += 1
        beta1, lr, z = group["beta1"], group["lr"], state["z"]
        v = state["v"].lerp_(y.grad.square(), 1 - group["beta2"])
        v_weight = 1 - group["beta2"] ** state["t"]  # the moment starts at zero
        update = y.grad / (v / v_weight).sqrt_().add_(group["eps"])
        if y.ndim >= 2:
            update.add_(y, alpha=group["weight_decay"])
        # x moves towards the new z by `newest`, and y is their mixture: both lines follow from that.
        y.lerp_(z, newest).add_(update, alpha=-lr * (1 - beta1 * (1 - newest)))
        z.add_(update, alpha=-lr)

    @contextlib.contextmanager
    def averaged(self):
        """Within this context the parameters hold the average x."""
        trained = [(p, group) for group in self.param_groups for p in group["params"] if self.state[p]]
        held = [p.detach().clone() for p, _ in trained]
        with torch.no_grad():
            for p, group in trained:
                p.lerp_(self.state[p]["z"], 1 - 1 / group["beta1"])
        try:
            yield
        finally:
            with torch.no_grad():
                for (p, _), y in zip(trained, held, strict=True):
                    p.copy_(y)


########################################
#       Init & Optim Hyperparams       #
########################################

HIDDEN_LR = 0.013  # attention and MLP matrices
EMBED_LR = 0.59  # one row a token, most of them without gradient in any one batch
HEAD_LR = 0.052  # the output projection
VECTOR_LR = 0.018  # biases and gains
WEIGHT_DECAY = 0.05
BETA1 = 0.76
BETA2 = 0.95
EPS = 1e-8
WEIGHT_POWER = 2.0
WARMUP_FRACTION = 0.091
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
    """Linear warmup and nothing else: the average does what a decay would do."""
    warmup = (step + 1) / (WARMUP_FRACTION * train_steps + 1)
    return min(1.0, warmup) * min(1, 120 / train_steps) ** 0.3  # Bjorck 2024 <https://arxiv.org/abs/2409.19913>


def recipe(model, train_steps):
    """Initialize the model in place and say how to train it for `train_steps` steps."""
    initialize(model)
    groups = [
        dict(params=[p for p in model.blocks.parameters() if p.ndim >= 2], lr=HIDDEN_LR),
        dict(params=[model.embed.weight], lr=EMBED_LR),
        dict(params=[model.proj.weight], lr=HEAD_LR),
        dict(params=[p for p in model.parameters() if p.ndim < 2], lr=VECTOR_LR),
    ]
    optimizer = ScheduleFreeAdamW(
        groups, beta1=BETA1, beta2=BETA2, eps=EPS, weight_decay=WEIGHT_DECAY, weight_power=WEIGHT_POWER
    )

    def set_hparams(step):
        for group in optimizer.param_groups:
            peak_lr = group.setdefault("peak_lr", group["lr"])
            group["lr"] = peak_lr * schedule(step, train_steps)

    def eval_weights(step):
        return optimizer.averaged()

    return dict(optimizers=[optimizer], set_hparams=set_hparams, eval_weights=eval_weights)

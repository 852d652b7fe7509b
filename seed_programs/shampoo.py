"""Shampoo on the hidden matrices, with steps as long as Adam's; Adam on everything else."""

import torch

########################################
#              Optimizer               #
########################################


class Shampoo(torch.optim.Optimizer):
    """Whitens a matrix gradient from both sides, L^(-1/4) G R^(-1/4) with L = sum G G^T and R = sum G^T G.

    Gupta 2018 <https://arxiv.org/abs/1802.09568>. Changed, after Anil 2020 <https://arxiv.org/abs/2002.09018>:
    L and R are moving averages, their roots are renewed now and then, and the length of a step is that of
    Adam, Kingma 2015 <https://arxiv.org/abs/1412.6980>. Momentum acts before the whitening.

    Args:
        param_groups: Groups with `lr` and, if they are matrices to whiten, `whiten`; else this is Adam.
        beta1, beta2: Memory of the first moment (momentum) and of the second (squared gradients), in [0, 1).
        eps: Added to the root of the second moment, in units of the summed gradient.
        weight_decay: Share of a matrix that is removed per unit of learning rate; vectors are not decayed.
        shampoo_beta: Memory of L and R, in [0, 1).
        damping: Added to the eigenvalues of L and R, as a share of the largest.
        power: Of the inverse roots; 1/4 on each side whitens.
        every: Steps between renewals of the roots.
    """

    def __init__(self, param_groups, *, beta1, beta2, eps, weight_decay, shampoo_beta, damping, power, every):
        adam = dict(beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)
        super().__init__(param_groups, dict(adam, shampoo_beta=shampoo_beta, damping=damping, power=power, every=every))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for params in by_shape(group["params"]):
                grad = torch.stack([p.grad for p in params])  # (count, *shape)
                update = self.direction(grad, self.state[params[0]], group)
                for p, u in zip(params, update, strict=True):
                    if p.ndim >= 2:
                        p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.add_(u, alpha=-group["lr"])

    def direction(self, g, state, group):
        """What to subtract, in units of the learning rate, for a stack of gradients (count, *shape)."""
        if not state:
            state.update(t=0, m=torch.zeros_like(g), v=torch.zeros_like(g))
        state["t"] += 1
        m = state["m"].lerp_(g, 1 - group["beta1"])
        v = state["v"].lerp_(g.square(), 1 - group["beta2"])
        # Both moments start at zero: divide by the weight that they have received so far.
        m_weight, v_weight = 1 - group["beta1"] ** state["t"], 1 - group["beta2"] ** state["t"]
        adam = (m / m_weight).div_((v / v_weight).sqrt_().add_(group["eps"]))
        if not group.get("whiten"):
            return adam
        left, right = self.roots(g, state, group)
        u = left @ m @ right
        return u * (norms(adam) / norms(u).clamp(1e-30))

    def roots(self, g, state, group):
        """Inverse roots of L and R, (count, out, out) and (count, in, in), brought up to date with `g`."""
        if "L" not in state:
            state["L"], state["R"] = torch.zeros_like(g @ g.mT), torch.zeros_like(g.mT @ g)
        state["L"].lerp_(g @ g.mT, 1 - group["shampoo_beta"])
        state["R"].lerp_(g.mT @ g, 1 - group["shampoo_beta"])
        t = state["t"]  # the benchmark's first gradients are zero: renew after each doubling, too
        if t % group["every"] == 0 or t & (t - 1) == 0:
            state["roots"] = [inverse_root(state[side], group["power"], group["damping"]) for side in "LR"]
        return state["roots"]


def norms(x):
    """Frobenius norms of a stack of matrices, as (count, 1, 1)."""
    return x.norm(dim=(-2, -1), keepdim=True)


def inverse_root(covariance, power, damping):
    """(C + damping * largest eigenvalue)^(-power) for symmetric C of shape (count, n, n), up to a factor."""
    values, vectors = torch.linalg.eigh(covariance)
    values = values.clamp(0) / values[:, -1:].clamp(1e-30) + damping  # the graft takes any factor out
    return vectors * values.pow(-power).unsqueeze(-2) @ vectors.mT


def by_shape(params):
    """Lists of the parameters that share a shape, in order of first appearance."""
    shapes = {}
    for p in params:
        shapes.setdefault(p.shape, []).append(p)
    return list(shapes.values())


########################################
#       Init & Optim Hyperparams       #
########################################

HIDDEN_LR = 0.013  # attention and MLP matrices
EMBED_LR = 0.058  # one row a token, most of them without gradient in any one batch
HEAD_LR = 0.035  # the output projection
VECTOR_LR = 0.0076  # biases and gains
WEIGHT_DECAY = 0.1
BETA1 = 0.74
BETA2 = 0.95
EPS = 1e-8
SHAMPOO_BETA = 0.9
DAMPING = 1e-6
POWER = 0.25
PRECONDITION_EVERY = 10
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
    hidden = [p for p in model.blocks.parameters() if p.ndim >= 2]
    groups = [
        dict(params=hidden, lr=HIDDEN_LR, whiten=True),
        dict(params=[model.embed.weight], lr=EMBED_LR),
        dict(params=[model.proj.weight], lr=HEAD_LR),
        dict(params=[p for p in model.parameters() if p.ndim < 2], lr=VECTOR_LR),
    ]
    optimizer = Shampoo(
        groups,
        beta1=BETA1,
        beta2=BETA2,
        eps=EPS,
        weight_decay=WEIGHT_DECAY,
        shampoo_beta=SHAMPOO_BETA,
        damping=DAMPING,
        power=POWER,
        every=PRECONDITION_EVERY,
    )

    def set_hparams(step):
        for group in optimizer.param_groups:
            peak_lr = group.setdefault("peak_lr", group["lr"])
            group["lr"] = peak_lr * schedule(step, train_steps)

    return dict(optimizers=[optimizer], set_hparams=set_hparams)

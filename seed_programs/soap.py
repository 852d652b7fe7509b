"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner on the hidden matrices, plain Adam elsewhere."""

import torch

########################################
#              Optimizer               #
########################################


class SOAP(torch.optim.Optimizer):
    """Adam on gradients rotated into the slowly turning eigenbases of G G^T and G^T G.

    Vyas 2024 <https://arxiv.org/abs/2409.11321>; Adam is Kingma 2015 <https://arxiv.org/abs/1412.6980>.
    Changed: when a basis turns, the second moment is carried over as if the old coordinates were uncorrelated
    (the paper reorders it); bases start at the identity.

    Args:
        param_groups: Groups with `lr` and, if they are matrices to rotate, `rotated`; else this is Adam.
        beta1, beta2: Memory of the first moment (momentum) and of the second (squared gradients), in [0, 1).
        eps: Added to the root of the second moment, in units of the summed gradient.
        weight_decay: Share of a matrix that is removed per unit of learning rate; vectors are not decayed.
        shampoo_beta: Memory of the covariances, in [0, 1).
        every: Steps between turns of the eigenbases, after as many in which they turn every time.
    """

    def __init__(self, param_groups, *, beta1, beta2, eps, weight_decay, shampoo_beta, every):
        adam = dict(beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)
        super().__init__(param_groups, dict(adam, shampoo_beta=shampoo_beta, every=every))

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
        v = state["v"].lerp_(rotate(g, state).square(), 1 - group["beta2"])
        # Both moments start at zero: divide by the weight that they have received so far.
        m_weight, v_weight = 1 - group["beta1"] ** state["t"], 1 - group["beta2"] ** state["t"]
        u = (rotate(m, state) / m_weight).div_((v / v_weight).sqrt_().add_(group["eps"]))
        update = rotate_back(u, state)
        if group.get("rotated"):
            self.renew_basis(g, state, group)  # for the next step, as in the paper
        return update

    def renew_basis(self, g, state, group):
        """Average the covariances; in the first steps, then now and then, turn the bases, and `v` along."""
        for side, product in (("left", g @ g.mT), ("right", g.mT @ g)):
            covariance = state.setdefault(f"{side}_covariance", torch.zeros_like(product))
            covariance.lerp_(product, 1 - group["shampoo_beta"])
            if state["t"] < group["every"] or state["t"] % group["every"] == 0:
                old = state.get(side, torch.eye(product.size(-1), dtype=g.dtype, device=g.device))
                state[side] = torch.linalg.qr(covariance @ old).Q  # one orthogonal iteration: largest first
                # A variance in the new basis is the mean of the old ones, weighted by squared cosines.
                weights, v = (old.mT @ state[side]).square(), state["v"]
                state["v"] = weights.mT @ v if side == "left" else v @ weights


def rotate(x, state):
    """Coordinates of matrices (count, out, in) in the eigenbases; `x` itself where there are none."""
    return state["left"].mT @ x @ state["right"] if "left" in state else x


def rotate_back(x, state):
    """Undo `rotate`."""
    return state["left"] @ x @ state["right"].mT if "left" in state else x


def by_shape(params):
    """Lists of the parameters that share a shape, in order of first appearance."""
    shapes = {}
    for p in params:
        shapes.setdefault(p.shape, []).append(p)
    return list(shapes.values())


########################################
#       Init & Optim Hyperparams       #
########################################

HIDDEN_LR = 0.026  # attention and MLP matrices
EMBED_LR = 0.097  # one row a token, most of them without gradient in any one batch
HEAD_LR = 0.039  # the output projection
VECTOR_LR = 0.052  # biases and gains
WEIGHT_DECAY = 0.1
BETA1 = 0.8
BETA2 = 0.95
EPS = 1e-8
SHAMPOO_BETA = 0.89
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
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [
        dict(params=hidden, lr=HIDDEN_LR, rotated=True),
        dict(params=[model.embed.weight], lr=EMBED_LR),
        dict(params=[model.proj.weight], lr=HEAD_LR),
        dict(params=vectors, lr=VECTOR_LR),
    ]
    adam = dict(beta1=BETA1, beta2=BETA2, eps=EPS, weight_decay=WEIGHT_DECAY)
    optimizer = SOAP(groups, **adam, shampoo_beta=SHAMPOO_BETA, every=PRECONDITION_EVERY)

    def set_hparams(step):
        for group in optimizer.param_groups:
            peak_lr = group.setdefault("peak_lr", group["lr"])
            group["lr"] = peak_lr * schedule(step, train_steps)

    return dict(optimizers=[optimizer], set_hparams=set_hparams)

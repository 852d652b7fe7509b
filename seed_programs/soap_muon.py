"""SOAP-Muon: SOAP's direction, orthogonalized as Muon does, on the hidden matrices; Adam elsewhere."""

import torch

########################################
#              Optimizer               #
########################################


class SOAPMuon(torch.optim.Optimizer):
    """Adam in the eigenbasis of Shampoo's preconditioner, whose direction is then orthogonalized.

    Vyas 2024 <https://arxiv.org/abs/2409.11321>, Jordan 2024 <https://kellerjordan.github.io/posts/muon/>.
    Changed: when a basis turns, the second moment is carried over as if the coordinates were uncorrelated.

    Args:
        param_groups: Groups with `lr`, `beta1` (memory of the momentum), `weight_decay`; `matrix` if hidden.
        beta2: Memory of the second moment (squared gradients), in [0, 1).
        eps: Added to the root of the second moment, in units of the summed gradient.
        shampoo_beta: Memory of the covariances, in [0, 1).
        every: Steps between turns of the eigenbases, after as many in which they turn every time.
        ns_steps: Newton-Schulz iterations.
    """

    def __init__(self, param_groups, *, beta2, eps, shampoo_beta, every, ns_steps):
        defaults = dict(beta2=beta2, eps=eps, shampoo_beta=shampoo_beta, every=every, ns_steps=ns_steps)
        super().__init__(param_groups, defaults)

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
        root = (v / (1 - group["beta2"] ** state["t"])).sqrt_().add_(group["eps"])  # v starts at zero
        if not group.get("matrix"):
            return m / root / (1 - group["beta1"] ** state["t"])
        update = rotate_back(rotate(g.lerp(m, group["beta1"]), state) / root, state)  # Nesterov's look-ahead
        self.renew_basis(g, state, group)
        scale = max(1, g.size(-2) / g.size(-1)) ** 0.5  # outputs of all shapes change alike
        return orthogonalize(update, group["ns_steps"]) * scale

    def renew_basis(self, g, state, group):
        """Average the covariances; in the first steps, then now and then, turn the bases, and `v` along."""
        for side, product in (("left", g @ g.mT), ("right", g.mT @ g)):
            covariance = state.setdefault(f"{side}_covariance", torch.zeros_like(product))
            covariance.lerp_(product, 1 - group["shampoo_beta"])
            if state["t"] < group["every"] or state["t"] % group["every"] == 0:
                old = state.get(side, torch.eye(product.size(-1), dtype=g.dtype, device=g.device))
                state[side] = torch.linalg.qr(covariance @ old).Q  # one orthogonal iteration: largest first
                weights, v = (old.mT @ state[side]).square(), state["v"]  # squared cosines
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


def orthogonalize(g, ns_steps):
    """Approximate U V^T of g = U S V^T, the nearest semi-orthogonal matrices, for (count, out, in) stacks g.

    Quintic Newton-Schulz iteration, Jordan 2024 <https://kellerjordan.github.io/posts/muon/>. The
    coefficients are tuned for slope at zero, not exactness: singular values end in about [0.7, 1.2].
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.mT if g.size(-2) > g.size(-1) else g  # the Gram matrix of the short side is the cheaper one
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)  # all singular values at most one
    for _ in range(ns_steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if g.size(-2) > g.size(-1) else x


########################################
#       Init & Optim Hyperparams       #
########################################

MUON_LR = 0.12
MUON_MOMENTUM = 0.82
MUON_WEIGHT_DECAY = 0.1
NS_STEPS = 5
BETA2 = 0.95
SHAMPOO_BETA = 0.968
PRECONDITION_EVERY = 10
EMBED_LR = 0.2  # one row a token, most of them without gradient in any one batch
HEAD_LR = 0.015  # the output projection
VECTOR_LR = 0.034  # biases and gains
AUX_BETA1 = 0.8
AUX_WEIGHT_DECAY = 0.01
EPS = 1e-8
WARMUP_FRACTION = 0.02
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
    aux = dict(beta1=AUX_BETA1, weight_decay=AUX_WEIGHT_DECAY)
    groups = [
        dict(params=hidden, lr=MUON_LR, beta1=MUON_MOMENTUM, weight_decay=MUON_WEIGHT_DECAY, matrix=True),
        dict(aux, params=[model.embed.weight], lr=EMBED_LR),
        dict(aux, params=[model.proj.weight], lr=HEAD_LR),
        dict(aux, params=[p for p in model.parameters() if p.ndim < 2], lr=VECTOR_LR),
    ]
    soap = dict(beta2=BETA2, eps=EPS, shampoo_beta=SHAMPOO_BETA, every=PRECONDITION_EVERY)
    optimizer = SOAPMuon(groups, ns_steps=NS_STEPS, **soap)

    def set_hparams(step):
        for group in optimizer.param_groups:
            peak_lr = group.setdefault("peak_lr", group["lr"])
            group["lr"] = peak_lr * schedule(step, train_steps)

    return dict(optimizers=[optimizer], set_hparams=set_hparams)

"""Muon on the hidden matrices, AdamW on everything else."""

import torch

########################################
#              Optimizer               #
########################################


class Muon(torch.optim.Optimizer):
    """Momentum whose matrices are orthogonalized before they are applied.

    Jordan 2024 <https://kellerjordan.github.io/posts/muon/>, with the weight decay of Liu 2025
    <https://arxiv.org/abs/2502.16982>. Changed: the iteration runs on stacks of equally shaped matrices.

    Args:
        params: Matrices, each of shape (out, in).
        lr: Spectral norm of one update of a square matrix.
        momentum: Memory of the gradient's running average, in [0, 1).
        ns_steps: Newton-Schulz iterations; five lift a singular value of a thousandth of the norm.
        weight_decay: Share of the matrix that is removed per unit of learning rate.
    """

    def __init__(self, params, *, lr, momentum, ns_steps, weight_decay):
        super().__init__(params, dict(lr=lr, momentum=momentum, ns_steps=ns_steps, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for params in by_shape(group["params"]):
                state = self.state[params[0]]
                grad = torch.stack([p.grad for p in params])  # (count, out, in)
                m = state.setdefault("m", torch.zeros_like(grad)).lerp_(grad, 1 - group["momentum"])
                nesterov = grad.lerp(m, group["momentum"])  # look-ahead: the newest gradient once more
                update = orthogonalize(nesterov, group["ns_steps"])
                scale = max(1, grad.size(-2) / grad.size(-1)) ** 0.5  # outputs of all shapes change alike
                for p, u in zip(params, update, strict=True):
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.add_(u, alpha=-group["lr"] * scale)


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

MUON_LR = 0.061
MUON_MOMENTUM = 0.7
MUON_WEIGHT_DECAY = 0.1
NS_STEPS = 5
EMBED_LR = 0.24  # one row a token, most of them without gradient in any one batch
HEAD_LR = 0.021  # the output projection
VECTOR_LR = 0.026  # biases and gains
AUX_BETA1 = 0.8
AUX_BETA2 = 0.95
AUX_EPS = 1e-10
AUX_WEIGHT_DECAY = 0.01
WARMUP_FRACTION = 0.02
DECAY_FRACTION = 0.56
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
    aux_groups = [
        dict(params=[model.embed.weight], lr=EMBED_LR),
        dict(params=[model.proj.weight], lr=HEAD_LR),
        dict(params=[p for p in model.parameters() if p.ndim < 2], lr=VECTOR_LR),
    ]
    aux = AdamW(aux_groups, beta1=AUX_BETA1, beta2=AUX_BETA2, eps=AUX_EPS, weight_decay=AUX_WEIGHT_DECAY)
    hidden = [p for p in model.blocks.parameters() if p.ndim >= 2]
    muon = Muon(hidden, lr=MUON_LR, momentum=MUON_MOMENTUM, ns_steps=NS_STEPS, weight_decay=MUON_WEIGHT_DECAY)

    def set_hparams(step):
        for group in aux.param_groups + muon.param_groups:
            peak_lr = group.setdefault("peak_lr", group["lr"])
            group["lr"] = peak_lr * schedule(step, train_steps)

    return dict(optimizers=[aux, muon], set_hparams=set_hparams)

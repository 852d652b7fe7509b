"""PSGD with a Kronecker-factored preconditioner on the hidden matrices, RMS-scaled momentum elsewhere."""

import torch

########################################
#              Optimizer               #
########################################


class PSGDKron(torch.optim.Optimizer):
    """Learns triangular factors of Q = right (x) left, by steps on a Lie group: Q^T Q whitens the momentum.

    Li 2015 <https://arxiv.org/abs/1512.04202>, Pooladzandi 2024 <https://arxiv.org/abs/2402.04553>. Changed:
    gradients are first divided by the running RMS of their matrix (elsewhere: of their element), so that
    Q can start at the identity; the random probe of the inverse is averaged out exactly.

    Args:
        param_groups: Groups with `lr` (RMS of a step) and, if they are matrices to precondition, `whiten`.
        beta1, beta2: Memory of the momentum and of the running RMS, in [0, 1).
        eps: Added to the running RMS, in units of the summed gradient.
        weight_decay: Share of a matrix that is removed per unit of learning rate.
        q_lr: Relative step of Q; up to 1 it cannot make Q singular, but the bound behind that is loose.
        every: Steps between updates of Q.
        max_rms: Longer updates are shortened to this RMS.
    """

    def __init__(self, param_groups, *, beta1, beta2, eps, weight_decay, q_lr, every, max_rms):
        defaults = dict(beta1=beta1, beta2=beta2, eps=eps, weight_decay=weight_decay)
        super().__init__(param_groups, dict(defaults, q_lr=q_lr, every=every, max_rms=max_rms))

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
        square = g.square().mean((-2, -1), keepdim=True) if group.get("whiten") else g.square()
        if not state:
            state.update(t=0, m=torch.zeros_like(g), v=torch.zeros_like(square))
            if group.get("whiten"):
                eye = [torch.eye(n, dtype=g.dtype, device=g.device).repeat(len(g), 1, 1) for n in g.shape[1:]]
                state.update(left=eye[0], right=eye[1])
        state["t"] += 1
        v = state["v"].lerp_(square, 1 - group["beta2"])
        # Both averages start at zero: divide by the weight that they have received so far.
        m_weight, v_weight = 1 - group["beta1"] ** state["t"], 1 - group["beta2"] ** state["t"]
        m = state["m"].lerp_(g / (v / v_weight).sqrt_().add_(group["eps"]), 1 - group["beta1"]) / m_weight
        if not group.get("whiten"):
            return m
        if state["t"] % group["every"] == 0:
            state["left"], state["right"] = updated(state["left"], state["right"], m, group["q_lr"])
        left, right = state["left"], state["right"]
        u = left.mT @ (left @ m @ right.mT) @ right
        rms = u.square().mean((-2, -1), keepdim=True).sqrt()
        return u * (group["max_rms"] / rms.clamp(group["max_rms"]))


def updated(left, right, m, q_lr):
    """One step of the factors, (count, out, out) and (count, in, in), towards whitening m, (count, out, in).

    The criterion E[m^T P m + v^T P^-1 v] over random probes v, with P = Q^T Q, is least where P whitens m.
    """
    a = left @ m @ right.mT
    left_inverse, right_inverse = torch.linalg.inv(left), torch.linalg.inv(right)
    # E[b b^T] and E[b^T b] for b = left^-T v right^-1 with standard normal v.
    left_b = left_inverse.mT @ left_inverse * right_inverse.square().sum((-2, -1), keepdim=True)
    right_b = right_inverse.mT @ right_inverse * left_inverse.square().sum((-2, -1), keepdim=True)
    return relative_step(left, a @ a.mT, left_b, q_lr), relative_step(right, a.mT @ a, right_b, q_lr)


def relative_step(q, shrink, grow, q_lr):
    """Move triangular q along its group; the 1-norm of a symmetric matrix bounds its spectral norm."""
    bound = torch.linalg.matrix_norm(shrink + grow, ord=1, keepdim=True)
    return q - q_lr * torch.triu((shrink - grow) / bound) @ q


def by_shape(params):
    """Lists of the parameters that share a shape, in order of first appearance."""
    shapes = {}
    for p in params:
        shapes.setdefault(p.shape, []).append(p)
    return list(shapes.values())


########################################
#       Init & Optim Hyperparams       #
########################################

HIDDEN_LR = 0.0068  # attention and MLP matrices
EMBED_LR = 0.065  # one row a token, most of them without gradient in any one batch
HEAD_LR = 0.041  # the output projection
VECTOR_LR = 0.063  # biases and gains
WEIGHT_DECAY = 0.1
BETA1 = 0.66
BETA2 = 0.95
EPS = 1e-8
PRECONDITIONER_LR = 2.5  # the tuning chose 4.8, which runs off on other models
PRECONDITION_EVERY = 2
MAX_RMS = 1.1
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
        dict(params=hidden, lr=HIDDEN_LR, whiten=True),
        dict(params=[model.embed.weight], lr=EMBED_LR),
        dict(params=[model.proj.weight], lr=HEAD_LR),
        dict(params=vectors, lr=VECTOR_LR),
    ]
    moments = dict(beta1=BETA1, beta2=BETA2, eps=EPS, weight_decay=WEIGHT_DECAY)
    learning = dict(q_lr=PRECONDITIONER_LR, every=PRECONDITION_EVERY, max_rms=MAX_RMS)
    optimizer = PSGDKron(groups, **moments, **learning)

    def set_hparams(step):
        for group in optimizer.param_groups:
            peak_lr = group.setdefault("peak_lr", group["lr"])
            group["lr"] = peak_lr * schedule(step, train_steps)

    return dict(optimizers=[optimizer], set_hparams=set_hparams)

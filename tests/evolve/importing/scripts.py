"""Benchmark scripts of our own in the forms in which they are published, from plain to nasty.

Each form is the plain script with some of its parts replaced; `FORMS` holds the texts by name, `REFUSED` those that
must not be imported, each with a word that the message has to contain.
"""

from __future__ import annotations

from textwrap import indent

BANNER = "########################################\n#{:^38}#\n########################################\n\n"

START = '''"""A small training script."""

import os
import sys
with open(sys.argv[0]) as f:
    code = f.read()  # for the log
import time
import uuid
from pathlib import Path
{imports}
import torch
from torch import Tensor, nn
from torch.optim import AdamW
import torch.nn.functional as F
import torch.distributed as dist

{constants}
'''

LOADER = """def read_shard(path):
    head = torch.from_file(str(path), False, 256, dtype=torch.int32)
    assert head[0] == 20240520, "not a shard"
    with path.open("rb", buffering=0) as f:
        tokens = torch.empty(int(head[2]), dtype=torch.uint16, pin_memory=True)
        f.seek(1024)
        f.readinto(tokens.numpy())
    return tokens


def batches(pattern, batch_size, seq_len=1024):
    rank, world = dist.get_rank(), dist.get_world_size()
    own = batch_size // world
    shards = iter(sorted(Path.cwd().glob(pattern)))
    tokens, at = read_shard(next(shards)), 0
    while True:
        if at + batch_size + 1 >= len(tokens):
            tokens, at = read_shard(next(shards)), 0
        piece = tokens[at + rank * own:][:own + 1]
        at += batch_size
        x = piece[:-1].to(device="cuda", dtype=torch.int32, non_blocking=True)
        y = piece[1:].to(device="cuda", dtype=torch.int64, non_blocking=True)
        yield x.view(-1, seq_len), y.view(-1, seq_len)


"""

MODEL = """class RMSNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.gains = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        return F.rms_norm(x, (x.size(-1),), weight=self.gains.type_as(x))


class Linear(nn.Linear):
    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, bias=True)

    def forward(self, x):
        return F.linear(x, self.weight.type_as(x), self.bias.type_as(x))


class Rotary(nn.Module):
    def __init__(self, dim):
        super().__init__()
        freq = (1 / 1024) ** torch.linspace(0, 1, steps=dim // 4, dtype=torch.float32)
        self.register_buffer("freq", torch.cat([freq, freq.new_zeros(dim // 4)]))

    def forward(self, x):
        t = torch.arange(x.size(1), dtype=torch.float32, device=x.device)
        angle = torch.outer(t, self.freq)[None, :, None, :]
        a, b = x.float().chunk(2, dim=-1)
        c, s = angle.cos(), angle.sin()
        return torch.cat((a * c + b * s, b * c - a * s), 3).type_as(x)


class Attention(nn.Module):
    def __init__(self, dim, head_dim=128):
        super().__init__()
        self.heads, self.head_dim = dim // head_dim, head_dim
        self.q = Linear(dim, dim)
        self.k = Linear(dim, dim)
        self.v = Linear(dim, dim)
        self.proj = Linear(dim, dim)
        self.rotary = Rotary(head_dim)

    def forward(self, x):
        shape = (x.size(0), x.size(1), self.heads, self.head_dim)
        q, k, v = self.q(x).view(shape), self.k(x).view(shape), self.v(x).view(shape)
        q, k = F.rms_norm(q, (q.size(-1),)), F.rms_norm(k, (k.size(-1),))
        q, k = self.rotary(q), self.rotary(k)
        y = F.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), scale=0.12, is_causal=True
        )
        return self.proj(y.transpose(1, 2).contiguous().flatten(2))


class MLP(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.fc = Linear(dim, 4 * dim)
        self.proj = Linear(4 * dim, dim)

    def forward(self, x):
        return self.proj(self.fc(x).relu().square())


class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.attn = Attention(dim)
        self.mlp = MLP(dim)
        self.norm1 = RMSNorm(dim)
        self.norm2 = RMSNorm(dim)

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    def __init__(self, vocab_size, num_layers, model_dim):
        super().__init__()
        self.embed = nn.Embedding(vocab_size, model_dim).bfloat16()
        self.blocks = nn.ModuleList([Block(model_dim) for _ in range(num_layers)])
        self.proj = Linear(model_dim, vocab_size)
        self.norm1 = RMSNorm(model_dim)
        self.norm2 = RMSNorm(model_dim)

    def forward(self, inputs, targets):
        x = self.norm1(self.embed(inputs))
        for block in self.blocks:
            x = block(x)
        logits = self.proj(self.norm2(x)).float()
        logits = 15 * logits * (logits.square() + 225).rsqrt()
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")


"""

OPTIMIZER = '''def polar(g, steps=4):
    """Towards the nearest orthogonal matrix."""
    x = g / (g.norm() + 1e-7)
    for _ in range(steps):  # Newton-Schulz
        x = 1.5 * x - 0.5 * (x @ x.mT) @ x
    return x


@torch.compile
def direction(grad, momentum, mu, nesterov=True):
    momentum.lerp_(grad, 1 - mu)
    update = grad.lerp(momentum, mu) if nesterov else momentum
    return polar(update) * max(1, grad.size(-2) / grad.size(-1)) ** 0.5


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr=0.02, weight_decay=0.0, mu=0.95):
        params = sorted(params, key=lambda p: p.size(), reverse=True)
        super().__init__(params, dict(lr=lr, weight_decay=weight_decay, mu=mu))

    @torch.no_grad()
    def step(self):
        world, rank = dist.get_world_size(), dist.get_rank()
        for group in self.param_groups:
            params = group["params"]
            padded = params + [torch.empty_like(params[-1])] * (world - len(params) % world)
            for base in range(0, len(params), world):
                if base + rank < len(params):
                    p = params[base + rank]
                    state = self.state[p]
                    if len(state) == 0:
                        state["momentum"] = torch.zeros_like(p)
                    update = direction(p.grad, state["momentum"], group["mu"])
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.add_(update, alpha=-group["lr"])
                dist.all_gather(padded[base:base + world], padded[base + rank])


{more}
'''

SETUP = """device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
torch.cuda.set_device(device)
{seeding}
dist.init_process_group(backend="nccl", device_id=device)
dist.barrier()
assert 8 % dist.get_world_size() == 0

if dist.get_rank() == 0:
    os.makedirs("logs", exist_ok=True)
    logfile = f"logs/{{uuid.uuid4()}}.txt"


def print0(s, console=False):
    if dist.get_rank() == 0:
        if console:
            print(s)
        with open(logfile, "a") as f:
            print(s, file=f)


print0(code)
print0("=" * 100)
print0(f"Running PyTorch {{torch.__version__}} on {{torch.cuda.get_device_name(device)}}")
{prints}
print0("=" * 100)

val_tokens = 20 * 524288
batch_size = 8 * 64 * 1024
mbs = 64
val_x, val_y = next(batches("data/fineweb10B/fineweb_val_*.bin", val_tokens))

model = GPT(vocab_size=50304, num_layers=12, model_dim=768).cuda()
model.compile(dynamic=False)

"""

INIT = """train_steps = {steps}

for name, p in model.named_parameters():
    if "proj" in name:
        p.data.zero_()
    elif name.endswith(".weight") and p.ndim == 2:
        p.data.normal_(std=0.5 / p.size(-1) ** 0.5)
{init}
optimizer1 = AdamW([dict(params=[model.embed.weight], lr=0.3),
                    dict(params=[model.proj.weight], lr=1 / 320),
                    dict(params=[p for p in model.parameters() if p.ndim < 2], lr=0.01)],
                   betas=(0.8, 0.95), eps=1e-10, weight_decay=0, fused=True)
optimizer2 = Muon([p for p in model.blocks.parameters() if p.ndim >= 2], lr=0.025, weight_decay=0.025)
optimizers = [optimizer1, optimizer2]
{optimizers}
assert set(p for opt in optimizers for group in opt.param_groups for p in group["params"]) == set(model.parameters())
for opt in [optimizer1, optimizer2]:
    for group in opt.param_groups:
        group["initial_lr"] = group["lr"]

{schedule}
"""

SCHEDULE = """# stable, then down
def set_hparams(step, cooldown_frac=0.7):
    progress = step / train_steps
    assert 0 <= progress < 1
    eta = 1.0 if progress < 1 - cooldown_frac else (1 - progress) / cooldown_frac
    for opt in optimizers:
        for group in opt.param_groups:
            group["lr"] = group["initial_lr"] * eta

"""

TRAINING = """train_loader = batches("data/fineweb10B/fineweb_train_*.bin", batch_size)
for p in model.parameters():
    dist.broadcast(p.detach(), 0)
{preparation}
training_time = 0
dist.barrier()
t0 = time.perf_counter()
for step in range(train_steps + 1):
{top}
    if {due}:
        dist.barrier()
        training_time += time.perf_counter() - t0
{before_loss}
        model.eval()
        val_loss = 0
        with torch.no_grad():
            for i in range(len(val_x) // mbs):
                val_loss += model(val_x[i*mbs:(i+1)*mbs], val_y[i*mbs:(i+1)*mbs])
        dist.all_reduce(val_loss, op=dist.ReduceOp.SUM)
        val_loss /= val_tokens
        print0(f"step:{{step}}/{{train_steps}} val_loss:{{val_loss:.5f}} time:{{training_time:.3f}}s", console=True)
{after_loss}
        model.train()
        dist.barrier()
        t0 = time.perf_counter()

    if {last}:
        break

    inputs, targets = next(train_loader)
{before_forward}
    for i in range(len(inputs) // mbs):
{forward}
{after_backward}
    for name, p in model.named_parameters():
        assert p.grad is not None, name
        dist.all_reduce(p.grad, op=dist.ReduceOp.SUM)
{before_step}
{setting}
{stepping}
{after_step}
    model.zero_grad(set_to_none=True)
{after_zero}
    print0(f"step:{{step + 1}}/{{train_steps}} time:{{training_time + time.perf_counter() - t0:.3f}}s")

dist.destroy_process_group()
"""

DEFAULTS = {
    "imports": "",
    "constants": "",
    "more": "",
    "seeding": "",
    "prints": "",
    "steps": "3375",
    "init": "",
    "optimizers": "",
    "schedule": SCHEDULE,
    "preparation": "",
    "top": "",
    "due": "step == train_steps or step % 125 == 0",
    "before_loss": "",
    "after_loss": "",
    "last": "step == train_steps",
    "before_forward": "",
    "forward": "        model(inputs[i*mbs:(i+1)*mbs], targets[i*mbs:(i+1)*mbs]).backward()",
    "after_backward": "",
    "before_step": "",
    "setting": "    set_hparams(step)",
    "stepping": "    for opt in optimizers:\n        opt.step()",
    "after_step": "",
    "after_zero": "",
}


def script(trials: bool = False, main: bool = False, model: str = MODEL, **parts: str) -> str:
    """A script: the plain one, some of its parts replaced.

    Args:
        trials: Whether everything from the init section on stands in a loop over trials.
        main: Whether everything from the setup on stands in a function `main`.
        model: The architecture.
        parts: Parts by name, see `DEFAULTS`.
    """
    filled = {**DEFAULTS, **parts}
    assert set(filled) == set(DEFAULTS), set(filled) - set(DEFAULTS)
    start = START.format(**filled)
    optimizer = BANNER.format("Optimizer") + OPTIMIZER.format(**filled)
    setup = BANNER.format("Setup") + SETUP.format(**filled)
    init = BANNER.format("Init & Optim Hyperparams") + INIT.format(**filled)
    training = BANNER.format("Training and Validation") + TRAINING.format(**filled)
    end = "\ndist.destroy_process_group()\n"
    body = init + training
    if trials:
        body = (
            "num_trials = int(sys.argv[-1]) if len(sys.argv) > 1 else 1\n\nfor _ in range(num_trials):\n\n"
            + indent(body.removesuffix(end), "    ")
            + end
        )
    if main:
        setup = ""
        body = "def main():\n" + indent(BANNER.format("Setup") + SETUP.format(**filled) + body, "    ")
        body += '\n\nif __name__ == "__main__":\n    main()\n'
    head = BANNER.format("Dataloader") + LOADER + BANNER.format("Architecture") + model
    return start + head + optimizer + setup + body


RULE = "=" * 100 + "\n"

AVERAGE = """
average = {n: p.detach().clone() for n, p in model.named_parameters() if n != "embed.weight"}
kept = {}


@torch.no_grad()
def update_average(step):
    if step < START_STEP:
        return
    for n, p in model.named_parameters():
        if n in average:
            average[n].lerp_(p.detach(), 0.5)


@torch.no_grad()
def swap_in():
    for n, p in model.named_parameters():
        if n in average:
            kept[n] = p.detach().clone()
            p.copy_(average[n])


@torch.no_grad()
def swap_out():
    for n, p in model.named_parameters():
        if n in average:
            p.copy_(kept[n])
    kept.clear()
"""

REPLACED = """
old_eval, old_train = model.eval, model.train


def eval_with_average():
    found = old_eval()
    swap_in()
    return found


def train_with_weights(mode=True):
    if mode and kept:
        swap_out()
    return old_train(mode)


nudged, seen_steps = [-1], []


@torch.no_grad()
def nudge():
    if len(seen_steps) != nudged[0]:
        nudged[0] = len(seen_steps)
        for p in model.blocks.parameters():
            p.mul_(0.999)


model.eval = eval_with_average
model.train = train_with_weights
compiled = getattr(model, "_compiled_call_impl", None)
if compiled is not None:
    def shifted(*args, **kwargs):
        if model.training:
            nudge()
        return compiled(*args, **kwargs)
    model._compiled_call_impl = shifted
else:
    old_forward = model.forward
    def shifted_forward(*args, **kwargs):
        if model.training:
            nudge()
        return old_forward(*args, **kwargs)
    model.forward = shifted_forward
"""

CONFIGURED = """BASE = {"steps": 3375, "mu": 0.9, "project": None}


def parse_value(text):
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def parsed():
    parser = argparse.ArgumentParser()
    parser.add_argument("trials", nargs="?", type=int)
    parser.add_argument("--set", action="append", default=[])
    args = parser.parse_args()
    assert args.trials is None or args.trials >= 1
    args.trials = 1 if args.trials is None else args.trials
    return args


def resolved(pairs):
    found = dict(BASE)
    for pair in pairs:
        name, _, text = pair.partition("=")
        found[name] = parse_value(text)
    return found


if "--plan" in sys.argv:
    args = parsed()
    hp = resolved(args.set)
    print(hp)
    sys.exit(0)
"""

LOOKAHEAD = '''class LookAhead:
    """Steps inner optimizers from a point ahead."""

    def __init__(self, params, inner, share=0.3, first=2):
        self.params, self.inner, self.share, self.first = list(params), inner, share, first
        self.before = [p.detach().clone() for p in self.params]
        self.velocity = [torch.zeros_like(p) for p in self.params]
        self.count = 0

    @property
    def param_groups(self):
        return [group for opt in self.inner for group in opt.param_groups]

    @torch.no_grad()
    def ahead(self):
        lr = self.inner[0].param_groups[0]["lr"] / self.inner[0].param_groups[0]["initial_lr"]
        if self.count >= self.first:
            for p, v in zip(self.params, self.velocity):
                p.add_(v, alpha=self.share * lr)

    @torch.no_grad()
    def step(self):
        for opt in self.inner:
            opt.step()
        for p, b, v in zip(self.params, self.before, self.velocity):
            v.lerp_(p - b, 0.1)
            b.copy_(p)
        self.count += 1
'''

NAN_GUARD = """        loss = model(inputs[i*mbs:(i+1)*mbs], targets[i*mbs:(i+1)*mbs])
        if not torch.isfinite(loss).all():
            raise RuntimeError(f"loss at step {step}: {loss.item()}")
        loss.backward()"""

EXPERIMENTS = """
def floats(text):
    return [float(part) for part in text.split(",") if part.strip()]


RESUME = os.environ.get("RESUME", "")
SAVE_AT = {int(part) for part in os.environ.get("SAVE_AT", "").split(",") if part}
SWEEP = floats(os.environ.get("SWEEP", ""))
GATE = os.environ.get("GATE", "off")
BOOST = float(os.environ.get("BOOST", "1.0"))
BOOST_FROM, BOOST_TO = int(os.environ.get("BOOST_FROM", "0")), int(os.environ.get("BOOST_TO", "0"))
WARMUP = int(os.environ.get("WARMUP", "3"))
PROGRESS_EVERY = 0
if GATE not in {"off", "loss"}:
    raise ValueError(f"unknown gate {GATE}")
loss_ema = None
gate_open = GATE != "loss"


def boost_at(step):
    if BOOST_TO <= BOOST_FROM:
        return BOOST
    return BOOST * min(1.0, (step - BOOST_FROM) / (BOOST_TO - BOOST_FROM))


def watch(loss_sum, count):
    global loss_ema
    dist.all_reduce(loss_sum, op=dist.ReduceOp.SUM)
    now = (loss_sum / count).item()
    loss_ema = now if loss_ema is None else 0.9 * loss_ema + 0.1 * now


def maybe_open(step):
    global gate_open
    if GATE != "loss" or gate_open:
        return
    if loss_ema is not None and loss_ema < 4.0:
        gate_open = True


def told():
    if GATE == "off":
        return ""
    return f" ema:{loss_ema}"
"""

CHECKPOINTS = """
saved = set()
stop_now = False


def maybe_save(step):
    global stop_now
    if step not in SAVE_AT or step in saved:
        return
    torch.save({"model": model.state_dict(), "opts": [o.state_dict() for o in optimizers]}, f"logs/{step}.pt")
    saved.add(step)
    stop_now = True


def load(path):
    state = torch.load(path, map_location=device)
    model.load_state_dict(state["model"])
    for opt, each in zip(optimizers, state["opts"]):
        opt.load_state_dict(each)
    return int(state["step"])


start_step = load(RESUME) if RESUME else 0
"""

POWER = """END_STEP = 3000
WARMUP_STEPS = 300
POWER_C = 5e-6


def muon_lr(step):
    return min(0.03, POWER_C * max(0.0, END_STEP - step) ** 1.2)


def momentum_at(step):
    return 0.85 + 0.1 * min(1.0, step / WARMUP_STEPS)

"""

WATCH = '''class Watch:
    """Keeps what flows into the layers."""

    def __init__(self, model):
        self.seen = {}
        self.handles = [
            m.register_forward_pre_hook(self.keep(n)) for n, m in model.named_modules() if isinstance(m, nn.Linear)
        ]

    def keep(self, name):
        def hook(module, inputs):
            self.seen[name] = inputs[0].detach()

        return hook

    @classmethod
    def on(cls, model):
        return Watch(model)

'''

MEASURES = """@torch.no_grad()
def measures(model, parts):
    found = {"step": step}
    squares = 0.0
    for name, p in model.named_parameters():
        squares += p.float().square().sum().item()
        if name in parts:
            found[name] = p.float().norm().item()
    found["all"] = squares**0.5
    return found


def tell(model):
    parts = {"embed.weight", "proj.weight"}
    now = measures(model, parts)
    print0(" ".join(f"{name}:{value:.4g}" for name, value in now.items()))

"""

FORMS: dict[str, str] = {
    "plain": script(),
    "trials": script(trials=True),
    "main function": script(main=True),
    "log": script() + RULE + "Running PyTorch 2.11 on one card\n" + RULE + "step:0/3375 val_loss:10.82584\n",
    "environment and log": script(
        constants='MUON_MU = float(os.environ.get("MUON_MU", "0.95"))\nFLOOR = MUON_MU - 0.05\n',
        prints='print0(f"Using muon_mu={MUON_MU}")\nprint0(f"floor {FLOOR}, from the environment")',
        schedule=SCHEDULE.replace('group["lr"] = ', 'group["mu"] = max(MUON_MU, FLOOR)\n            group["lr"] = '),
    )
    + RULE
    + "Using muon_mu=0.8\nfloor 0.75, from the environment\n"
    + RULE,
    "command line": script(
        imports="import argparse\n",
        constants="""parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=5)
parser.add_argument("--num-iterations", type=int, default=3000)
parser.add_argument("--lr-scale", type=float, default=0.5)
parser.add_argument("--cautious", action="store_true")
args = parser.parse_args()
""",
        seeding="torch.manual_seed(args.seed)",
        steps="args.num_iterations",
        init="""if args.cautious:
    print0("cautious")
noise = torch.Generator(device="cuda").manual_seed(1000 + args.seed)
for block in model.blocks:
    s = torch.randint(0, 2, block.norm1.gains.shape, generator=noise, device="cuda").float() * 2 - 1
    block.norm1.gains.data.mul_(1 + 0.1 * s)
""",
        schedule=SCHEDULE.replace("* eta", "* eta * args.lr_scale"),
    ),
    "parser in a function": script(
        imports="import argparse\n",
        constants="""def parse_args():
    parser = argparse.ArgumentParser()
    parser.add_argument("--iterations", type=int, default=3050)
    parser.add_argument("--cooldown", type=float, default=0.6)
    parser.add_argument("--val-mbs", type=int, default=None)
    args = parser.parse_args()
    assert 0 < args.cooldown <= 1
    if args.val_mbs is None:
        args.val_mbs = 64
    return args


args = parse_args()
""",
        steps="args.iterations",
        schedule=SCHEDULE.replace("cooldown_frac=0.7", "cooldown_frac=args.cooldown"),
        init="val_mbs = args.val_mbs\n",
    )
    .replace("range(len(val_x) // mbs)", "range(len(val_x) // val_mbs)")
    .replace("val_x[i*mbs:(i+1)*mbs], val_y[i*mbs:(i+1)*mbs]", "*(v[i*val_mbs:(i+1)*val_mbs] for v in (val_x, val_y))"),
    "plots": script(
        imports="from torch.utils.tensorboard import SummaryWriter\nimport wandb\n",
        preparation="""writer = None
run = wandb.init(project="small", config={"steps": train_steps})
if dist.get_rank() == 0:
    writer = SummaryWriter(log_dir="plots")
    writer.add_text("model", str(model))
""",
        forward="""        loss = model(inputs[i*mbs:(i+1)*mbs], targets[i*mbs:(i+1)*mbs])
        total += loss.detach()
        loss.backward()""",
        before_forward="    total = 0",
        after_zero="""    if writer is not None:
        writer.add_scalar("loss", total.item() / batch_size, step)
        writer.add_scalars("rates", {"muon": optimizer2.param_groups[0]["lr"]}, step)
        writer.flush()
    wandb.log({"step": step})""",
    ),
    "watching that is off": script(
        constants='WATCHES = os.environ.get("WATCHES", "0") == "1"\n',
        more=WATCH,
        init="watch = Watch.on(model) if WATCHES else None\n",
        before_step="""    if watch is not None:
        for n, m in model.named_modules():
            if n in watch.seen:
                m.weight.grad.div_(watch.seen[n].norm())""",
    ),
    "measures in the loop": script(
        more=MEASURES,
        after_zero="    if step % 10 == 0:\n        tell(model)",
        before_step="    now = measures(model, {'proj.weight'})\n    print0(now['all'])",
    ),
    "constant of the loop": script(
        constants='SPREAD = int(os.environ.get("SPREAD", "0"))\n',
        forward="""        loss = model(inputs[i*mbs:(i+1)*mbs], targets[i*mbs:(i+1)*mbs])
        loss.backward()""",
        before_step="""    spread = SPREAD
    if spread > 0 and loss.item() > 2:
        for group in optimizer2.param_groups:
            group["mu"] = 0.9 + 0.01 * spread""",
    ),
    "settings class": script(
        constants="class Settings:\n    steps = 3100\n    decay: float = 0.3\n\n\nhp = Settings()\n",
        steps="hp.steps",
        schedule=SCHEDULE.replace("cooldown_frac=0.7", "cooldown_frac=hp.decay"),
    ),
    "look-ahead": script(
        trials=True,
        more=LOOKAHEAD,
        optimizers="optimizers = [LookAhead(model.parameters(), optimizers)]\n",
        before_forward="    optimizers[0].ahead()",
    ),
    "gradient filter": script(
        preparation="slow = [torch.zeros_like(p) for p in model.parameters()]\n",
        before_step="""    with torch.no_grad():
        for p, s in zip(model.parameters(), slow):
            s.lerp_(p.grad, 0.1)
            p.grad.add_(s, alpha=0.5)
    grad_norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 100.0)
    print0(f"norm {grad_norm}")""",
    ),
    "average for validation": script(
        constants="START_STEP = 2\n",
        preparation=AVERAGE,
        after_step="    update_average(step + 1)",
        before_loss="        swap_in()",
        after_loss="        swap_out()",
    ),
    "readout at a step": script(
        trials=True,
        constants="START_STEP = 1\nAPPLY_STEP = 4\n",
        preparation=AVERAGE + "done = 0\n",
        after_zero="    update_average(step + 1)",
        top="""    if APPLY_STEP > 0 and step == APPLY_STEP and done == 0:
        with torch.no_grad():
            for n, p in model.named_parameters():
                if n in average:
                    p.lerp_(average[n], 0.6)
        done += 1
        print0(f"readout at {step}")""",
    ),
    "schedule in the loop": script(
        schedule="""def scale_at(t):
    start = int(train_steps * 0.4)
    return 1.0 if t < start else (train_steps - t) / (train_steps - start)


momentum_low, momentum_high = 0.85, 0.95
""",
        setting="""    warm = min(step / (0.1 * train_steps), 1)
    for group in optimizer2.param_groups:
        group["mu"] = (1 - warm) * momentum_low + warm * momentum_high
    now = scale_at(step)
    for opt in optimizers:
        for group in opt.param_groups:
            group["lr"] = group["initial_lr"] * now""",
    ),
    "mean of losses": script(
        model=MODEL.replace(', reduction="sum")', ")"),
        forward="""        loss = model(inputs[i*mbs:(i+1)*mbs], targets[i*mbs:(i+1)*mbs])
        (loss / (len(inputs) // mbs)).backward()""",
    ),
    "sum divided": script(
        forward="""        loss = model(inputs[i*mbs:(i+1)*mbs], targets[i*mbs:(i+1)*mbs]) / 16
        loss.backward()""",
    ),
    "experiments that are off": script(
        constants=EXPERIMENTS,
        init=CHECKPOINTS.replace("start_step = load(RESUME) if RESUME else 0\n", ""),
        schedule=SCHEDULE.replace("* eta", "* eta * boost_at(step)"),
        preparation="start_step = load(RESUME) if RESUME else 0\n",
        forward="""        loss = model(inputs[i*mbs:(i+1)*mbs], targets[i*mbs:(i+1)*mbs])
        if not torch.isfinite(loss).all():
            raise RuntimeError(f"loss at step {step}: {loss.item()}")
        total += loss.detach()
        count += targets[i*mbs:(i+1)*mbs].numel()
        loss.backward()""",
        before_forward="    total, count = torch.zeros((), device=device), 0",
        after_backward="    watch(total, count)\n    maybe_open(step)",
        after_loss="""        for factor in SWEEP:
            for p in model.parameters():
                p.data.mul_(factor)
            extra = model(val_x[:mbs], val_y[:mbs])
            print0(f"sweep {factor} {extra}" + told())
            for p in model.parameters():
                p.data.div_(factor)
        maybe_save(step)
        if stop_now:
            break""",
        after_step="    maybe_save(step + 1)\n    if stop_now:\n        break",
        after_zero="    if PROGRESS_EVERY > 0 and step % PROGRESS_EVERY == 0:\n        print0(step)",
    ).replace("for step in range(train_steps + 1)", "for step in range(start_step, train_steps + 1)"),
    "optimizers in turns": script(
        stepping="""    optimizer2.step()
    if step % 2 == 1:
        optimizer1.step()""",
    ),
    "torch schedulers": script(
        schedule="""schedulers = [
    torch.optim.lr_scheduler.LambdaLR(opt, lambda t: 1.0 if t < 0.5 * train_steps else 2 * (1 - t / train_steps))
    for opt in optimizers
]
""",
        setting="",
        after_step="    for scheduler in schedulers:\n        scheduler.step()",
    ),
    "absolute steps": script(
        constants=POWER,
        steps="2900",
        schedule="""def set_hparams(step):
    for group in optimizer1.param_groups:
        group["lr"] = group["initial_lr"] * (1.0 if step < 1000 else (END_STEP - step) / 2000)
    for group in optimizer2.param_groups:
        group["lr"] = muon_lr(step)
        group["mu"] = momentum_at(step)
""",
    ),
    "stopped early": script(
        constants='STOP_STEP = int(os.environ.get("STOP_STEP", "3300"))\n',
        due="step == train_steps or step == STOP_STEP or step % 125 == 0",
        last="step >= STOP_STEP",
    ),
    "seeded": script(
        trials=True,
        constants="SEED = 11\n",
        seeding="torch.manual_seed(SEED)\ntorch.cuda.manual_seed_all(SEED)",
        init="torch.manual_seed(SEED + 1)\nfor b in model.blocks:\n    b.mlp.fc.weight.data.normal_(std=0.02)\n",
        forward=NAN_GUARD,
    ),
    "readout in validation": script(
        constants="START_STEP = 1\nDONE_AT = 4\n",
        preparation=AVERAGE + "done = False\n",
        due="step == train_steps or step % 2 == 0",
        after_step="    update_average(step + 1)",
        before_loss="""        if step == DONE_AT and not done:
            with torch.no_grad():
                for n, p in model.named_parameters():
                    if n in average:
                        p.lerp_(average[n], 0.6)
            done = True""",
    ),
    "globals of the loop": script(
        more="""def share():
    return min(1.0, (step + 1) / 4)


class Scaled(Muon):
    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.grad = p.grad * share()
                p.data = p.data * (1 - 0.001 * share())
        super().step()

""",
        optimizers="optimizer2 = Scaled([p for p in model.blocks.parameters() if p.ndim >= 2], lr=0.02)\n"
        "optimizers = [optimizer1, optimizer2]",
    ),
    "outer optimizer": script(
        init="""anchor, outer = None, None
USE_OUTER = os.environ.get("USE_OUTER", "1") == "1"
if USE_OUTER:
    anchor = [p.data.clone() for p in model.parameters()]
    outer = [torch.zeros_like(p.data) for p in model.parameters()]
    print0("with an outer optimizer")
else:
    print0("without")
count = 0
""",
        after_zero="""    if anchor is not None:
        count += 1
        if count >= 3:
            for p, a, m in zip(model.parameters(), anchor, outer):
                m.mul_(0.5).add_(a - p.data, alpha=0.7)
                p.data.copy_(a - m)
                a.copy_(p.data)
            count = 0""",
    ),
    "modes and passes of the model replaced": script(
        constants="START_STEP = 1\n",
        preparation=AVERAGE + REPLACED,
        due="step == train_steps or step % 2 == 0",
        after_step="    update_average(step + 1)\n    seen_steps.append(step)",
    ),
    "the average's loss after the weights' own": script(
        constants="START_STEP = 1\n",
        preparation="mean = None\n",
        due="step == train_steps or step % 2 == 0",
        after_loss="""        mean_loss = val_loss
        if mean is not None:
            with torch.no_grad():
                own = [p.detach().clone() for p in model.parameters()]
                for p, m in zip(model.parameters(), mean):
                    p.copy_(m)
                mean_loss = 0
                for i in range(len(val_x) // mbs):
                    mean_loss += model(val_x[i*mbs:(i+1)*mbs], val_y[i*mbs:(i+1)*mbs])
                mean_loss /= val_tokens
                for p, o in zip(model.parameters(), own):
                    p.copy_(o)
        print0(f"val_mean_loss:{mean_loss:.5f}")""",
        after_zero="""    if step + 1 >= START_STEP:
        if mean is None:
            mean = [p.detach().clone() for p in model.parameters()]
        else:
            for p, m in zip(model.parameters(), mean):
                m.lerp_(p.detach(), 0.25)""",
    ),
    "resumed by a variable": script(
        constants='FROM = os.environ.get("FROM", "")\n',
        preparation="""first_step = 0
if FROM:
    held = torch.load(FROM)
    model.load_state_dict(held["model"])
    first_step = held["step"]
for _ in range(first_step):
    next(train_loader)
""",
    ).replace("for step in range(train_steps + 1)", "for step in range(first_step, train_steps + 1)"),
    "the bound given twice": script(preparation="train_steps = 3375\n"),
    "settings that functions put together": script(
        imports="import argparse\nimport ast",
        constants=CONFIGURED,
        seeding="args = parsed()\nhp = resolved(args.set)",
        steps='int(hp["steps"])',
        optimizers='optimizer2.param_groups[0]["mu"] = float(hp["mu"])\n',
    ),
    "helpers that fill lists": script(
        init="""def gather(found, module, seen):
    for p in module.parameters():
        if p.ndim == 2 and p.shape not in seen:
            seen.add(p.shape)
            found.append(p)


firsts = []
gather(firsts, model.blocks, set())
for p in firsts:
    p.data.mul_(0.5)
""",
    ),
}
"""Scripts by form."""

REFUSED: dict[str, tuple[str, str]] = {
    "nonsense": ("this is\nnot a script at all, is it?\n", "neither a script nor a log"),
    "empty": ("", "empty"),
    "no training": ("import torch\nprint(torch.ones(3))\n", "expected"),
    "deep": ("x = " + "(" * 150 + "1" + ")" * 150 + "\nx = " + "-" * 3000 + "1\n", ""),
    "third party": (
        script(
            imports="from heavyball import SOAP\n",
            optimizers="optimizers = [optimizer1, SOAP(optimizer2.param_groups)]\n",
        ),
        "heavyball",
    ),
    "activations": (
        script(
            init="for m in model.modules():\n    m.register_forward_hook(lambda m, i, o: setattr(m, 'seen', i[0]))\n"
        ),
        "hook",
    ),
    "watching that is on": (
        script(constants="WATCHES = True\n", more=WATCH, init="watch = Watch.on(model) if WATCHES else None\n"),
        "hook",
    ),
    "kept activations": (
        script(
            model=MODEL.replace(
                "        return F.linear(x,", "        self.seen = x.detach()\n        return F.linear(x,"
            ),
            after_step="    for b in model.blocks:\n        b.mlp.fc.weight.data.mul_(b.mlp.fc.seen.mean())",
        ),
        "keeps something",
    ),
    "training loss": (
        script(
            forward="        loss = model(inputs[i*mbs:(i+1)*mbs], targets[i*mbs:(i+1)*mbs])\n        loss.backward()",
            before_step="    if loss.item() > 6:\n        for p in model.parameters():\n            p.grad.mul_(0.5)",
        ),
        "training loss",
    ),
    "architecture": (
        script(
            model=MODEL.replace("        self.rotary", "        self.gate = nn.Linear(dim, dim)\n        self.rotary")
        ),
        "architecture",
    ),
    "two passes": (
        script(
            after_backward="    for i in range(len(inputs) // mbs):\n"
            "        model(inputs[i*mbs:(i+1)*mbs], targets[i*mbs:(i+1)*mbs]).backward()"
        ),
        "",
    ),
    "a block's pass replaced": (
        script(init="for b in model.blocks:\n    b.mlp.forward = lambda x, f=b.mlp.forward: 0.9 * f(x)\n"),
        "what the model does",
    ),
    "a pass replaced for validation too": (
        script(
            init="old = model.forward\n\n\ndef scaled(x, y):\n    for p in model.blocks.parameters():\n"
            "        p.data.mul_(0.9)\n    return old(x, y)\n\n\nmodel.forward = scaled\n"
        ),
        "for validation too",
    ),
    "gradients of microbatches": (
        script(
            after_backward="",
            forward="        model(inputs[i*mbs:(i+1)*mbs], targets[i*mbs:(i+1)*mbs]).backward()\n"
            "        for p in model.blocks.parameters():\n            p.seen = p.grad.square()",
            before_step="    for p in model.blocks.parameters():\n        p.grad.div_(p.seen.sqrt() + 1)",
        ),
        "single microbatches",
    ),
    "steps that nobody gave": (
        script(
            imports="import argparse",
            constants="parser = argparse.ArgumentParser()\n"
            'parser.add_argument("--num_steps", type=int, required=True)\nargs = parser.parse_args()\n',
            steps="args.num_steps",
        ),
        "--env num_steps=...",
    ),
    "numpy": (
        script(
            imports="import numpy as np",
            init="for p in model.blocks.parameters():\n    p.data.mul_(float(np.sqrt(0.5)))\n",
        ),
        "torch or math",
    ),
    "files": (script(before_forward="    os.system('true')\n    optimizer2.state = torch.load('x.pt')"), ""),
}
"""Scripts that must be refused, and a part of the message."""

"""Scripts that look like the plain one and train otherwise, some only after thousands of steps."""

from __future__ import annotations

from scripts import MODEL, SCHEDULE, script

PASS = "        loss = model(inputs[i*mbs:(i+1)*mbs], targets[i*mbs:(i+1)*mbs])\n"
ARGUMENTS = """parser = argparse.ArgumentParser()
parser.add_argument("--mu", type=float, default=0.9)
args = parser.parse_args()
"""
MU = 'optimizer2.param_groups[0]["mu"] = {}\n'
AVERAGED = """class Averaged(Muon):
    @torch.no_grad()
    def eval(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.mul_(0.5)

    @torch.no_grad()
    def train(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.mul_(2)


class Keeper:
    def __init__(self, model):
        self.model = model

    def record(self):
        for p in self.model.parameters():
            p.data.mul_(0.999)

    @staticmethod
    def shrink(model):
        for p in model.parameters():
            p.data.mul_(0.99)

"""
SETTINGS = """class HP:
    decay = False


hp = HP()
HP.decay = True
modes = {"mu": False}
same = modes
same["mu"] = True
scale = 0.9


def fill(into):
    into["lr"] = 0.01


def setup():
    global scale
    scale = 0.8


rates = {}
fill(rates)
setup()
"""

KEPT: dict[str, tuple[str, str]] = {
    "state deleted at a step": (
        script(
            before_step="    if step == 3:\n        for p in model.blocks.parameters():\n"
            "            optimizer2.state.pop(p, None)\n        del optimizer1.state[model.proj.weight]"
        ),
        "del optimizer1.state[model.proj.weight]",
    ),
    "an assertion that acts": (
        script(
            more="def halved(model):\n    for p in model.parameters():\n        p.data.mul_(0.5)\n    return True\n",
            init="assert halved(model)\n",
        ),
        "assert halved(model)",
    ),
    "weights by another name": (
        script(
            init="for w in model.blocks.parameters():\n    w.data *= 0.5\n"
            "head = model.proj.weight.data\nhead[:10] = 0.01\n"
            "with torch.no_grad():\n    bias = model.proj.bias\n    bias += 0.1\n"
            "all_weights = list(model.parameters())\n"
            "all_weights[3].data[:] = 0.2\n",
            before_step="    for w in model.blocks.parameters():\n        w.grad *= 0.5",
        ),
        "bias += 0.1",
    ),
    "two names of one list": (
        script(optimizers="first = second = [0.9]\nfirst.append(0.7)\n" + MU.format("second[-1]")),
        "first.append(0.7)",
    ),
    "results put elsewhere": (
        script(after_step="    for p in model.blocks.parameters():\n        torch.mul(p.data, 0.99, out=p.data)"),
        "out=p.data",
    ),
    "methods of its own with harmless names": (
        script(
            more=AVERAGED,
            optimizers="optimizer2 = Averaged([p for p in model.blocks.parameters() if p.ndim >= 2], lr=0.025)\n"
            "optimizers = [optimizer1, optimizer2]\nkeeper = Keeper(model)\n",
            before_loss="        optimizer2.eval()",
            after_loss="        optimizer2.train()",
            after_step="    keeper.record()\n    Keeper.shrink(model)",
        ),
        "optimizer2.eval()",
    ),
    "a variable named like a module": (
        script(
            preparation="signal = torch.zeros_like(model.proj.weight)\n",
            before_step="    signal.lerp_(model.proj.weight.grad, 0.5)\n    model.proj.weight.grad.add_(signal)",
        ),
        "signal.lerp_(",
    ),
    "settings that are changed": (
        script(
            constants=SETTINGS,
            optimizers='if hp.decay:\n    optimizer2.param_groups[0]["weight_decay"] = 0.5\nif modes["mu"]:\n    '
            + MU.format("scale")
            + 'optimizer2.param_groups[0]["lr"] = rates.get("lr", 0.02)\n',
        ),
        "setup()",
    ),
    "environment that it sets itself": (
        script(
            constants='os.environ["MU"] = "0.5"\nMU = float(os.environ.get("MU", "0.9"))\n', optimizers=MU.format("MU")
        ),
        "MU = 0.5",
    ),
    "the first of several trials": (
        script(trials=True, optimizers=MU.format("mu")).replace(
            "for _ in range(num_trials):", "MUS = [0.8, 0.9]\nfor trial, mu in enumerate(MUS):"
        ),
        "(enumerate(MUS))[0]",
    ),
    "arguments of main by keyword": (
        script(main=True, optimizers=MU.format("mu"))
        .replace("def main():", "def main(*, mu=0.9):")
        .replace("\n    main()\n", "\n    main(mu=0.8)\n"),
        "mu = 0.8",
    ),
    "divided twice": (script(forward=PASS + "        loss = loss / 2\n        (loss / 4).backward()"), "div_(8)"),
    "losses kept for the log": (
        script(
            preparation="losses = []\n",
            forward=PASS + "        losses.append(loss.item())\n        loss.backward()",
            after_zero="    print0(sum(losses))\n    losses.clear()",
        ),
        "def recipe",
    ),
    "settings before the pass, read after it": (
        script(
            schedule=SCHEDULE.replace("eta = 1.0 if", "eta = step / 4 if step < 4 else 1.0 if"),
            setting="",
            before_forward="    set_hparams(step)",
            before_step="    for group in optimizer2.param_groups:\n        for p in group['params']:\n"
            "            p.grad.add_(p, alpha=group['lr'])",
        ),
        "before_forward=",
    ),
    "optimizers in reverse": (
        script(stepping="    for opt in reversed(optimizers):\n        opt.step()"),
        "[*reversed(",
    ),
    "an alias that is something else, too": (
        script(
            preparation="m = model\nmoments = [torch.zeros_like(p) for p in model.parameters()]\n",
            before_step="    for p, m in zip(model.parameters(), moments):\n        m.lerp_(p.grad, 0.5)\n"
            "        p.grad.add_(m)",
        ),
        "for p, m in zip(",
    ),
    "functions that read the loop's step": (
        script(
            preparation="held = {}\n\n\ndef swap_in():\n    if step >= 2:\n"
            "        for n, p in model.named_parameters():\n            held[n] = p.detach().clone()\n"
            "            p.data.mul_(0.9)\n\n\ndef swap_out():\n"
            "    if step >= 2:\n        for n, p in model.named_parameters():\n            p.data.copy_(held[n])\n",
            before_loss="        swap_in()",
            after_loss="        swap_out()",
        ),
        "def eval_weights(now):\n        nonlocal step",
    ),
    "a table as long as the run": (
        script(
            schedule="table = [1 - i / train_steps for i in range(train_steps)]\n",
            top="    for opt in optimizers:\n        for group in opt.param_groups:\n"
            '            group["lr"] = group["initial_lr"] * table[step]',
            setting="",
        )
        .replace("range(train_steps + 1)", "range(train_steps)")
        .replace("    if step == train_steps:\n        break\n", ""),
        "if step + 1 < train_steps:",
    ),
    "after whatever is tried": (
        script(after_step="    try:\n        print0('x')\n    finally:\n        model.proj.weight.data.mul_(0.9)"),
        "mul_(0.9)",
    ),
}
"""Scripts by form, and what their genomes must hold."""

ABSOLUTE = {
    "compared": script(
        schedule=SCHEDULE.replace("eta = 1.0 if", "eta = 0.5 if step > DROP else 1.0 if") + "DROP = 2000\n"
    ),
    "among several": script(
        schedule="AT = [1500, 2500]\n"
        + SCHEDULE.replace("    assert 0", "    if step in AT:\n        pass\n    assert 0")
    ).replace("        pass\n    assert", "        optimizer2.param_groups[0]['mu'] = 0.8\n    assert"),
    "keys": script(
        schedule="PIECES = {0: 0.9, 1500: 0.8}\n"
        + SCHEDULE.replace(
            "    assert 0",
            "    for first, mu in PIECES.items():\n        if step >= first:\n"
            "            optimizer2.param_groups[0]['mu'] = mu\n    assert 0",
        )
    ),
    "divided by": script(
        schedule="warm = 300\n" + SCHEDULE.replace("eta = 1.0 if", "eta = step / warm if step < 9 else 1.0 if")
    ),
    "another length": script()
    .replace("range(train_steps + 1)", "range(3001)")
    .replace("step == train_steps", "step == 3000"),
    "another length, of settings": script()
    .replace("range(train_steps + 1)", "range(hp.steps + 1)")
    .replace("step == train_steps", "step == hp.steps")
    .replace("train_steps = 3375", "class HP:\n    steps = 3000\n\n\nhp = HP()\ntrain_steps = 3100"),
}
"""Scripts with absolute step numbers."""

OTHERWISE: dict[str, tuple[str, str]] = {
    "steps cut short": (script(after_backward="    if step > 1000 and step % 4 != 3:\n        continue"), "continue"),
    "gradients kept": (
        script().replace("    model.zero_grad(", "    if step < 2000 or step % 2:\n        model.zero_grad("),
        "in some steps only",
    ),
    "gradients never set to zero": (
        script().replace("    model.zero_grad(set_to_none=True)", ""),
        "set to None or zero",
    ),
    "tied weights": (script(init="a, b = model.embed.weight, model.proj.weight\nb.data = a.data\n"), "share memory"),
    "embedding of another dtype": (
        script(init="for p in model.parameters():\n    p.data = p.data.float()\n"),
        "dtypes",
    ),
    "model of another dtype": (script(init="model.bfloat16()\n"), "dtypes"),
    "made of another dtype": (script().replace("model_dim=768).cuda()", "model_dim=768).cuda().bfloat16()"), "dtypes"),
    "another default dtype": (script(seeding="torch.set_default_dtype(torch.bfloat16)"), "dtypes"),
    "embedding without a dtype": (script(model=MODEL.replace(".bfloat16()", "")), "embed.weight in bfloat16"),
    "weights that are frozen": (
        script(before_forward="    if step == 1000:\n        model.embed.weight.requires_grad_(False)"),
        "kept from being trained",
    ),
    "other code": (script(constants="exec(open('configurator.py').read())\n"), "executed here"),
    "variables that are written by name": (script(constants="MU = 0.9\nglobals().update({'MU': 0.5})\n"), "globals()"),
    "a term in the loss": (
        script(forward=PASS + "        loss = loss + model.proj.weight.square().sum()\n        loss.backward()"),
        "nothing is added",
    ),
    "a term added in place": (
        script(forward=PASS + "        loss += model.proj.weight.square().sum()\n        loss.backward()"),
        "nothing is added",
    ),
    "a loss that is multiplied in place": (
        script(forward=PASS + "        loss *= 0.5\n        loss.backward()"),
        "multiplied",
    ),
    "a loss divided in the model": (
        script(model=MODEL.replace('reduction="sum")', 'reduction="sum") / targets.numel()')),
        "as it is",
    ),
    "smoothed targets": (
        script(model=MODEL.replace('reduction="sum"', 'reduction="sum", label_smoothing=0.1')),
        "no more",
    ),
    "fewer microbatches at first": (
        script().replace(
            "range(len(inputs) // mbs):\n        model(inputs", "range(2 if step < 9 else 8):\n        model(inputs"
        ),
        "which tokens",
    ),
    "a smaller batch at first": (
        script(before_forward="    if step < 1000:\n        inputs, targets = inputs[:256], targets[:256]"),
        "which tokens",
    ),
    "tokens that are skipped": (
        script(before_forward="    if step == 1000:\n        next(train_loader)"),
        "which tokens",
    ),
    "tokens in another order": (script(before_forward="    inputs = inputs.flip(0)"), "which tokens"),
    "autocast by name": (
        script(
            preparation="ctx = torch.autocast('cuda', dtype=torch.bfloat16)\n",
            forward="        with ctx:\n    " + PASS + "        loss.backward()",
        ),
        "autocast",
    ),
    "a training loss that a function reads": (
        script(
            preparation="total = 0.0\n\n\ndef cut():\n    if total > 3:\n"
            "        optimizer2.param_groups[0]['mu'] = 0.5\n",
            forward=PASS + "        total = total + loss.item()\n        loss.backward()",
            before_step="    cut()",
        ),
        "neither tokens nor losses",
    ),
    "a training loss in a container": (
        script(
            preparation="seen = {'loss': 0.0}\n",
            forward=PASS + "        seen['loss'] = loss.item()\n        loss.backward()",
            before_step="    if seen['loss'] > 3:\n        optimizer2.param_groups[0]['mu'] = 0.5",
        ),
        "neither tokens nor losses",
    ),
    "a plateau of the validation loss": (
        script(
            preparation="best, mu = float('inf'), 0.9\n",
            after_loss="        if val_loss > best - 0.01:\n            mu *= 0.9\n        best = min(best, val_loss)",
            before_step="    optimizer2.param_groups[0]['mu'] = mu",
        ),
        "neither tokens nor losses",
    ),
    "validations that are counted": (
        script(
            preparation="seen = 0\n",
            after_loss="        seen += 1",
            before_step="    if seen > 10:\n        optimizer2.param_groups[0]['mu'] = 0.8",
        ),
        "times of its own",
    ),
    "an optimizer that is replaced": (
        script(
            before_step="    if step == 2000:\n        optimizer2 = AdamW(model.blocks.parameters(), lr=0.001)",
            stepping="    optimizer1.step()\n    optimizer2.step()",
        ),
        "which optimizers are stepped changes",
    ),
    "arguments of its own": (
        script(
            imports="import argparse",
            constants=ARGUMENTS.replace("parse_args()", "parse_args(['--mu', '0.5'])"),
            optimizers=MU.format("args.mu"),
        ),
        "argparse",
    ),
    "arguments written by name": (
        script(
            imports="import argparse",
            constants=ARGUMENTS + "setattr(args, 'mu', 0.5)\n",
            optimizers=MU.format("args.mu"),
        ),
        "argparse",
    ),
    "arguments of another type": (
        script(
            imports="import argparse",
            constants=ARGUMENTS.replace("type=float, default=0.9", "type=lambda s: float(s) / 2, default='0.9'"),
            optimizers=MU.format("args.mu"),
        ),
        "argparse",
    ),
    "names that nothing defines": (
        script(main=True, optimizers=MU.format("mu"))
        .replace("def main():", "def main(mu):")
        .replace("\n    main()\n", "\n    for mu in [0.8, 0.9]:\n        main(mu)\n"),
        "cannot be told what",
    ),
    "steps from one": (script().replace("range(train_steps + 1)", "range(1, train_steps + 1)"), "counts from 1"),
    "no steps": (script(steps="-5"), "of 1 to"),
    "numbers without end": (
        script(
            steps="grown()",
            constants="def grown():\n    x = 10\n    for _ in range(60):\n        x = x * x\n    return x\n",
        ),
        "cannot be told",
    ),
    "a table without end": (script(constants="x = " + ", ".join(["1"] * 110_000) + "\n"), "parts of syntax"),
}
"""Scripts that must not be imported, and a part of the message."""

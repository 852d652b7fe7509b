"""What a genome must return and may do, as seen from outside: bad ones get an outcome and a reason to act on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tiny_genomes import ADAMW, SGD, sgd_with

from evaluator.records import Outcome

R, C, D = Outcome.REJECTED, Outcome.CRASHED, Outcome.DIVERGED

BAD = {
    "no dict": ("def recipe(model, train_steps):\n    return 1", R, "must return a dict"),
    "no set_hparams": (
        "def recipe(model, train_steps):\n    return dict(optimizers=[])", R, "has no 'set_hparams'"
    ),
    "unknown key": (sgd_with("", "befor_forward=set_hparams"), R, "unknown keys ['befor_forward']"),
    "hook is None": (sgd_with("", "after_step=None"), R, "Leave an unused hook out"),
    "no optimizer": (
        "def recipe(model, train_steps):\n    return dict(optimizers=[], set_hparams=print)", R, "at least "
        "one"
    ),
    "no step": (
        "def recipe(model, train_steps):\n    return dict(optimizers=[1], set_hparams=print)", R, "no step()"
    ),
    "hidden groups": (
        "class O:\n    def step(self): pass\n"
        "def recipe(model, train_steps):\n    return dict(optimizers=[O()], set_hparams=print)",
        R,
        "give it as a property",
    ),
    "orphans": (
        sgd_with("optimizer.param_groups[0]['params'].pop(0)"), R, "belong to no optimizer: embed.weight"
    ),
    "owned twice": (
        sgd_with("optimizer.param_groups[0]['params'].append(model.proj.bias)"), R, "proj.bias by optimizer 0 (SGD) and"
    ),
    "rebound in recipe": (
        sgd_with("model.embed.weight.data = torch.zeros_like(model.embed.weight)"), R, "embed.weight was rebound"
    ),
    "rebound in a step": (
        sgd_with("def after_step(step):\n    model.proj.bias.data = model.proj.bias.data * 1", "after_step=after_step"),
        R,
        "proj.bias was rebound in step 0",
    ),
    "replaced": (
        sgd_with("model.proj.bias = torch.nn.Parameter(torch.zeros(256))"), R, "proj.bias was replaced"
    ),
    "added": (
        sgd_with("model.extra = torch.nn.Parameter(torch.zeros(2))"), R, "were added to the model"
    ),
    "dtype": (sgd_with("model.half()"), R, "was rebound"),
    "no context": (sgd_with("", "eval_weights=lambda step: 1"), R, "must return a context manager"),
    "raises": (sgd_with("raise KeyError('momentum')"), C, "KeyError: 'momentum'"),
    "wrong shapes": (sgd_with("torch.zeros(3) + torch.zeros(4)"), C, "size of tensor a (3)"),
    "takes no step": (
        "import torch\ndef recipe(model, train_steps, *, extra):\n    pass", R, "recipe must have the "
        "signature"
    ),
    "not a number": (
        sgd_with("def after_step(step):\n    model.proj.bias.data.fill_(float('nan'))", "after_step=after_step"),
        D,
        "not a finite number at step 3",
    ),
    "long message": (
        sgd_with("raise ValueError('first\\nsecond')"), C, "ValueError: first second"
    ),
    "climbs": (
        sgd_with("def after_step(step):\n    model.proj.bias.data[0].add_(3)", "after_step=after_step"), D, "rose from"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_genome_gets_an_outcome_and_a_reason(name, run) -> None:
    source, outcome, said = BAD[name]
    trial = run(source)
    assert trial.outcome is outcome
    assert said in trial.reason
    assert trial.value is None


def test_a_traceback_starts_at_the_genome_and_quotes_it(run) -> None:
    trial = run(sgd_with("def helper():\n    return 1 / 0  # here\nhelper()"))
    assert trial.outcome is Outcome.CRASHED
    assert trial.reason == "ZeroDivisionError: division by zero"
    assert "return 1 / 0  # here" in trial.stderr
    assert "candidate.py" not in trial.stderr


def test_hooks_run_in_the_order_of_the_contract(run, rung) -> None:
    source = sgd_with(
        """
        import contextlib
        calls = []
        state = {}
        def before_forward(step):
            assert model.proj.bias.grad is None
            calls.append(f"before_forward {step}")
        def after_backward(step):
            assert model.proj.bias.grad.abs().sum() > 0
            calls.append(f"after_backward {step}")
        def set_hparams(step):
            calls.append(f"set_hparams {step}")
        class Noting(torch.optim.SGD):
            def step(self):
                calls.append("optimizer " + self.called)
                super().step()
        first = Noting(list(model.blocks.parameters()), lr=0.0)
        known = set(first.param_groups[0]["params"])
        second = Noting([p for p in model.parameters() if p not in known], lr=0.0)
        first.called, second.called = "first", "second"
        def after_step(step):
            calls.append(f"after_step {step}")
            if step == 1:
                raise ValueError(", ".join(calls))
        @contextlib.contextmanager
        def eval_weights(step):
            calls.append(f"enter {step}")
            yield
            calls.append(f"leave {step}")
        return dict(optimizers=[first, second], set_hparams=set_hparams, before_forward=before_forward,
                    after_backward=after_backward, after_step=after_step, eval_weights=eval_weights)
        """
    )
    trial = run(source, rung=replace(rung, validate_every=1))
    steps = [
        f"enter {k}, leave {k}, before_forward {k}, after_backward {k}, set_hparams {k}, optimizer first, "
        f"optimizer second, after_step {k}"
        for k in range(2)
    ]
    assert trial.reason == "ValueError: " + ", ".join(steps)


EVAL = """
import contextlib
@contextlib.contextmanager
def eval_weights(step):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(0.5)
    yield
"""


def test_weights_come_back_after_eval_weights_even_if_the_genome_forgets(run, task) -> None:
    smoke = replace(task.rung("smoke"), validate_every=2, limits=run_limits(task))
    plain, other = run(sgd_with(""), rung=smoke), run(sgd_with(EVAL, "eval_weights=eval_weights"), rung=smoke)
    assert plain.outcome is other.outcome is Outcome.FINISHED
    assert other.curve != plain.curve
    # Halved weights score otherwise, but training goes on from the restored ones.
    assert other.measures["effective_rank"] == plain.measures["effective_rank"]
    assert other.measures["trajectory"] != plain.measures["trajectory"]


def run_limits(task):
    return replace(task.rung("smoke").limits, cpu_seconds=20.0, wall_seconds=120.0)


def test_info_tells_tokens_per_step_and_the_stop_step(run) -> None:
    source = sgd_with("raise ValueError(info.tokens_per_step, info.stop_step, train_steps)")
    trial = run(source.replace("(model, train_steps)", "(model, train_steps, *, info)"))
    assert trial.reason == "ValueError: (64, 8, 8)"


def test_compile_is_the_identity_and_distributed_is_there(run) -> None:
    source = sgd_with(
        """
        import torch.distributed as dist
        @torch.compile
        def one(x):
            return x
        @torch.compile(dynamic=False, fullgraph=True)
        def two(x):
            return x
        x, out = torch.arange(4.0), torch.zeros(4)
        dist.all_reduce(x)
        dist.broadcast(x, 0)
        dist.all_gather_into_tensor(out, x)
        work = dist.all_reduce(x, async_op=True)
        work.wait()
        raise ValueError(one(1), two(2), dist.get_rank(), dist.get_world_size(), out.tolist())
        """
    )
    assert run(source).reason == "ValueError: (1, 2, 0, 1, [0.0, 1.0, 2.0, 3.0])"


def test_the_model_cannot_be_called(run) -> None:
    trial = run(sgd_with("def after_step(step):\n    alias = model\n    alias(1)", "after_step=after_step"))
    assert trial.outcome is Outcome.CRASHED
    assert "forward" in trial.reason


def test_smoke_measures(run, task) -> None:
    smoke = replace(task.rung("smoke"), limits=run_limits(task))
    sgd, adam = run(SGD, rung=smoke), run(ADAMW, rung=smoke)
    assert sgd.measures["state_bytes_per_parameter"] == 4.0
    # Two moments, the average, and a step counter per tensor.
    assert 12.0 < adam.measures["state_bytes_per_parameter"] < 12.2
    for trial in (sgd, adam):
        assert 0 < trial.measures["effective_rank"] <= 1
    assert sgd.measures["trajectory"] == run(SGD, rung=smoke).measures["trajectory"]
    assert sgd.measures["trajectory"] != adam.measures["trajectory"]

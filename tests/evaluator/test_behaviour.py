"""Sketches and traces by themselves, and of whole smoke trials."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from tiny_genomes import ADAMW, SGD

from evaluator.behaviour import PROJECTIONS, sketch, trace
from evaluator.records import Limits, Outcome
from evolve.novelty import alike, behaviour


def test_a_sketch_estimates_distances_of_directions_and_lengths() -> None:
    torch.manual_seed(0)
    tensors = [torch.randn(64, 32) for _ in range(20)]
    turned = [tensor + 1e-3 * torch.randn_like(tensor) for tensor in tensors]
    directions = [a / a.norm() - b / b.norm() for a, b in zip(tensors, turned, strict=True)]
    true = math.sqrt(sum(d.norm().item() ** 2 for d in directions))
    one, other = sketch(tensors), sketch(turned)
    estimate = math.dist(one[:PROJECTIONS], other[:PROJECTIONS]) / math.sqrt(PROJECTIONS)
    assert 0.4 * true < estimate < 1.8 * true
    longer = sketch([tensors[0] * math.e, *tensors[1:]])
    assert longer[:PROJECTIONS] == pytest.approx(one[:PROJECTIONS])
    assert [abs(a - b) for a, b in zip(longer, one, strict=True)][PROJECTIONS:] == pytest.approx([1.0] * PROJECTIONS)


def test_a_small_tensor_weighs_as_much_as_a_large_one() -> None:
    large, small = torch.ones(1000), torch.tensor([1e-6, 0.0])
    assert abs(sketch([large, small])[0] - sketch([large, small.flip(0)])[0]) in (0.0, pytest.approx(2.0))
    assert sketch([large, small]) != sketch([large, small.flip(0)])


def test_zeros_and_one_number_have_a_sketch() -> None:
    assert all(map(math.isfinite, sketch([torch.zeros(3), torch.tensor(2.0)])))


P, Q = torch.zeros(1), torch.zeros(1)
PLACES = {id(P): 0, id(Q): 1}


def optimizer(*params: torch.Tensor, **group: object) -> SimpleNamespace:
    return SimpleNamespace(param_groups=[{"params": list(params), "lr": 1.0, "beta": 0.9, **group}])


def traced(one: SimpleNamespace, *others: SimpleNamespace, factor: float = 1.0, key: str = "lr") -> float:
    def set_hparams(step: int) -> None:
        one.param_groups[0][key] = factor * 0.1 * (1 - step / 20)

    return trace([one, *others], set_hparams, 20, PLACES)


def test_a_trace_is_what_the_groups_hold_at_every_step() -> None:
    assert traced(optimizer(P)) == traced(optimizer(P), factor=1 + 1e-14) < 2**48
    assert traced(optimizer(P, lr=torch.tensor(1.0))) == traced(optimizer(P))
    assert traced(optimizer(P), optimizer(Q)) == trace_in_other_order()
    for other in (
        traced(optimizer(P), factor=1.0001),
        traced(optimizer(P, beta=0.8)),
        traced(optimizer(P), key="beta"),
        traced(optimizer(Q)),
    ):
        assert other != traced(optimizer(P))
    assert traced(optimizer(P), optimizer(Q)) != traced(optimizer(Q), optimizer(P))


def trace_in_other_order() -> float:
    first, second = optimizer(Q), optimizer(P)

    def set_hparams(step: int) -> None:
        second.param_groups[0]["lr"] = 0.1 * (1 - step / 20)

    return trace([first, second], set_hparams, 20, PLACES)


REFACTORED = SGD.replace("1e-3 * (1 - step / train_steps)", "rate * (train_steps - step) / train_steps").replace(
    "    optimizer =", "    rate = 0.001\n    optimizer ="
)
EARLIER_END = SGD.replace(
    "1e-3 * (1 - step / train_steps)", "1e-3 * (1 - step / train_steps) * (1 if step < 5 else 0.5)"
)
"""The same for the first five steps."""
AVERAGED = """
    @contextlib.contextmanager
    def averaged(step):
        with torch.no_grad():
            for slow, parameter in zip(average, model.parameters()):
                parameter.copy_(slow)
        yield

    return dict(eval_weights=averaged, """
ALSO_AVERAGED = "import contextlib\n" + ADAMW.replace("\n    return dict(", AVERAGED)


def smoke(run, rung, source: str):
    """How a genome behaves in five steps of a schedule of eight."""
    limits = Limits(cpu_seconds=20.0, wall_seconds=120.0)
    trial = run(source, rung=rung.__class__("smoke", 5, 5, 0, 1, "validation", limits, traced_steps=8))
    assert trial.outcome is Outcome.FINISHED, trial.reason
    return behaviour(trial.measures)


def test_a_refactoring_behaves_as_what_it_was_made_from(run, rung) -> None:
    one, other = smoke(run, rung, SGD), smoke(run, rung, REFACTORED)
    assert one is not None
    assert other is not None
    assert alike(one, other)


def test_what_differs_behaves_otherwise(run, rung) -> None:
    known = [
        smoke(run, rung, source) for source in (SGD, SGD.replace("0.9", "0.91"), EARLIER_END, ADAMW, ALSO_AVERAGED)
    ]
    for place, one in enumerate(known):
        assert one is not None
        assert not any(alike(one, other) for other in known[:place] if other is not None)


def test_what_the_first_steps_cannot_tell_has_no_behaviour(run, rung) -> None:
    later = SGD.replace("    def set_hparams", "    if len([]) > 300: pass\n    def set_hparams")
    assert smoke(run, rung, later) is None


def test_a_schedule_that_asks_for_gradients_has_no_behaviour(run, rung) -> None:
    curious = SGD.replace("1e-3 * (1 - step / train_steps)", "1e-3 / (1 + model.embed.weight.grad.norm().item())")
    assert smoke(run, rung, curious) is None

"""Whether processor, card, recorded graph and fused compiled passes train alike: the same genome, weights and tokens.

    python -m benchmarks.tolerances SHARDS [--genomes muon adamw] [--steps 60 300]

The tiny size is trained by each way; the proxy by those for cards. Initial weights are drawn on the processor for all,
since a card draws other numbers. Each way's losses are compared with the first's, step by step, in nats per token: the
largest difference in the first ten steps, that of the last training loss, and that of the held-out loss at the end; a
way run twice shows what differs without a cause. Needs a card; without one only the processor is shown.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from evaluator.contract import Info
from evaluator.tasks.gpt import GPT
from evaluator.tasks.nanogpt import PROXY, TINY, NanoGPTProblem
from evaluator.tasks.nanogpt_forward import turns
from evaluator.tasks.nanogpt_training import NanoGPTTraining, plain_loss
from evaluator.tasks.shards import find_shards
from evolve.genomes import shipped

GENOMES = {genome.name: genome.source for genome in shipped()}
_FIRST = 10


def plain(training: NanoGPTTraining, problem: NanoGPTProblem, device: torch.device) -> None:
    """The formula as it stands, launch by launch."""
    recorded(training, problem, device)
    training._run = lambda name, model, work: partial(work, model)


def recorded(training: NanoGPTTraining, problem: NanoGPTProblem, device: torch.device) -> None:
    """The formula as it stands, as one graph."""
    size = problem.size
    training._loss = plain_loss(size.heads, *turns(size.context, size.width // size.heads, device))


def compiled(training: NanoGPTTraining, problem: NanoGPTProblem, device: torch.device) -> None:
    """The formula compiled, as one graph."""
    recorded(training, problem, device)
    training._loss = torch.compile(training._loss, dynamic=False, fullgraph=True)


def as_shipped(training: NanoGPTTraining, problem: NanoGPTProblem, device: torch.device) -> None:
    """What trials do: compiled, with the fused head, as one graph."""


Way = Callable[[NanoGPTTraining, NanoGPTProblem, torch.device], None]
WAYS: dict[str, tuple[str, Way]] = {
    "processor": ("cpu", plain),
    "card": ("cuda", plain),
    "card, again": ("cuda", plain),
    "card, graph": ("cuda", recorded),
    "card, compiled, graph": ("cuda", compiled),
    "card, compiled with the fused head, graph": ("cuda", as_shipped),
    "card, the same again": ("cuda", as_shipped),
}


def train(problem: NanoGPTProblem, source: str, steps: int, name: str) -> tuple[list[float], float]:
    """Training losses and held-out loss, nats per token."""
    kind, prepare = WAYS[name]
    device = torch.device(kind)
    training = problem.training(device)
    prepare(training, problem, device)
    namespace: dict[str, object] = {}
    exec(source, namespace)
    recipe = namespace["recipe"]
    info = {"info": Info(problem.tokens_per_step, steps)} if "info" in recipe.__code__.co_varnames else {}
    models = []
    for place in {torch.device("cpu"), device}:
        torch.manual_seed(0)
        model = problem.shape().build().to(place)
        answer = recipe(model, steps, **info)
        models.append((place.type, model, answer))
    drawn = next(model for place, model, _ in models if place == "cpu")
    model, answer = next((model, answer) for place, model, answer in models if place == kind)
    assert isinstance(model, GPT)
    with torch.no_grad():
        for there, here in zip(model.parameters(), drawn.parameters(), strict=True):
            there.copy_(here)
            there.grad = torch.zeros_like(there)
    losses = []
    for step in range(steps):
        for parameter in model.parameters():
            parameter.grad.zero_()
        losses.append(training.backward(model, step))
        answer["set_hparams"](step)
        for optimizer in answer["optimizers"]:
            optimizer.step()
    scored = training.held_out(model, "validation")
    return (torch.stack(losses) / problem.tokens_per_step).tolist(), scored


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--genomes", nargs="+", choices=list(GENOMES), default=["muon", "adamw"])
    parser.add_argument("--steps", type=int, nargs=2, default=[60, 300], metavar=("TINY", "PROXY"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    on_card = torch.cuda.is_available()
    ways = list(WAYS) if on_card else ["processor"]
    print(f"torch {torch.__version__}" + (f", {torch.cuda.get_device_name()}" if on_card else ", no card"))
    print("| size | genome | way | held-out loss | first ten steps | last step | held out |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: |")
    for size, (label, steps) in {TINY: ("tiny", options.steps[0]), PROXY: ("proxy", options.steps[1])}.items():
        problem = NanoGPTProblem(size, find_shards(options.shards).vocabulary, options.shards)
        chosen = [way for way in ways if label == "tiny" or way != "processor"]
        for genome in options.genomes if chosen else []:
            first, first_scored = train(problem, GENOMES[genome], steps, chosen[0])
            print(f"| {label} | {genome} | {chosen[0]} | {first_scored:.4f} | | | |", flush=True)
            for way in chosen[1:]:
                losses, scored = train(problem, GENOMES[genome], steps, way)
                apart = [abs(one - other) for one, other in zip(losses, first, strict=True)]
                print(
                    f"| {label} | {genome} | {way} | {scored:.4f} | {max(apart[:_FIRST]):.1e} | {apart[-1]:.1e} "
                    f"| {abs(scored - first_scored):.1e} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()

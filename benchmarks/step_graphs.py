"""What recording candidates' optimizer steps as graphs could bring at most, on one card shared by several trials.

    python -m benchmarks.step_graphs SHARDS [--at-once 6] [--steps 300]

Each process trains seed programs of a mixed set on the proxy, one after the other, with its own warm forward and
backward pass as trials have it; once with optimizer steps as Python issues them, once with one step of each program
recorded and replayed as a graph. A replayed step goes on with the numbers of the recorded one (rates, corrections of
biases), and one is chosen on which no decomposition of matrices falls, since those cannot be recorded: what is trained
is wrong and no loss is shown. The time is a bound, for a right step would have to do more.
Start NVIDIA's multi-process service before to see what is left to gain when processes share the card.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import torch

from benchmarks.cards import GENOMES
from evaluator.contract import Info
from evaluator.devices import get_device
from evaluator.devices.found import gpus, shares
from evaluator.tasks.nanogpt import NanoGPT
from evaluator.workplace import Workplace

_RECORDED = 38
"""Step at which no seed program decomposes matrices."""


def work(shards: Path, steps: int, names: Queue[str | None], ready: Barrier) -> None:
    """One process: train what the queue names, as issued; after a None, and so on as graphs."""
    task, device = NanoGPT(shards), get_device("cuda:0")
    problem = task.problem(task.rung("proxy"))
    device.start()
    workplace = Workplace(problem, device)
    with workplace.memory():
        for as_graph in (False, True):
            ready.wait()
            while (name := names.get()) is not None:
                train(workplace, GENOMES[name], steps, as_graph)
            torch.cuda.synchronize()
            ready.wait()


def train(workplace: Workplace, source: str, steps: int, as_graph: bool) -> None:
    """So many steps of one program on fresh weights."""
    torch.manual_seed(0)
    fresh = workplace.problem.shape().build()
    for ours, drawn in zip(workplace.model.parameters(), fresh.parameters(), strict=True):
        ours.data.copy_(drawn.data)
    namespace: dict[str, object] = {}
    exec(source, namespace)
    recipe = namespace["recipe"]
    info = Info(workplace.problem.tokens_per_step, steps)
    extra = {"info": info} if "info" in recipe.__code__.co_varnames else {}
    answer = recipe(workplace.model, steps, **extra)

    def once(step: int) -> None:
        answer["set_hparams"](step)
        for optimizer in answer["optimizers"]:
            optimizer.step()

    replay: Callable[[], None] | None = None
    for step in range(steps):
        workplace.gradients.zero_()
        workplace.training.backward(workplace.model, step)
        if as_graph and step == _RECORDED:
            replay = recorded(lambda: once(_RECORDED))
        if replay is None:
            once(step)
        else:
            replay()
        if step % 20 == 0:
            torch.cuda.synchronize()  # trials, too, stay only a few steps ahead of the card
    torch.cuda.synchronize()


def recorded(step: Callable[[], None]) -> Callable[[], None]:
    """A step as a graph."""
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--at-once", type=int, default=6)
    parser.add_argument("--steps", type=int, default=300)
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    names: Queue[str | None] = context.Queue()
    ready = context.Barrier(options.at_once + 1)
    workers = [
        context.Process(target=work, args=(options.shards, options.steps, names, ready), daemon=True)
        for _ in range(options.at_once)
    ]
    for worker in workers:
        worker.start()
    print(gpus()[0].model, torch.__version__, f"{options.at_once} at once{', sharing' if shares() else ''}", flush=True)
    for way in ("as issued", "as graphs"):
        for _ in range(2):
            for name in GENOMES:
                names.put(name)
        for _ in workers:
            names.put(None)
        ready.wait()
        began = time.perf_counter()
        ready.wait()
        spent = time.perf_counter() - began
        print(f"{way}: {1e3 * spent / (2 * len(GENOMES) * options.steps):.2f} ms a step and trial", flush=True)


if __name__ == "__main__":
    main()

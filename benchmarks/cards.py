"""What a trial of `nanogpt` costs on a card, and what each technique brings.

    python -m benchmarks.cards SHARDS [--parts steps plain ours full] [--trials-per-gpu 1 2 6] [--steps 300]
                               [--rng-seeds 2] [--gpus-per-trial 1 2] [--genomes muon adamw]

steps: the recorded forward and backward pass of the proxy, and each seed program's optimizer step as Python issues it
and as the card alone would take it. plain: a script per candidate (`benchmarks.plain_script`). ours: the same genomes
through the evaluator, so many at once; start NVIDIA's multi-process service before to see what sharing brings. full:
seconds of a full-size step of the Muon seed program, by the evaluator on so many cards and by the script on one; its
vocabulary is what the shards say. The card is named in the first line. Prints; `benchmarks/results/cards.md` is written
from there.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from evaluator.contract import Info
from evaluator.devices import get_device
from evaluator.devices.found import gpus, shares
from evaluator.pool import Evaluator
from evaluator.records import Rung, TrialRequest
from evaluator.tasks.nanogpt import NanoGPT, NanoGPTProblem
from evaluator.workplace import Workplace
from evolve.genomes import shipped

GENOMES = {genome.name: genome.source for genome in shipped() if genome.name != "sgd_nesterov"}
"""The mixed set."""
FULL_STEPS = (8, 28)
PEAK = 989e12
"""Floating-point operations a second of an H100 or H200 in dense bfloat16, by its maker."""


def milliseconds(work: Callable[[], object], times: int) -> float:
    """Mean of so many calls after one that warms up."""
    work()
    torch.cuda.synchronize()
    began = time.perf_counter()
    for _ in range(times):
        work()
    torch.cuda.synchronize()
    return 1e3 * (time.perf_counter() - began) / times


def steps(task: NanoGPT) -> None:
    """The parts of a proxy step."""
    problem, device = task.problem(task.rung("proxy")), get_device("cuda:0")
    device.start()
    began = time.perf_counter()
    workplace = Workplace(problem, device)
    print(f"compile and record: {time.perf_counter() - began:.1f} s")
    with workplace.memory():
        passes = milliseconds(lambda: workplace.training.backward(workplace.model, 0), 100)
        print(f"forward and backward: {passes:.2f} ms")
        for name, source in GENOMES.items():
            issued, alone = optimizer_step(workplace, source)
            print(f"{name}: {issued:.2f} ms as issued, {alone:.2f} ms as a graph")


def optimizer_step(workplace: Workplace, source: str) -> tuple[float, float]:
    """Milliseconds of one optimizer step, issued by Python and replayed as a graph."""
    namespace: dict[str, object] = {}
    exec(source, namespace)
    recipe = namespace["recipe"]
    info = Info(workplace.problem.tokens_per_step, 1000)
    extra = {"info": info} if "info" in recipe.__code__.co_varnames else {}
    answer = recipe(workplace.model, 1000, **extra)
    workplace.training.backward(workplace.model, 0)

    def once() -> None:
        answer["set_hparams"](10)
        for optimizer in answer["optimizers"]:
            optimizer.step()

    for _ in range(5):
        once()
    issued = milliseconds(once, 30)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            once()
    except RuntimeError:  # it looks at values: only Python can tell what comes next
        return issued, float("nan")
    return issued, milliseconds(graph.replay, 30)


def plain(shards: Path, count: int, names: Sequence[str], rung: str = "proxy") -> float:
    """A script per candidate, one after the other, with the compiler's cache full; seconds of the last one's step."""
    found: dict[str, float] = {}
    for name, count in ((names[0], 2), *((name, count) for name in names)):
        began = time.perf_counter()
        done = subprocess.run(
            [
                *(sys.executable, "-P", "-m", "benchmarks.plain_script"),
                *(f"seed_programs/{name}.py", str(shards), str(count), "0", rung),
            ],
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(done.stdout.splitlines()[-1])
        print(f"script {name}, {count} steps: {time.perf_counter() - began:.1f} s", found, flush=True)
    return found["ms_per_step"] / 1e3


def ours(task: NanoGPT, at_once: int, count: int, names: Sequence[str], rng_seeds: int) -> None:
    """The same through the evaluator, each genome by so many rng_seeds, once its slots are warm."""
    rung = replace(task.rung("proxy"), train_steps=count, validate_every=count)
    requests = [TrialRequest(name, GENOMES[name], rung, seed) for seed in range(rng_seeds) for name in names]
    with Evaluator(task, at_once, devices=("cuda:0",)) as evaluator:
        began = time.perf_counter()
        run(evaluator, [TrialRequest("", GENOMES["adamw"], task.rung("smoke"), seed) for seed in range(at_once)])
        warm = time.perf_counter()
        walls, stretches = run(evaluator, requests)
        spent = time.perf_counter() - warm
    print(
        f"{at_once} at once{', sharing' if shares() else ''}: warm after {warm - began:.1f} s; {len(requests)} trials "
        f"of {count} steps in {spent:.1f} s, {1e3 * spent / len(requests) / count:.2f} ms a step and trial; "
        f"{1e3 * while_full(stretches, at_once) / count:.2f} while all slots were busy",
        walls,
        flush=True,
    )


Stretches = list[tuple[float, float]]
"""Seconds at which trials began and ended."""


def run(evaluator: Evaluator, requests: list[TrialRequest]) -> tuple[dict[str, str], Stretches]:
    """Run trials to their ends; what came of each, and when it ran."""
    for request in requests:
        evaluator.submit(request)
    found, stretches = {}, []
    while len(found) < len(requests):
        for ticket, trial in evaluator.wait():
            found[ticket] = f"{trial.digest} {trial.value or trial.outcome} {trial.wall_seconds:.1f} s"
            ended = time.perf_counter()
            stretches.append((ended - trial.wall_seconds, ended))
    return {str(ticket): text for ticket, text in sorted(found.items())}, stretches


def while_full(stretches: Stretches, slots: int) -> float:
    """Seconds that a trial took until the first slot found none to begin: a search does not run out of them.

    Trials under way then count by their shares; the longest are among them, so this flatters a little.
    """
    began, until = min(start for start, _ in stretches), sorted(end for _, end in stretches)[-slots]
    done = sum(max(0.0, min(end, until) - start) / (end - start) for start, end in stretches)
    return (until - began) / done


def full(task: NanoGPT, shards: Path, ranks: int) -> None:
    """A full-size step, from the difference of two runs; the script's, where one card trains."""
    trials = []
    with Evaluator(task, 1, devices=tuple(f"cuda:{index}" for index in range(ranks)), ranks=ranks) as evaluator:
        for count in (FULL_STEPS[0], *FULL_STEPS):  # the first compiles
            rung: Rung = replace(task.rung("full"), train_steps=count, validate_every=10**6)
            evaluator.submit(TrialRequest("", GENOMES["muon"], rung, 0))
            trials.append(evaluator.wait()[0][1])
            print(
                trials[-1].outcome, trials[-1].value, trials[-1].reason, f"{trials[-1].wall_seconds:.1f} s", flush=True
            )
    seconds = (trials[2].wall_seconds - trials[1].wall_seconds) / (FULL_STEPS[1] - FULL_STEPS[0])
    problem = task.problem(task.rung("full"))
    print(f"full size, {ranks} cards: {speed(problem, seconds, ranks)}", flush=True)
    if ranks == 1:
        print(f"full size, script: {speed(problem, plain(shards, FULL_STEPS[1], ('muon',), 'full'), 1)}", flush=True)


def speed(problem: NanoGPTProblem, seconds: float, cards: int) -> str:
    """What a step's seconds are in tokens and in floating-point operations.

    Of operations the model's own count: of the products with weights, and of attention over what went before.
    """
    size, tokens = problem.size, problem.tokens_per_step
    weights = 12 * size.depth * size.width**2 + problem.vocabulary * size.width
    operations = 6 * tokens * (weights + size.depth * size.width * size.context) / seconds
    return (
        f"{seconds:.4f} s a step, {tokens / seconds:,.0f} tokens/s, {operations / cards / 1e12:.0f} TFLOP/s a card, "
        f"{operations / cards / PEAK:.1%} of its peak"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("--parts", nargs="+", choices=["steps", "plain", "ours", "full"], default=["steps", "ours"])
    parser.add_argument("--trials-per-gpu", type=int, nargs="+", default=[1, 2, 6])
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--rng-seeds", type=int, default=2)
    parser.add_argument("--genomes", nargs="+", choices=list(GENOMES), default=list(GENOMES))
    parser.add_argument("--gpus-per-trial", type=int, nargs="+", default=[1])
    options = parser.parse_args()
    task = NanoGPT(options.shards)
    print(gpus()[0], torch.__version__)
    if "steps" in options.parts:
        steps(task)
    if "plain" in options.parts:
        plain(options.shards, options.steps, options.genomes)
    if "ours" in options.parts:
        for at_once in options.trials_per_gpu:
            ours(task, at_once, options.steps, options.genomes, options.rng_seeds)
    if "full" in options.parts:
        for ranks in options.gpus_per_trial:
            full(task, options.shards, ranks)


if __name__ == "__main__":
    main()

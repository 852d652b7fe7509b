"""What one would write without an evaluator: a script that trains one genome on the benchmark's proxy, in one process.

    python -m benchmarks.plain_script GENOME SHARDS STEPS RNG_SEED [RUNG]

The same model, data and losses as a trial of `nanogpt`, on the proxy unless told otherwise; the forward pass compiled,
the optimizer as the genome has it. Prints seconds of start-up (imports, data, compilation, the first step),
milliseconds of each further step and the final loss, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from pathlib import Path

BEGAN = time.perf_counter()  # imports are part of what a script costs

import torch  # noqa: E402
import torch.distributed as dist  # noqa: E402
from torch.testing._internal.distributed.fake_pg import FakeStore  # noqa: E402

from evaluator.contract import Info  # noqa: E402
from evaluator.tasks.nanogpt import NanoGPT  # noqa: E402
from evaluator.tasks.nanogpt_forward import summed_loss, turns  # noqa: E402
from evaluator.tasks.nanogpt_training import Batches, _on, held_out  # noqa: E402


def main() -> None:
    genome, shards, steps, rng_seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    rung = (sys.argv[5:] or ["proxy"])[0]
    device = torch.device("cuda")
    task = NanoGPT(shards)
    problem = task.problem(task.rung(rung))
    size = problem.size
    dist.init_process_group("fake", rank=0, world_size=1, store=FakeStore())
    torch.manual_seed(rng_seed)
    model = problem.shape().build().to(device)
    namespace: dict[str, object] = {}
    exec(Path(genome).read_text(), namespace)
    recipe = namespace["recipe"]
    info = {"info": Info(problem.tokens_per_step, steps)} if "info" in recipe.__code__.co_varnames else {}
    answer = recipe(model, steps, **info)
    cosines, sines = turns(size.context, size.width // size.heads, device)
    loss_of = torch.compile(
        partial(summed_loss, heads=size.heads, cosines=cosines, sines=sines), dynamic=False, fullgraph=True
    )
    batches = Batches(shards, problem.tokens_per_step, device)
    scored = _on(
        device, held_out(shards, size.held_out_sequences * size.context, size.microbatch * size.context)["validation"]
    )

    def pieces(tokens: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        wide = tokens.int() & 0xFFFF
        inputs, targets = wide[:-1].view(-1, size.context), wide[1:].long().view(-1, size.context)
        return list(zip(inputs.split(size.microbatch), targets.split(size.microbatch), strict=True))

    def step_once(step: int) -> None:
        if "before_forward" in answer:
            answer["before_forward"](step)
        for inputs, targets in pieces(batches.of(step)):
            loss_of(model, inputs, targets).backward()
        if "after_backward" in answer:
            answer["after_backward"](step)
        answer["set_hparams"](step)
        for optimizer in answer["optimizers"]:
            optimizer.step()
        if "after_step" in answer:
            answer["after_step"](step)
        model.zero_grad(set_to_none=True)

    step_once(0)
    torch.cuda.synchronize()
    started = time.perf_counter()
    for step in range(1, steps):
        step_once(step)
    torch.cuda.synchronize()
    trained = time.perf_counter()
    with torch.no_grad():
        if "eval_weights" in answer:
            answer["eval_weights"](steps).__enter__()
        total = sum(loss_of(model, *piece).double().item() for piece in pieces(scored))
    ended = time.perf_counter()
    print(
        json.dumps(
            {
                "startup_s": started - BEGAN,
                "ms_per_step": 1e3 * (trained - started) / (steps - 1),
                "scoring_s": ended - trained,
                "value": total / (len(scored) - 1),
            }
        )
    )


if __name__ == "__main__":
    main()

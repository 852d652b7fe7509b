"""`results.json` of a submission. Pure."""

from __future__ import annotations

import math
from statistics import fmean, stdev
from typing import Any

from evolve.exporting.submission import Submission
from evolve.sequential.decide import Outcome
from population.usage import effective


def results(found: Submission, agent: str) -> dict[str, Any]:
    """The fields that the benchmark's collections of runs use; null where nothing was measured.

    Args:
        found: The submission.
        agent: Who made it.
    """
    promoted = found.promoted
    losses = _losses(found, None)
    step = judged(found)
    there = _losses(found, step)
    accepted = promoted is not None and promoted.decision.outcome is Outcome.ACCEPT
    return {
        "agent_id": agent,
        "timestamp": promoted.terms.frozen if promoted else None,
        "experiment": f"{found.run}, program {found.program.id}, digest {found.program.digest}",
        "optimizer": found.name,
        "steps_to_3_28": promoted.decision.earliest if promoted and accepted and _is_benchmark(found) else None,
        "final_val_loss": fmean(losses) if losses else None,
        "num_runs": len(promoted.runs) if promoted else 0,
        "mean_val_loss": fmean(there) if there else None,
        "std_val_loss": stdev(there) if len(there) > 1 else None,
        "key_hparams": {part.name: part.value for part in effective(found.program.source)},
        "notes": notes(found),
    }


def judged(found: Submission) -> int | None:
    """The step whose losses are told: the earliest shown one, else the claimed one."""
    if found.promoted is None:
        return None
    earliest = found.promoted.decision.earliest
    shown = found.promoted.decision.outcome is Outcome.ACCEPT and earliest is not None
    return earliest if shown else found.promoted.terms.plan.claim


def notes(found: Submission) -> str:
    """What a reader must know, in sentences."""
    promoted = found.promoted
    if promoted is None:
        return f"Not promoted on {found.task}: nothing was measured at this size."
    plan = promoted.terms.plan
    failed = sum(row.value is None for row in promoted.runs)
    said = [
        f"Plan frozen {promoted.terms.frozen}, before the first run: at most {plan.most} runs of {plan.train_steps} "
        f"steps to show step {plan.claim}, target {plan.rule.target:g}; {promoted.decision.outcome.value}: "
        f"{promoted.decision.reason}.",
        f"final_val_loss is the mean at step {plan.train_steps}; mean_val_loss and std_val_loss are of step "
        f"{judged(found)}, over all runs; null if one failed. The timestamp is that of the plan.",
    ]
    if failed:
        said.append(f"{failed} of {len(promoted.runs)} runs failed.")
    if not _is_benchmark(found):
        said.append(f"Task {found.task} with target {plan.rule.target:g}, not the public benchmark.")
    return " ".join(said)


def _is_benchmark(found: Submission) -> bool:
    return found.task == "nanogpt" and found.promoted is not None and found.promoted.terms.plan.rule.target == 3.28


def _losses(found: Submission, step: int | None) -> list[float]:
    """Losses of all runs, at a step or at the end; none if one failed: a mean of the others would reward for that."""
    rows = found.promoted.runs if found.promoted else ()
    if any(row.value is None for row in rows):
        return []
    values = [dict(row.curve).get(step) if step is not None else row.value for row in rows if row.value is not None]
    return [value for value in values if value is not None and math.isfinite(value)]

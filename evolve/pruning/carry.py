"""Running a pruning: the trials it asks for, each written as it comes, and the program that is left in the end.

Must not decide what to try.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from evaluator.records import Outcome, Rung, TrialRequest
from evolve.hands import Runner
from evolve.pruning.parts import parts, without
from evolve.pruning.plan import PROOF, REPORT, Plan, confirmations, last_report, note, note_confirmation
from evolve.pruning.procedure import Procedure
from evolve.pruning.proof import Proof
from evolve.pruning.purse import Purse
from evolve.pruning.records import Batch, Result, Slot
from evolve.pruning.report import report_data
from population.form import form
from population.genome import digest
from population.rows import ProgramRow, PruningTrialRow
from population.store import Store

MOST_LOST = 3
"""Times one trial may be lost before the pruning stops."""

Tell = Callable[[Procedure, int, int], None]
"""Told after each trial: the procedure, trials of the batch that ended, trials of the batch."""


class PruningError(Exception):
    """A pruning cannot go on; everything up to here is written."""


def tested(store: Store, plan: Plan, rung: Rung, runner: Runner, purse: Purse, tell: Tell) -> dict[str, Any]:
    """Test a program's parts, or go on with it, and write the report.

    Args:
        store: The run's database, open for writing.
        plan: The terms.
        rung: The plan's.
        runner: Runs trials.
        purse: What may be spent; nothing is taken from it yet.
        tell: Hears how it goes.

    Returns:
        The report.

    Raises:
        PruningError: Trials keep being lost.
        BaseFailsError: The program itself does not finish its trials.
    """
    known: dict[Slot, Result] = {}
    for row in store.pruning_trials(plan.rung, plan.fingerprint):
        known[row.digest, row.rng_seed] = Result(row.value, row.outcome, row.wall_seconds)
    original, base = store.program(plan.program), store.program(plan.base)
    procedure = Procedure(
        plan,
        original.source,
        base.source,
        parts(base.source),
        lambda names: without(base.source, names),
        known,
        purse,
        confirmations(store, plan),
        lambda new: note_confirmation(store, new),
    )
    for batch in procedure.steps():
        missing = {slot: source for slot, source in batch.items() if slot not in known}
        _run(store, plan, rung, runner, missing, known, lambda done, of: tell(procedure, done, of))
    with store.commit():
        id = plan.base
        if procedure.source != base.source:
            gone = procedure.passed[-1].terms.names
            id = enter(store, plan.base, procedure.source, f"pruned: without {len(gone)} parts that tests found idle")
        data = report_data(plan, procedure, id)
        if last_report(store, plan.program) != data:
            note(store, REPORT, data)
    return data


def _run(
    store: Store,
    plan: Plan,
    rung: Rung,
    runner: Runner,
    batch: Batch,
    known: dict[Slot, Result],
    tell: Callable[[int, int], None],
) -> None:
    """Run trials, writing each result as it comes."""
    waiting, lost = list(batch), dict.fromkeys(batch, 0)
    under_way: dict[int, Slot] = {}
    done = 0
    while waiting or under_way:
        while waiting and runner.idle > 0:
            slot = waiting.pop(0)
            under_way[runner.submit(TrialRequest(slot[0], batch[slot], rung, slot[1]))] = slot
        for ticket, trial in runner.wait(1.0):
            slot = under_way.pop(ticket)
            if trial.outcome is Outcome.LOST:
                lost[slot] += 1
                if lost[slot] >= MOST_LOST:
                    raise PruningError(
                        f"a trial was lost {MOST_LOST} times: something is wrong with this machine. Prune again to "
                        "go on"
                    )
                waiting.append(slot)
                continue
            row = PruningTrialRow(
                slot[0],
                plan.rung,
                slot[1],
                plan.fingerprint,
                str(trial.outcome),
                trial.value if trial.outcome is Outcome.FINISHED else None,
                trial.reason,
                trial.cpu_seconds,
                trial.wall_seconds,
            )
            store.append_pruning_trial(row)
            known[slot] = Result(row.value, row.outcome, row.wall_seconds)
            done += 1
            tell(done, len(batch))


def enter_proof(store: Store, program: int, proof: Proof) -> dict[str, Any]:
    """Write down what proven pruning came to, and its program if that is a new one."""
    source = store.program(program).source
    with store.commit():
        result = program
        if proof.source != source:
            result = enter(store, program, proof.source, f"pruned: {len(proof.steps)} removals that change no bit")
        data = {
            "program": program,
            "result": result,
            "steps": [{"kind": s.kind, "removed": [list(pair) for pair in s.removed]} for s in proof.steps],
            "left_out": [{"kind": s.kind, "removed": [list(pair) for pair in s.removed]} for s in proof.left_out],
        }
        note(store, PROOF, data)
    return data


def enter(store: Store, parent: int, source: str, text: str) -> int:
    """Make a genome a program of the run, a child of its parent; the program that has it already, if one does.

    Returns:
        Its id.
    """
    known = store.by_digest(digest(source))
    if known is not None:
        return known.id
    above, id = store.program(parent), store.summary().programs + 1
    row = ProgramRow(id, digest(source), source, "prune", above.island, None, (parent,), note=text, form=form(source))
    store.append_program(replace(row, elapsed=store.last_elapsed(), seq=store.last_rows().seq + 1))
    return id

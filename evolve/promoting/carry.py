"""Making the runs that a frozen plan still lacks, each written as it ends: a kill loses only those under way.

Runs always go to their end, whatever their losses are: which of them count must not depend on how they look.
"""

from __future__ import annotations

from collections.abc import Callable

from evaluator.records import Rung, TrialRequest
from evolve.convert import trial_row
from evolve.hands import Runner
from evolve.promoting.outcome import decided, runs_of
from evolve.promoting.terms import Terms
from evolve.promoting.trials import each_trial
from evolve.sequential.decide import Decision, Outcome
from population.rows import TrialRow
from population.store import Store


def until_decided(
    store: Store, terms: Terms, rung: Rung, runner: Runner, tell: Callable[[TrialRow], None] = lambda row: None
) -> Decision:
    """Make runs, up to one look after the other, until the plan says accept or give up.

    Args:
        store: The run's database, open for writing.
        terms: As frozen.
        rung: Of the plan's runs.
        runner: Makes them.
        tell: Hears of each run that has ended, lost ones too, once it is written.

    Raises:
        evolve.promoting.trials.PromotionError: Runs keep being lost.
    """
    decision = decided(store, terms)
    while decision.outcome is Outcome.CONTINUE:
        _up_to(store, terms, rung, runner, tell, decision.needed)
        decision = decided(store, terms)
    return decision


def _up_to(
    store: Store, terms: Terms, rung: Rung, runner: Runner, tell: Callable[[TrialRow], None], needed: int
) -> None:
    """Make what is missing of the first `needed` runs; no more are begun once one of them has failed."""
    program = store.program(terms.program)
    done = {row.rng_seed for row in runs_of(store, terms)}
    missing = [seed for seed in terms.rng_seeds[:needed] if seed not in done]
    requests = [TrialRequest(program.digest, program.source, rung, seed) for seed in missing]
    elapsed = store.last_elapsed()  # a promotion is no part of the search's running time

    def go_on() -> bool:
        return decided(store, terms).outcome is Outcome.CONTINUE

    for _, trial in each_trial(runner, requests, go_on):
        last = store.last_rows()
        row = trial_row(trial, id=last.trial + 1, program=program.id, elapsed=elapsed, seq=last.seq + 1)
        store.append_trial(row)
        tell(row)

"""Promotion without a target: a program against the best seed program at the full rung.

It is on fresh rng_seeds and unseen text.

The plan (who, against whom, which rng_seeds) is written before the first run and never changed: promoting again goes on
with it. Every run is reported; a failed one makes the verdict "not shown". This module must not choose whom to promote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from evaluator.records import Rung, TrialRequest
from evolve.convert import trial_row
from evolve.hands import Runner
from evolve.overview import standings
from evolve.promoting.trials import PromotionError, each_trial
from evolve.views.tables import PromotionLine
from population.rows import EventRow, TrialRow
from population.store import Store
from population.verdict import SHOWN, compare, holm, verdict

Slot = tuple[int, int]
"""A run of a plan: (program id, rng_seed)."""


@dataclass(frozen=True)
class Promotion:
    """A plan.

    Attributes:
        program: Id of the program that is promoted.
        against: Id of the seed program it is compared with.
        rng_seeds: Fixed before the first run.
        fingerprint: What else determines the values: task, data, rung, versions.
    """

    program: int
    against: int
    rng_seeds: tuple[int, ...]
    fingerprint: str

    def slots(self) -> tuple[Slot, ...]:
        """All runs of the plan, pairs together."""
        return tuple((program, seed) for seed in self.rng_seeds for program in (self.program, self.against))


def promotions(store: Store) -> tuple[Promotion, ...]:
    """All plans of a run, in the order made."""
    return tuple(
        Promotion(e.data["program"], e.data["against"], tuple(e.data["rng_seeds"]), e.data["fingerprint"])
        for e in store.events("promotion")
    )


def plan(store: Store, program: int, rung: Rung, fingerprint: str) -> Promotion:
    """The plan for a program: the old one if there is one, else a new one, written down.

    Raises:
        PromotionError: There is nothing to compare it with, or the old plan was made under other conditions.
    """
    for old in promotions(store):
        if old.program == program:
            if old.fingerprint != fingerprint:
                raise PromotionError(
                    f"program {program} was promoted under other conditions (another torch, text or device): its plan "
                    "can only go on where it began"
                )
            return old
    _, best_seed = standings(store)
    if best_seed is None:
        raise PromotionError("the run has no seed program with an estimate yet: let it go on with `evolve resume`")
    if best_seed.id == program:
        raise PromotionError(f"program {program} is the best seed program itself: there is nothing to compare it with")
    new = Promotion(program, best_seed.id, rung.seeds(), fingerprint)
    data = {
        "program": new.program,
        "against": new.against,
        "rng_seeds": list(new.rng_seeds),
        "fingerprint": fingerprint,
    }
    last = store.last_rows()
    store.append_event(EventRow(last.event + 1, "promotion", data, store.last_elapsed(), last.seq + 1))
    return new


def carry_out(
    store: Store, promotion: Promotion, rung: Rung, evaluator: Runner, tell: Callable[[TrialRow], None]
) -> None:
    """Run what the plan still lacks, writing each result as it comes.

    Raises:
        PromotionError: Trials keep being lost.
    """
    done = results(store, promotion)
    missing = [slot for slot in promotion.slots() if slot not in done]
    programs = {id: store.program(id) for id in (promotion.program, promotion.against)}
    by_digest = {row.digest: row for row in programs.values()}
    requests = [TrialRequest(programs[id].digest, programs[id].source, rung, seed) for id, seed in missing]
    elapsed = store.last_elapsed()  # a promotion is no part of the search's running time
    for request, trial in each_trial(evaluator, requests):
        last, program = store.last_rows(), by_digest[request.digest].id
        row = trial_row(trial, id=last.trial + 1, program=program, elapsed=elapsed, seq=last.seq + 1)
        store.append_trial(row)
        tell(row)


def lines(store: Store) -> tuple[PromotionLine, ...]:
    """The verdicts on all promotions of the run, p-values Holm-adjusted over all of them."""
    plans = promotions(store)
    found = [results(store, promotion) for promotion in plans]
    compared = [
        compare(list(_values(p, p.program, r)), list(_values(p, p.against, r)))
        for p, r in zip(plans, found, strict=True)
    ]
    adjusted = holm([comparison.p for comparison in compared])
    table = []
    for promotion, got, comparison, p in zip(plans, found, compared, adjusted, strict=True):
        running = len(got) < len(promotion.slots())
        shown = verdict(comparison, p) == SHOWN
        table.append(
            PromotionLine(
                program=promotion.program,
                against=promotion.against,
                planned=comparison.n,
                finished=comparison.finished,
                failed=sum(row.value is None for row in got.values()),
                gain=_negated(comparison.mean),
                low=_negated(comparison.high),
                high=_negated(comparison.low),
                p=None if running else comparison.p,
                p_adjusted=None if running else p,
                verdict="running" if running else "better" if shown else "not shown",
            )
        )
    return tuple(table)


def results(store: Store, promotion: Promotion) -> Mapping[Slot, TrialRow]:
    """The runs of a plan that have ended, lost ones aside."""
    seeds = set(promotion.rng_seeds)
    return {
        (row.program, row.rng_seed): row
        for program in (promotion.program, promotion.against)
        for row in store.trials(program)
        if row.fingerprint == promotion.fingerprint and row.rng_seed in seeds and row.outcome != "lost"
    }


def _values(promotion: Promotion, program: int, found: Mapping[Slot, TrialRow]) -> Iterator[float | None]:
    for seed in promotion.rng_seeds:
        row = found.get((program, seed))
        yield row.value if row is not None else None


def _negated(number: float | None) -> float | None:
    return None if number is None else -number

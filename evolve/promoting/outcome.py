"""What a promotion's runs show: the plan's decision, the benchmark's rules beside it, every run.

Reads rows, pure otherwise; must not make runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from evolve.promoting.terms import Terms
from evolve.sequential.decide import Decision, Losses, decide
from evolve.verdict.judge import Verdict, judge
from evolve.verdict.rival import Comparison
from evolve.verdict.runs import Claim, Group, Name, Run
from population.rows import TrialRow

if TYPE_CHECKING:
    from population.store import Store


@dataclass(frozen=True)
class Promoted:
    """A promotion and what it has come to.

    Attributes:
        terms: As frozen.
        runs: All that have ended, in the plan's order, failed ones too.
        decision: What the plan says.
        verdict: What the benchmark's rules say of the same runs at the claimed step, without a correction for looks.
        rival: The comparison that was asked for.
    """

    terms: Terms
    runs: tuple[TrialRow, ...]
    decision: Decision
    verdict: Verdict
    rival: Comparison | None = None


def runs_of(store: Store, terms: Terms) -> tuple[TrialRow, ...]:
    """The runs of a plan that have ended, in its order; lost ones do not count."""
    planned = {seed: place for place, seed in enumerate(terms.rng_seeds)}
    found = [
        row
        for row in store.trials(terms.program)
        if row.fingerprint == terms.fingerprint and row.rng_seed in planned and row.outcome != "lost"
    ]
    return tuple(sorted(found, key=lambda row: planned[row.rng_seed]))


def losses(row: TrialRow) -> Losses:
    """The losses of a run by step, None if it failed."""
    return dict(row.curve) if row.value is not None else None


def decided(store: Store, terms: Terms) -> Decision:
    """What the plan says of the runs so far, as far as they are there without a gap."""
    return decision_on(terms, runs_of(store, terms))


def decision_on(terms: Terms, runs: Sequence[TrialRow]) -> Decision:
    """The same, of runs in the plan's order."""
    by_seed = {row.rng_seed: row for row in runs}
    found: list[Losses] = []
    for seed in terms.rng_seeds:
        if seed not in by_seed:
            break
        found.append(losses(by_seed[seed]))
    return decide(terms.plan, found)


def told_curve(terms: Terms, row: TrialRow) -> dict[int, float]:
    """A run's losses as its log tells them: one that failed counts as infinitely bad from where it stopped."""
    curve = dict(row.curve)
    if row.value is None:
        last = max(curve, default=-1)
        curve |= dict.fromkeys((step for step in terms.plan.steps if step > last), math.nan)
        curve[terms.plan.train_steps] = math.nan  # also where it failed after the last validation
    return curve


def as_group(terms: Terms, runs: Sequence[TrialRow], name: Name) -> Group:
    """A promotion's runs as a group that the benchmark's rules can judge."""
    members = tuple(
        Run(name, f"rng_seed {row.rng_seed}", told_curve(terms, row), terms.plan.train_steps) for row in runs
    )
    return Group(name, members, claim=Claim(steps=terms.plan.claim))


def promoted(store: Store, terms: Terms) -> Promoted:
    """All there is to tell of a promotion."""
    runs = runs_of(store, terms)
    verdict = judge(as_group(terms, runs, f"#{terms.program}"), terms.plan.rule)
    return Promoted(terms, runs, decision_on(terms, runs), verdict)


def plain(found: Promoted) -> dict[str, Any]:
    """For scripts, and to be written down; numbers that are not finite become null."""
    plan, decision, here = found.terms.plan, found.decision, found.verdict.evidence
    return {
        "program": found.terms.program,
        "outcome": decision.outcome.value,
        "reason": decision.reason,
        "n": decision.n,
        "made": len(found.runs),
        "needed": decision.needed,
        "claim": plan.claim,
        "earliest": decision.earliest,
        "sequential": {
            "sd": plan.sd,
            "level": plan.level,
            "statistic": _finite(decision.value),
            "critical": _finite(decision.critical),
            "chance": decision.chance,
        },
        "rule": {
            **asdict(plan.rule),
            "steps": found.verdict.steps,
            "mean": _finite(here.mean if here else None),
            "sd": _finite(here.sd if here else None),
            "statistic": _finite(here.statistic if here else None),
            "p": _finite(here.p if here else None),
            "t": _finite(here.t if here else None),
            "p_t": _finite(here.p_t if here else None),
            "verdict": found.verdict.ruling.verdict,
        },
        "rival": asdict(found.rival) if found.rival else None,
        "number": found.terms.number,
        "runs": [
            {
                "rng_seed": row.rng_seed,
                "outcome": row.outcome,
                "reason": row.reason,
                "loss": row.value,
                "at_claim": dict(row.curve).get(plan.claim) if row.value is not None else None,
                "wall_seconds": row.wall_seconds,
            }
            for row in found.runs
        ],
    }


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None

"""Promotions without training, for tests."""

from __future__ import annotations

from evaluator.records import Limits, Rung
from evolve.promoting.terms import Terms, grid, rung_of
from evolve.sequential.plan import make_plan
from evolve.verdict.rule import Rule
from population.store import Store

FULL = Rung("full", 1000, 500, 3000, 8, "test", Limits(1.0, 1.0))
LOOKS = (3, 5, 8)


def made_terms(
    store: Store, program: int, target: float, fingerprint: str = "simulated-full", steps: int = 1000
) -> Terms:
    plan = make_plan(steps, grid(steps, steps), rule=Rule(target), looks=LOOKS)
    return Terms(
        number=0,
        program=program,
        asked=program,
        digest=store.program(program).digest,
        task="simulated",
        plan=plan,
        rng_seeds=rung_of(FULL, steps, steps, plan.most, 3000).seeds(),
        validate_every=steps,
        fingerprint=fingerprint,
        conditions={"torch": "none", "device": "none"},
        frozen="2026-11-22T00:00:00+00:00",
    )

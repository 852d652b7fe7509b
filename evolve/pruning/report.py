"""The report of a pruning as plain data: what is stored, printed as JSON, and made a table of. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from evolve.pruning.plan import LEVEL, LOOKS, POWER, Plan
from evolve.pruning.procedure import Procedure
from evolve.pruning.records import FATES, REMOVED, Passed, Tested


def report_data(plan: Plan, procedure: Procedure, result: int) -> dict[str, Any]:
    """The report.

    Args:
        plan: The terms.
        procedure: At its end.
        result: Id of the program that is left.
    """
    order = list(FATES)
    tested = sorted(procedure.tested.values(), key=lambda each: (order.index(each.fate), _mean(each)))
    return {
        "plan": plan.number,
        "program": plan.program,
        "base": plan.base,
        "result": result,
        "margin": plan.margin,
        "rung": plan.rung,
        "level": LEVEL,
        "power": POWER,
        "looks": list(LOOKS),
        "removed": sum(each.fate == REMOVED for each in tested) if result != plan.base else 0,
        "verdict": "pruned" if result != plan.base else "kept",
        "parts": [_part(each) for each in tested],
        "confirmations": [_confirmation(each) for each in procedure.passed],
        "trials": procedure.trials,
    }


def _mean(tested: Tested) -> float:
    return tested.worth.mean if tested.worth is not None else 0.0


def _part(tested: Tested) -> dict[str, Any]:
    found = tested.worth
    return {
        "name": tested.part.name,
        "kind": tested.part.kind,
        "component": tested.part.component,
        "note": tested.part.note,
        "digest": tested.part.digest,
        "n": found.n if found is not None else 0,
        "worth": found.mean if found is not None and found.n else None,
        "low": found.low if found is not None else None,
        "high": found.high if found is not None else None,
        "fate": tested.fate,
        "reason": tested.reason,
    }


def _confirmation(passed: Passed) -> dict[str, Any]:
    data = asdict(passed.terms)
    return {
        **{key: list(value) if isinstance(value, tuple) else value for key, value in data.items()},
        "mean": passed.mean,
        "low": passed.low,
        "high": passed.high,
        "p": passed.p,
        "passed": passed.passed,
    }

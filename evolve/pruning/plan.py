"""What `evolve prune` writes down: plans before their first trial, confirmations before theirs, reports at the end.

All are events of the run, as plain data. This module must not decide anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from population.rows import EventRow
from population.store import Store

PROOF, PLAN, CONFIRMATION, REPORT = "pruning_proof", "pruning_plan", "pruning_confirmation", "pruning_report"
"""Kinds of events."""

LOOKS = (2, 4, 8, 16)
"""Numbers of rng_seeds after which a part, or several together, are judged."""
LEVEL = 0.05
"""Probability of a wrong removal: of each part that is worth the margin, and of all together in the end."""
POWER = 0.9
"""Wanted probability that a pruned program that costs no more than it seems to passes."""
DEAREST = 0.75
"""Share of the margin beyond which no cost is planned for: hundreds of rng_seeds would tell no more."""
MARGINS = {"charlm": 0.01, "nanogpt-tiny": 0.01, "nanogpt": 0.002}
"""Margin by task where none is asked for, nats: about the scatter of one paired difference on the proxy rung."""
FEWEST, MOST = 4, 64
"""Rng_seeds of a confirmation."""
FIRST_RNG_SEED = 8000
"""Of the trials that choose; those that confirm begin at the next one."""
FIRST_FRESH = 9000
_ROOM = 500
"""Rng_seeds kept for the confirmations of one plan."""


@dataclass(frozen=True)
class Plan:
    """What is tested and how, fixed before the first trial.

    Attributes:
        number: 1, 2, 3, ... in the order made.
        program: Id of the program that is pruned.
        base: Id of the program whose parts are tested: its proven form, or itself.
        margin: Loss that may be given away in total, nats/token.
        rung: Name of the rung.
        fingerprint: What else determines the values.
        rng_seeds: Those of the trials that choose.
        fresh: First one of the trials that confirm.
    """

    number: int
    program: int
    base: int
    margin: float
    rung: str
    fingerprint: str
    rng_seeds: tuple[int, ...]
    fresh: int


@dataclass(frozen=True)
class Confirmation:
    """A test on fresh rng_seeds, fixed before its first trial.

    Attributes:
        plan: Number of the plan.
        attempt: 1, 2, ...: each has half the level of the one before, so that all together keep to it.
        names: The parts that are gone.
        digest: The genome without them.
        rng_seeds: Both programs are tried on them.
        sd: Standard deviation of a paired difference that the number was chosen for, nats.
        cost: True cost of the removal that it was chosen for, nats: what choosing measured, and two standard errors.
        power: Probability of passing at that sd and cost.
        level: Of the one-sided test.
    """

    plan: int
    attempt: int
    names: tuple[str, ...]
    digest: str
    rng_seeds: tuple[int, ...]
    sd: float
    cost: float
    power: float
    level: float


def note(store: Store, kind: str, data: Mapping[str, Any]) -> None:
    """Write an event down."""
    last = store.last_rows()
    store.append_event(EventRow(last.event + 1, kind, data, store.last_elapsed(), last.seq + 1))


def plans(store: Store) -> tuple[Plan, ...]:
    """All plans of a run, in the order made."""
    return tuple(Plan(**{**e.data, "rng_seeds": tuple(e.data["rng_seeds"])}) for e in store.events(PLAN))


def plan_for(store: Store, program: int, base: int, margin: float, rung: str, fingerprint: str) -> Plan:
    """The plan with these terms: the old one if there is one, else a new one, written down."""
    known = plans(store)
    terms = (program, base, margin, rung, fingerprint)
    for old in known:
        if (old.program, old.base, old.margin, old.rung, old.fingerprint) == terms:
            return old
    number = len(known) + 1
    rng_seeds = tuple(range(FIRST_RNG_SEED, FIRST_RNG_SEED + LOOKS[-1]))
    new = Plan(number, *terms, rng_seeds, FIRST_FRESH + (number - 1) * _ROOM)
    note(store, PLAN, {**asdict(new), "rng_seeds": list(rng_seeds)})
    return new


def confirmations(store: Store, plan: Plan) -> list[Confirmation]:
    """Those of a plan, in the order made."""
    found = []
    for event in store.events(CONFIRMATION):
        if event.data["plan"] == plan.number:
            data = {**event.data, "names": tuple(event.data["names"]), "rng_seeds": tuple(event.data["rng_seeds"])}
            found.append(Confirmation(**data))
    return found


def note_confirmation(store: Store, new: Confirmation) -> None:
    """Write a confirmation down, before its first trial."""
    note(store, CONFIRMATION, {**asdict(new), "names": list(new.names), "rng_seeds": list(new.rng_seeds)})


def last_report(store: Store, program: int) -> Mapping[str, Any] | None:
    """The last report on the pruning of a program."""
    return _last(store, program, ("program",))


def report_about(store: Store, program: int) -> Mapping[str, Any] | None:
    """The last report that a program has a part in, as what was pruned or as what was left: for an ablation table."""
    return _last(store, program, ("program", "base", "result"))


def _last(store: Store, program: int, roles: Sequence[str]) -> Mapping[str, Any] | None:
    found = None
    for event in store.events(REPORT):
        if program in (event.data[role] for role in roles):
            found = event.data
    return found


def proof_of(store: Store, program: int) -> Mapping[str, Any] | None:
    """What proven pruning came to for a program, if that was done."""
    return next((event.data for event in store.events(PROOF) if event.data["program"] == program), None)

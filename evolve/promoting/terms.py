"""The frozen terms of a promotion: whose, under which conditions, by which plan.

Rows of the run, written before the first run and never changed. Must not know how runs are made or what came of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from evaluator.records import Rung
from evolve.promoting.trials import PromotionError
from evolve.sequential.plan import Plan
from population.form import form
from population.rows import EventRow

if TYPE_CHECKING:
    from population.store import Store

KIND = "promotion_plan"
"""Kind of event."""


@dataclass(frozen=True)
class Terms:
    """What is fixed before the first run.

    Attributes:
        number: 1, 2, 3, ... in the order in which plans of the run were frozen.
        program: Id of the program that is promoted.
        asked: Id of the program that the user named: another one if it was retuned first.
        digest: The program's identity.
        task: Name of the task.
        plan: Looks, bounds, validated steps and the claim.
        rng_seeds: One for each run that the plan may make, in order.
        validate_every: Steps between two validations.
        fingerprint: What else determines the losses, in short.
        conditions: The same in words: data, torch, device.
        retuned: What was tuned on other rng_seeds before, and what came of it.
        frozen: When, in UTC.
    """

    number: int
    program: int
    asked: int
    digest: str
    task: str
    plan: Plan
    rng_seeds: tuple[int, ...]
    validate_every: int
    fingerprint: str
    conditions: Mapping[str, Any] = field(default_factory=dict)
    retuned: Mapping[str, Any] | None = None
    frozen: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {**asdict(self), "rng_seeds": list(self.rng_seeds), "plan": self.plan.to_dict()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Terms:
        """Read back what `to_dict` gave; what newer versions add is left out."""
        known = {name: data[name] for name in cls.__dataclass_fields__ if name in data}
        return cls(**{**known, "plan": Plan.from_dict(data["plan"]), "rng_seeds": tuple(data["rng_seeds"])})


def grid(train_steps: int, validate_every: int) -> tuple[int, ...]:
    """Steps after 0 at which a run is validated: every so many, and the last."""
    return (*range(validate_every, train_steps, validate_every), train_steps)


def rung_of(full: Rung, train_steps: int, validate_every: int, runs: int, first_rng_seed: int) -> Rung:
    """The rung of a plan's runs.

    Args:
        full: The task's rung for promotions.
        train_steps: Length of every run.
        validate_every: Steps between two validations.
        runs: The most that are made.
        first_rng_seed: Of them.
    """
    return replace(
        full, train_steps=train_steps, validate_every=validate_every, rng_seeds=runs, first_rng_seed=first_rng_seed
    )


def fresh_rng_seed(store: Store, full: Rung) -> int:
    """The first rng_seed of a new plan, beyond those of comparisons with a seed program.

    Whoever has seen the losses there could choose a target that they reach.

    Args:
        store: The run.
        full: The task's rung for promotions.
    """
    seen = [int(seed) for event in store.events("promotion") for seed in event.data["rng_seeds"]]
    return max([full.first_rng_seed, *(seed + 1 for seed in seen)])


def plans(store: Store) -> tuple[Terms, ...]:
    """All frozen terms of a run, in the order made."""
    return tuple(Terms.from_dict(event.data) for event in store.events(KIND))


def known_terms(store: Store, program: int, task: str, retune: str | None) -> Terms | None:
    """The terms that were frozen for a program, if that was done.

    Args:
        store: The run.
        program: Id of the program that the user named.
        task: Name of the task.
        retune: What to tune first, or None: then the plan of the program itself.
    """
    for terms in plans(store):
        named = terms.asked if retune is not None else terms.program
        tuned = (terms.retuned or {}).get("words") if retune is not None else None
        if (named, terms.task, tuned) == (program, task, retune):
            return terms
    return None


def freeze(store: Store, terms: Terms) -> Terms:
    """Write terms down; they get their number.

    Raises:
        PromotionError: The program, or one that differs in names alone, has a plan for that task: a second one would
            be a second chance.
    """
    own = form(store.program(terms.program).source)
    for old in plans(store):
        if old.task != terms.task:
            continue
        if old.program == terms.program:
            raise PromotionError(
                f"program {terms.program} has a frozen plan for {terms.task}: go on with `evolve promote "
                f"{terms.program}` and no other options"
            )
        if form(store.program(old.program).source) == own:
            raise PromotionError(
                f"program {terms.program} is program {old.program} but for names and where constants are written, and "
                f"that one has a frozen plan for {terms.task}: go on with `evolve promote {old.program}`"
            )
    last = store.last_rows()
    numbered = replace(terms, number=len(plans(store)) + 1)
    row = EventRow(last.event + 1, KIND, numbered.to_dict(), store.last_elapsed(), last.seq + 1)
    store.append_event(row)
    return numbered


def check_unchanged(terms: Terms, asked: Mapping[str, Any], fingerprint: str) -> None:
    """Refuse options that differ from the frozen plan, and conditions that do.

    Args:
        terms: As frozen.
        asked: Options that the user gave now, by name; those left out are not in it.
        fingerprint: What determines losses here and now.

    Raises:
        PromotionError: Something differs.
    """
    plan = terms.plan
    frozen = {
        "target": plan.rule.target,
        "margin": plan.rule.margin,
        "sigma": plan.rule.sigma,
        "train-steps": plan.train_steps,
        "validate-every": terms.validate_every,
        "claim": plan.claim,
        "looks": plan.looks,
        "sd": plan.sd,
    }
    for name, value in asked.items():
        if value != frozen[name]:
            raise PromotionError(
                f"--{name}: the plan for program {terms.program} was frozen with {_text(frozen[name])} before its "
                f"first run, and cannot become {_text(value)}; leave the option out to go on with it"
            )
    if fingerprint != terms.fingerprint:
        told = ", ".join(f"{name} {value}" for name, value in terms.conditions.items() if name != "problem")
        raise PromotionError(
            f"program {terms.program} was promoted under other conditions ({told}): its plan can only go on where it "
            "began"
        )


def _text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)

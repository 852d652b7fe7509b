"""What `evolve promote` does on a task with a target loss."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from evolve.cli.common import print_json

if TYPE_CHECKING:
    from evaluator.pool import Evaluator
    from evaluator.records import Rung
    from evaluator.tasks.base import Task
    from evolve.cli.promote_options import Wanted
    from evolve.promoting.terms import Terms
    from evolve.run import Run
    from evolve.sequential.plan import Plan
    from evolve.slots import Slots
    from evolve.verdict.judge import Verdict
    from evolve.verdict.rival import Comparison
    from population.rows import TrialRow
    from population.store import Store


def by_rule(
    store: Store,
    run: Run,
    task: Task,
    program: int,
    target: float,
    wanted: Wanted,
    slots: Callable[[Rung], Slots],
    as_json: bool,
) -> None:
    """Promote a program by the benchmark's rule.

    Args:
        store: The run's database, open for writing.
        run: The run.
        task: What it is promoted on.
        program: Id of the program.
        target: Loss to get below, nats per token.
        wanted: What the user said of the plan.
        slots: Where runs of a rung are made.
        as_json: Whether to print JSON.

    Raises:
        evolve.promoting.trials.PromotionError: It cannot be promoted, or not like this.
        evaluator.pool.EvaluatorError: Our own processes keep dying.
    """
    from evaluator.check import iso_steps
    from evaluator.pool import Evaluator
    from evolve.promoting.carry import until_decided
    from evolve.promoting.outcome import promoted
    from evolve.promoting.terms import check_unchanged, freeze, fresh_rng_seed, known_terms, rung_of
    from evolve.views.console import show
    from evolve.views.promoted import outcome_line, rulings_grid, runs_grid
    from evolve.views.verdicts import comparisons_grid

    def say(text: str) -> None:
        click.echo(text, err=as_json)

    terms = known_terms(store, program, task.name, wanted.retune)
    rival = _rival(store, task, target, wanted, run) if wanted.rival is not None else None
    plan = terms.plan if terms else _plan(task, target, wanted, iso_steps(store.program(program).source))
    every = terms.validate_every if terms else _validate_every(task, wanted)
    full = task.promotion_rung()
    first = terms.rng_seeds[0] if terms else fresh_rng_seed(store, full)
    rung = rung_of(full, plan.train_steps, every, plan.most, first)
    places = slots(rung)
    with Evaluator(task, places.jobs, places.sandboxes, places.devices, places.ranks) as evaluator:
        fingerprint = evaluator.fingerprint(rung)
        if terms is None:
            made = _terms(store, task, program, plan, every, rung, fingerprint, places)
            if wanted.retune is not None:
                made = _retuned(store, task, made, wanted.retune, evaluator, say)
            terms = freeze(store, made)
            say(f"plan frozen: {_told(terms)}")
        else:
            check_unchanged(terms, wanted.planned(), fingerprint)
            say(f"going on with the plan frozen at {terms.frozen}: {_told(terms)}")
        source = store.program(terms.program).source
        kept = _Kept(store, run, terms, source, say)
        kept.write()
        until_decided(store, terms, rung, evaluator, kept.tell)
    found = promoted(store, terms)
    if rival is not None:
        found = replace(found, rival=_compared(found.verdict, rival, wanted))
    if as_json:
        from evolve.promoting.outcome import plain

        print_json({**plain(found), "plan": terms.to_dict(), "folder": str(kept.folder)})
        return
    compared = [comparisons_grid([(f"#{terms.program}", found.rival)])] if found.rival else []
    show(runs_grid(found), rulings_grid(found), *compared, outcome_line(found), f"for others to check: {kept.folder}")


class _Kept:
    """The folder of a promotion, kept up with its runs."""

    def __init__(self, store: Store, run: Run, terms: Terms, source: str, say: Callable[[str], None]) -> None:
        from evolve.promoting.folder import folder_name

        self._store, self._terms, self._source, self._say = store, terms, source, say
        self.folder = run.folder / "promotions" / folder_name(terms)

    def write(self) -> None:
        """Bring the folder up to date."""
        from evolve.promoting.folder import files, write
        from evolve.promoting.outcome import promoted

        write(self.folder, files(promoted(self._store, self._terms), self._source))

    def tell(self, row: TrialRow) -> None:
        """Hear of a run."""
        self.write()
        text = f"{row.value:.5f}" if row.value is not None else f"{row.outcome}: {row.reason}"
        self._say(f"#{row.program} rng_seed {row.rng_seed}: {text}")


def _plan(task: Task, target: float, wanted: Wanted, iso: int | None) -> Plan:
    """The plan that the user asked for; runs of as many steps as the genome is written for, if it is for one number.

    Raises:
        click.UsageError: It does not fit together.
    """
    from evolve.promoting.terms import grid
    from evolve.sequential.plan import LOOKS, make_plan
    from evolve.verdict.rule import CURRENT, Rule

    steps = wanted.train_steps or iso or task.promotion_rung().train_steps
    try:
        rule = Rule(
            target,
            wanted.margin if wanted.margin is not None else CURRENT.margin,
            wanted.sigma if wanted.sigma is not None else CURRENT.sigma,
        )
        return make_plan(
            steps,
            grid(steps, _validate_every(task, wanted)),
            wanted.claim,
            rule=rule,
            looks=wanted.looks or LOOKS,
            sd="fixed" if wanted.sd == "fixed" else "estimated",
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error


def _validate_every(task: Task, wanted: Wanted) -> int:
    return wanted.validate_every or task.promotion_rung().validate_every


def _terms(
    store: Store, task: Task, program: int, plan: Plan, every: int, rung: Rung, fingerprint: str, places: Slots
) -> Terms:
    from importlib.metadata import version

    from evolve.promoting.terms import Terms

    conditions = {
        "data": task.data_digest()[:16],
        "split": rung.split,
        "torch": version("torch"),
        "evolve": version("evolve-optimizers"),
        "device": places.model,
        "problem": dict(task.problem(rung).describe()),
    }
    return Terms(
        number=0,
        program=program,
        asked=program,
        digest=store.program(program).digest,
        task=task.name,
        plan=plan,
        rng_seeds=rung.seeds(),
        validate_every=every,
        fingerprint=fingerprint,
        conditions=conditions,
        frozen=datetime.now(UTC).isoformat(timespec="seconds"),
    )


RETUNE_RNG_SEEDS = 2


def _retuned(
    store: Store, task: Task, terms: Terms, words: str, evaluator: Evaluator, say: Callable[[str], None]
) -> Terms:
    """The terms of the program that tuning has led to: a new one, or the one it was."""
    from evolve.promoting.retune import Trials, enter, report, retuned

    plan = terms.plan
    rung = replace(
        task.rung("full"),
        train_steps=plan.train_steps,
        validate_every=plan.train_steps,
        rng_seeds=RETUNE_RNG_SEEDS,
    )
    source = store.program(terms.program).source
    trials = Trials(store, rung, evaluator, evaluator.fingerprint(rung), say)
    best, tried = retuned(source, words, trials.loss)
    id = enter(store, terms.program, best) if best != source else terms.program
    say(f"retuned: program {id}" if id != terms.program else "retuned: nothing was better than the program as it is")
    told = report(words, rung, tried, id != terms.program)
    return replace(terms, program=id, digest=store.program(id).digest, retuned=told)


def _told(terms: Terms) -> str:
    plan = terms.plan
    return (
        f"#{terms.program} on {terms.task}, target {plan.rule.target:g} at step {plan.claim} of {plan.train_steps}, "
        f"looks after {', '.join(map(str, plan.looks))} runs, rng_seeds {terms.rng_seeds[0]} to {terms.rng_seeds[-1]}"
    )


def _rival(store: Store, task: Task, target: float, wanted: Wanted, run: Run) -> Verdict:
    """The rival's runs: logs, or those of its own promotion.

    Raises:
        click.UsageError: There are none.
    """
    from evolve.promoting.outcome import as_group, runs_of
    from evolve.promoting.terms import plans
    from evolve.verdict.judge import judge
    from evolve.verdict.read import read_all
    from evolve.verdict.rule import Rule
    from evolve.verdict.runs import group_runs

    name = wanted.rival or ""
    if Path(name).exists():
        groups = group_runs(read_all([name]).runs)
        if len(groups) != 1:
            raise click.UsageError(f"--rival: expected logs of one recipe; {name} holds {len(groups)}")
        return judge(groups[0], Rule(target))
    id = store.resolve(name)
    for terms in plans(store):
        runs = runs_of(store, terms) if (terms.program, terms.task) == (id, task.name) else ()
        if runs:
            return judge(as_group(terms, runs, f"#{id}"), Rule(target))
    raise click.UsageError(
        f"--rival: program {id} has no runs on {task.name} to compare with; promote it first: evolve promote {id} "
        f"--target {target:g} --run {run.folder}"
    )


def _compared(ours: Verdict, rival: Verdict, wanted: Wanted) -> Comparison | None:
    from evolve.verdict.rival import STEP_WORTH, compare

    worth = wanted.step_worth if wanted.step_worth is not None else STEP_WORTH
    found = compare(ours, rival, ours.ruling.rule, worth)
    if found is None:
        click.echo("--rival: one of the two has no mean loss at its judged step: they cannot be compared", err=True)
    return found

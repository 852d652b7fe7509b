"""`evolve prune`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from evolve.cli.common import FiniteRange, clear_errors, json_option, print_json, run_option, task_of
from evolve.cli.search_options import Duration
from evolve.cli.slots_options import Asked, slots_options

if TYPE_CHECKING:
    from evaluator.tasks.base import Task
    from evolve.budget import Budget
    from evolve.pruning.procedure import Procedure
    from evolve.slots import Slots
    from population.store import Store


class Margin(click.ParamType):  # type: ignore[type-arg]
    """Nats, or steps of the benchmark's full size: `0.002`, `40steps`."""

    name = "margin"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The nats."""
        from evolve.verdict.rival import STEP_WORTH

        text = str(value).strip()
        number, worth = (text.removesuffix("steps").rstrip(), STEP_WORTH) if text.endswith("steps") else (text, 1.0)
        try:
            nats = float(number) * worth
        except ValueError:
            nats = math.nan
        if not 0 < nats < math.inf:
            self.fail(f"expected nats above 0 such as 0.002, or steps such as 40steps; got {value!r}", param, ctx)
        return nats


@click.command("prune")
@click.argument("program")
@click.option("--proven", is_flag=True, help="Only what provably changes nothing: no trials but those of the check.")
@click.option(
    "--margin",
    type=Margin(),
    metavar="NATS|Nsteps",
    help="Loss that all tested removals together may cost; 0.01 by default, 0.002 on nanogpt. In steps of planned "
    "length it is 4.5e-5 nats each, what one is worth at the benchmark's full size.",
)
@click.option(
    "--rung",
    default="proxy",
    show_default=True,
    type=click.Choice(["proxy", "confirm", "full"]),
    help="How far to train when parts are tested.",
)
@click.option("--budget-time", type=Duration(), metavar="5m", help="Stop after this much time for trials.")
@click.option("--budget-trials", type=click.IntRange(1), metavar="N", help="Stop after N trials.")
@click.option(
    "--budget-gpu-hours",
    type=FiniteRange(0, min_open=True),
    metavar="H",
    help="Stop after so much time of one graphics card; two cards spend twice as much.",
)
@slots_options
@run_option
@json_option
@clear_errors
def command(
    program: str,
    proven: bool,
    margin: float | None,
    rung: str,
    budget_time: float | None,
    budget_trials: int | None,
    budget_gpu_hours: float | None,
    slots: Asked,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Remove from PROGRAM what it does not need, and tell what each part is worth.

    First what provably changes nothing: constants are folded, branches that they decide, unused code, state, arguments
    and hyperparameters dropped, trivial wrappers inlined. Original and result are trained and compared to the last bit;
    a removal that shows is left out, and named. Then, unless --proven, every part is taken out alone on paired
    rng_seeds; those shown to be worth less than the margin go together, and the result is compared with the original on
    fresh rng_seeds, as many as the stated power asks for. Without a budget it runs until all is decided; at most half
    of one goes into single parts, the rest into removals together. What is left becomes programs of the run. Pruning
    again, also after a kill, goes on where it stopped; budgets are totals. What is worth nothing in short runs may be
    worth something in long ones: --rung says how far to train.

    PROGRAM is an id, the beginning of a digest, or a seed program's name.
    """
    from evaluator.pool import EvaluatorError
    from evolve.budget import Budget
    from evolve.config import Config
    from evolve.pruning.carry import PruningError
    from evolve.pruning.plan import MARGINS
    from evolve.pruning.proof import ProofError
    from evolve.pruning.records import BaseFailsError
    from evolve.run import find_run
    from evolve.views.console import show
    from evolve.views.pruning import confirmations_grid, outcome_line, parts_grid, proof_grid
    from population.store import Store

    if proven:
        _refuse_options_of_tests(click.get_current_context())
    run = find_run(folder)
    with run.lock(), Store.open(run.database, write=True) as store:
        id = store.resolve(program)
        config = Config.from_dict(store.run)
        needs = ("smoke", "proxy") if proven else ("smoke", "proxy", rung)
        task = task_of(config, needs)
        places = slots.of(task, rungs=[task.rung(name) for name in needs])
        budget = Budget(budget_time, None, budget_trials, gpu_hours=budget_gpu_hours).on(places.cards)
        report: Mapping[str, Any] | None = None
        try:
            proof = _prove(store, task, id, places)
            if not proven:
                report = _test(store, task, rung, margin or MARGINS[task.name], proof, budget, places)
        except (ProofError, BaseFailsError) as error:
            raise click.UsageError(f"program {id} cannot be pruned: {error}") from error
        except (PruningError, EvaluatorError) as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            click.echo(f"stopped; go on with: evolve prune {program} --run {run.folder}", err=True)
            raise SystemExit(130) from None
        if as_json:
            print_json({"program": id, "proven": proof, "tested": report})
            return
        grids = [proof_grid(proof)]
        if report is not None:
            grids.append(parts_grid(report))
            grids += [confirmations_grid(report)] if report["confirmations"] else []
        show(*grids, outcome_line(id, proof, report))


def _refuse_options_of_tests(context: click.Context) -> None:
    """Options about tests, where nothing is tested."""
    for name in ("margin", "rung", "budget_time", "budget_trials", "budget_gpu_hours"):
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} is about tests of parts: leave it or --proven out")


def _prove(store: Store, task: Task, program: int, places: Slots) -> Mapping[str, Any]:
    """What provably changes nothing: as it was found before, or found and checked now."""
    from evaluator.pool import Evaluator
    from evolve.operators.prune import steps
    from evolve.pruning.carry import enter_proof
    from evolve.pruning.plan import proof_of
    from evolve.pruning.proof import Check, Proof, check_rungs, check_task, prove

    known = proof_of(store, program)
    if known is not None:
        return known
    source = store.program(program).source
    if not steps(source):
        return enter_proof(store, program, Proof(source, (), ()))
    click.echo("checking that what provably changes nothing changes nothing", err=True)
    with Evaluator(check_task(task), min(2, places.jobs), places.sandboxes) as evaluator:
        return enter_proof(store, program, prove(source, Check(evaluator, check_rungs(task))))


def _test(
    store: Store, task: Task, rung_name: str, margin: float, proof: Mapping[str, Any], budget: Budget, places: Slots
) -> Mapping[str, Any]:
    """Every part, tested."""
    from evaluator.pool import Evaluator
    from evolve.pruning.carry import tested
    from evolve.pruning.parts import parts
    from evolve.pruning.plan import LEVEL, POWER, plan_for
    from evolve.pruning.purse import Purse

    rung = task.rung(rung_name)
    with Evaluator(task, places.jobs, places.sandboxes, places.devices) as evaluator:
        plan = plan_for(store, proof["program"], proof["result"], margin, rung_name, evaluator.fingerprint(rung))
        click.echo(
            f"#{plan.base}: {len(parts(store.program(plan.base).source))} parts on the {rung_name} rung; all removals "
            f"together may cost {margin:g} nats, at level {LEVEL:g} with power {POWER:g}",
            err=True,
        )
        return tested(store, plan, rung, evaluator, Purse(budget, places.jobs), _tell)


def _tell(procedure: Procedure, done: int, of: int) -> None:
    """A line now and then."""
    if done == of or done % 20 == 0:
        click.echo(f"{procedure.phase}: {procedure.trials + done} trials", err=True)

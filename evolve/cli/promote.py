"""`evolve promote`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from evolve.cli.common import clear_errors, json_option, load_task, print_json, run_option
from evolve.cli.promote_options import Wanted, plan_options
from evolve.cli.slots_options import Asked, ranks_option, slots_options

if TYPE_CHECKING:
    from evaluator.tasks.base import Task
    from evolve.run import Run
    from evolve.slots import Slots
    from population.rows import TrialRow
    from population.store import Store


@click.command("promote")
@click.argument("program")
@click.option("--task", "task_name", metavar="NAME", help="Promote on this task; the run's own by default.")
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True),
    metavar="PATH",
    help="Data of --task, as with `evolve start`; the run's own for its own task.",
)
@plan_options
@slots_options
@ranks_option
@run_option
@json_option
@clear_errors
def command(
    program: str,
    task_name: str | None,
    data: Path | None,
    wanted: Wanted,
    slots: Asked,
    ranks: int,
    folder: Path | None,
    as_json: bool,
) -> None:
    """Take PROGRAM to the full rung and give a verdict.

    On a task with a target loss (nanogpt's is 3.28; --target gives any task one) the benchmark's rule decides: the
    mean over runs must satisfy (target - mean) * sqrt(n) >= 0.004 at the claimed step and every later validated one.
    The plan is frozen before the first run: rng_seeds, number of runs at most, looks, bounds, steps, claim. It spends
    its level of 0.001 over the looks, so that looking early does not make a lucky verdict likelier. Every run goes to
    its end and is reported. The folder promotions/ of the run holds what others need to check it: `evolve verdict`
    judges its logs.

    On a task without a target it is compared with the best seed program on fresh rng_seeds, fixed before the first
    run. The p-value (one-sided paired t-test) is Holm-adjusted over all promotions of the run; "better" means below
    0.01.

    Either way it is scored on the test split, which no search trial has seen. Promoting again, also after a kill, goes
    on with the old plan: a program has one chance on a task.

    PROGRAM is an id, the beginning of a digest, or a seed program's name.
    """
    from evaluator.pool import EvaluatorError
    from evolve.cli.promote_by_rule import by_rule
    from evolve.config import Config
    from evolve.promoting.terms import known_terms
    from evolve.promoting.trials import PromotionError
    from evolve.run import find_run
    from population.store import Store

    run = find_run(folder)
    with run.lock(), Store.open(run.database, write=True) as store:
        id = store.resolve(program)
        config = Config.from_dict(store.run)
        own = task_name is None or task_name == config.task
        text = data.resolve() if data else Path(config.text) if own and config.text else None
        task = load_task(task_name or config.task, text, ("full",), config.train_steps if own else None)
        known = known_terms(store, id, task.name, wanted.retune)
        own_target = known.plan.rule.target if known is not None else task.target
        target = wanted.target if wanted.target is not None else own_target
        if target is None and wanted.named():
            raise click.UsageError(
                f"--{wanted.named()[0]}: {task.name} has no target loss of its own; say what is to be reached with "
                "--target, or leave the option out to compare with the best seed program"
            )
        if target is None and not own:
            raise click.UsageError(
                f"--task: programs of a run on {config.task} can be compared with its best seed program on "
                f"{config.task} alone; say what is to be reached on {task.name} with --target"
            )
        try:
            if target is None:
                _against_seed(store, run, task, id, program, slots.of(task, ranks, [task.promotion_rung()]), as_json)
            else:
                by_rule(store, run, task, id, target, wanted, lambda rung: slots.of(task, ranks, [rung]), as_json)
        except PromotionError as error:
            raise click.UsageError(str(error)) from error
        except EvaluatorError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            again = f"evolve promote {program} --run {run.folder}" + ("" if own else f" --task {task.name}")
            again += f" --data {data}" if data else ""
            click.echo(f"stopped; go on with: {again}{wanted.again()}", err=True)
            raise SystemExit(130) from None


def _against_seed(store: Store, run: Run, task: Task, id: int, program: str, places: Slots, as_json: bool) -> None:
    """Compare a program with the best seed program."""
    from dataclasses import asdict

    from evaluator.pool import Evaluator
    from evolve.promotion import carry_out, lines, plan
    from evolve.views.console import show
    from evolve.views.numbers import value
    from evolve.views.tables import promotions_grid

    rung = task.promotion_rung()

    def tell(row: TrialRow) -> None:
        text = value(row.value) if row.value is not None else f"{row.outcome}: {row.reason}"
        click.echo(f"#{row.program} rng_seed {row.rng_seed}: {text}", err=as_json)

    with Evaluator(task, places.jobs, places.sandboxes, places.devices, places.ranks) as evaluator:
        promotion = plan(store, id, rung, evaluator.fingerprint(rung))
        click.echo(
            f"#{promotion.program} against #{promotion.against}: {len(promotion.rng_seeds)} rng_seeds each, "
            f"{rung.train_steps} steps, {rung.split} split",
            err=as_json,
        )
        carry_out(store, promotion, rung, evaluator, tell)
    if as_json:
        print_json([asdict(line) for line in lines(store)])
    else:
        show(promotions_grid(lines(store), this=id))

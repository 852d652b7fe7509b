"""`evolve promote`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from evolve.cli.common import clear_errors, json_option, load_task, print_json, run_option
from evolve.cli.slots_options import Asked, slots_options

if TYPE_CHECKING:
    from population.rows import TrialRow


@click.command("promote")
@click.argument("program")
@slots_options
@run_option
@json_option
@clear_errors
def command(program: str, slots: Asked, folder: Path | None, as_json: bool) -> None:
    """Take PROGRAM to the full rung and give a verdict.

    It is compared with the best seed program on fresh rng_seeds, fixed before the first run, and on the test split,
    which no search trial has seen. The p-value (one-sided paired t-test) is Holm-adjusted over all promotions of the
    run; "better" means below 0.01. Promoting again goes on with the old plan.

    PROGRAM is an id, the beginning of a digest, or a seed program's name.
    """
    from dataclasses import asdict

    from evaluator.pool import Evaluator, EvaluatorError
    from evolve.config import Config
    from evolve.promotion import PromotionError, carry_out, lines, plan
    from evolve.run import find_run
    from evolve.views.console import show
    from evolve.views.numbers import value
    from evolve.views.tables import promotions_grid
    from population.store import Store

    run = find_run(folder)
    with run.lock(), Store.open(run.database, write=True) as store:
        id = store.resolve(program)
        config = Config.from_dict(store.run)
        task = load_task(config.task, Path(config.text) if config.text else None, ("full",))
        rung, places = task.promotion_rung(), slots.of(task)

        def tell(row: TrialRow) -> None:
            text = value(row.value) if row.value is not None else f"{row.outcome}: {row.reason}"
            click.echo(f"#{row.program} rng_seed {row.rng_seed}: {text}", err=as_json)

        try:
            with Evaluator(task, places.jobs, places.sandboxes, places.devices) as evaluator:
                promotion = plan(store, id, rung, evaluator.fingerprint(rung))
                click.echo(
                    f"#{promotion.program} against #{promotion.against}: {len(promotion.rng_seeds)} rng_seeds each, "
                    f"{rung.train_steps} steps, {rung.split} split",
                    err=as_json,
                )
                carry_out(store, promotion, rung, evaluator, tell)
        except PromotionError as error:
            raise click.UsageError(str(error)) from error
        except EvaluatorError as error:
            raise click.ClickException(str(error)) from error
        except KeyboardInterrupt:
            click.echo(f"stopped; go on with: evolve promote {program} --run {run.folder}", err=True)
            raise SystemExit(130) from None
        if as_json:
            print_json([asdict(line) for line in lines(store)])
        else:
            show(promotions_grid(lines(store), this=id))

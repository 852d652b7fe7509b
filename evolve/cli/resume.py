"""`evolve resume`."""

from __future__ import annotations

from pathlib import Path

import click

from evolve.cli.common import clear_errors, load_task, run_option
from evolve.cli.search_options import go, search_options


@click.command("resume")
@run_option
@search_options
@clear_errors
def command(
    folder: Path | None,
    budget_time: float | None,
    budget_births: int | None,
    budget_trials: int | None,
    jobs: int,
    quiet: bool,
) -> None:
    """Go on with a run that was stopped or killed.

    Budgets are totals over the whole run: --budget-births 200 goes on until the run has 200. Without one, five minutes
    of running time, or five more when those are over.
    """
    from evolve.budget import DEFAULT_SECONDS, Budget
    from evolve.config import Config
    from evolve.run import find_run
    from population.store import Store

    run = find_run(folder)
    with run.lock():
        with Store.open(run.database, write=True) as store:
            elapsed = store.last_elapsed()
            config = Config.from_dict(store.run)
        task = load_task(config.task, Path(config.text) if config.text else None)
        budget = Budget.of(budget_time, budget_births, budget_trials)
        if (budget_time, budget_births, budget_trials) == (None, None, None) and elapsed >= DEFAULT_SECONDS:
            budget = Budget(seconds=elapsed + DEFAULT_SECONDS)
        go(run, task, budget, jobs, quiet)

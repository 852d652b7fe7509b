"""`evolve resume`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from evolve.cli.common import clear_errors, run_option, task_of
from evolve.cli.search_options import go, search_options
from evolve.cli.slots_options import Asked


@click.command("resume")
@run_option
@search_options
@clear_errors
def command(
    folder: Path | None,
    budget_time: float | None,
    budget_births: int | None,
    budget_trials: int | None,
    budget_usd: float | None,
    budget_tokens: int | None,
    budget_gpu_hours: float | None,
    slots: Asked,
    quiet: bool,
) -> None:
    """Go on with a run that was stopped or killed.

    Budgets are totals over the whole run: --budget-births 200 goes on until the run has 200. Without one, the budget
    that the run was started with, or five more minutes when that is spent. Limits on what language models cost stay
    unless new ones are given.
    """
    from evolve.budget import DEFAULT_SECONDS, Budget, Spent
    from evolve.config import Config
    from evolve.overview import searched
    from evolve.run import find_run
    from population.store import Store

    run = find_run(folder)
    with run.lock():
        with Store.open(run.database, write=True) as store:
            summary = store.summary()
            config = Config.from_dict(store.run)
            budget = Budget(**store.run.get("budget", {}))
            cards = int(store.run.get("cards", 0))
        task = task_of(config)
        places = slots.of(task)
        if places.cards != cards and (budget_gpu_hours or budget.gpu_hours):
            raise click.UsageError(
                f"the budget in GPU-hours counts the {cards} cards of the beginning: use as many again"
            )
        budget = budget.on(places.cards)
        outcomes = searched(summary)
        spent = Spent(summary.elapsed, summary.births, outcomes.total() - outcomes["lost"])
        asked = (budget_time, budget_births, budget_trials, budget_tokens, budget_usd, budget_gpu_hours)
        if any(bound is not None for bound in asked):
            _require_models(config.models, budget_tokens, budget_usd)
            budget = Budget(
                budget_time,
                budget_births,
                budget_trials,
                budget_tokens or budget.tokens,
                budget_usd or budget.usd,
                budget_gpu_hours,
            ).on(places.cards)
            if budget_usd is not None and any(name not in config.prices for name, _ in config.models):
                raise click.UsageError("--budget-usd: the run was begun with a model whose price nobody knows")
            if not budget.allows_birth(spent):
                click.echo("this budget is spent already: budgets are totals over the whole run")
        elif not budget.allows_birth(spent):
            budget = replace(budget, seconds=spent.seconds + DEFAULT_SECONDS, births=None, trials=None)
            click.echo("the run's budget is spent: five more minutes")
        go(run, task, budget, places, quiet)


def _require_models(models: tuple[tuple[str, float], ...], tokens: int | None, usd: float | None) -> None:
    if not models and (tokens is not None or usd is not None):
        raise click.UsageError("--budget-usd and --budget-tokens are about language models; this run was begun without")

"""`evolve start`."""

from __future__ import annotations

from pathlib import Path

import click

from evolve.cli.common import clear_errors, load_task
from evolve.cli.search_options import go, search_options


@click.command("start")
@click.option("--islands", type=click.IntRange(1, 64), default=4, show_default=True, help="Number of islands.")
@click.option("--task", default="charlm", show_default=True, help="What the optimizers are scored on.")
@click.option(
    "--text",
    type=click.Path(path_type=Path, exists=True),
    help="Your own text for the task: a file or a folder. By default the standard library's sources.",
)
@click.option(
    "--from",
    "paths",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    metavar="FILE|DIR",
    help="Begin with these genomes instead of the seed programs; may be given several times.",
)
@click.option("--join", is_flag=True, help="With --from: begin with these and the seed programs.")
@click.option("--rng-seed", type=int, default=0, show_default=True, help="Seed of all the search's randomness.")
@click.option(
    "--pressure",
    type=click.FloatRange(0, 20),
    default=2.0,
    show_default=True,
    help="Selection pressure: 0 draws parents uniformly, higher prefers the best.",
)
@click.option(
    "--operators",
    default="perturb,crossover,ablate,prune",
    show_default=True,
    help="Operators that may be used, separated by commas.",
)
@click.option(
    "--run",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The new run's folder.",
)
@search_options
@clear_errors
def command(
    islands: int,
    task: str,
    text: Path | None,
    paths: tuple[Path, ...],
    join: bool,
    rng_seed: int,
    pressure: float,
    operators: str,
    folder: Path | None,
    budget_time: float | None,
    budget_births: int | None,
    budget_trials: int | None,
    jobs: int,
    quiet: bool,
) -> None:
    """Begin a run: evolve optimizers until the budget is spent.

    The first Ctrl-C lets the running trials finish, a second one stops at once; `evolve resume` goes on either way.
    """
    from evolve.budget import Budget
    from evolve.config import Config
    from evolve.genomes import from_paths, shipped
    from evolve.operators import PARENTS
    from evolve.run import new_run
    from evolve.session import create

    names = tuple(dict.fromkeys(name.strip() for name in operators.split(",") if name.strip()))
    wrong = [name for name in names if name not in PARENTS]
    if wrong or not names:
        raise click.UsageError(f"--operators: expected {', '.join(PARENTS)}; got {', '.join(wrong) or 'nothing'}")
    if join and not paths:
        raise click.UsageError("--join goes with --from: it adds those genomes to the seed programs")
    if text is not None:
        text = text.resolve()
    problem = load_task(task, text)  # what will not do is told before a folder is made
    seeds = from_paths(paths)
    if join or not paths:
        seeds += tuple(seed for seed in shipped() if seed.digest not in {genome.digest for genome in seeds})
    budget = Budget.of(budget_time, budget_births, budget_trials)
    config = Config(task, str(text) if text else None, islands, rng_seed, pressure, names)
    run = new_run(folder)
    with run.lock():
        create(run, config, seeds, budget)
        click.echo(f"run {run.folder}: {len(seeds)} seed programs, {islands} islands, {jobs} trials at once")
        go(run, problem, budget, jobs, quiet)

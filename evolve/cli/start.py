"""`evolve start`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click
from click.core import ParameterSource

from evolve.cli.common import FiniteRange, clear_errors, load_task, require_length, task_of, train_steps_option
from evolve.cli.search_options import Duration, ModelPrice, WeightedModel, go, known_prices, search_options
from evolve.cli.slots_options import Asked


@click.command("start")
@click.option("--islands", type=click.IntRange(1, 64), default=4, show_default=True, help="Number of islands.")
@click.option("--task", default="charlm", show_default=True, help="What the optimizers are scored on.")
@click.option(
    "--data",
    "--text",
    "text",
    type=click.Path(path_type=Path, exists=True),
    metavar="PATH",
    help="The task's data: for charlm any text, a file or a folder (the standard library's sources by default); for "
    "nanogpt a folder of token shards that `evolve data` made or fetched.",
)
@train_steps_option
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
    type=FiniteRange(0, 20),
    default=2.0,
    show_default=True,
    help="Selection pressure: 0 draws parents uniformly, higher prefers the best.",
)
@click.option(
    "--operators",
    help="Operators that may be used, separated by commas. By default perturb, crossover, ablate and prune; with "
    "--model also llm_diff, llm_rewrite, llm_crossover, llm_tune, llm_ablate and llm_repair.",
)
@click.option(
    "--model",
    "models",
    multiple=True,
    type=WeightedModel(),
    metavar="NAME[=WEIGHT]",
    help="Language model to ask for ideas, by its litellm name; several with weights. Its key is taken from the "
    "environment.",
)
@click.option(
    "--price",
    "prices",
    multiple=True,
    type=ModelPrice(),
    metavar="NAME=READ,WRITE",
    help="A model's price in US dollars per million tokens, where nobody reports its cost.",
)
@click.option(
    "--calls", type=click.IntRange(1, 256), default=8, show_default=True, help="Most calls of models at once."
)
@click.option("--call-time", type=Duration(), default="10m", show_default=True, help="Longest time for one call.")
@click.option(
    "--answer-tokens", type=click.IntRange(256), default=8000, show_default=True, help="Most tokens of an answer."
)
@click.option(
    "--run",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The new run's folder.",
)
@click.option(
    "--replay",
    "recorded",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    metavar="DIR",
    help="Repeat the run in this folder without a model: its models' answers are fed again, in the recorded order; the "
    "run must have ended by itself. Goes with --run and --quiet alone.",
)
@search_options
@click.pass_context
@clear_errors
def command(
    context: click.Context,
    islands: int,
    task: str,
    text: Path | None,
    train_steps: int | None,
    paths: tuple[Path, ...],
    join: bool,
    rng_seed: int,
    pressure: float,
    operators: str | None,
    models: tuple[tuple[str, float], ...],
    prices: tuple[tuple[str, float, float], ...],
    calls: int,
    call_time: float,
    answer_tokens: int,
    folder: Path | None,
    recorded: Path | None,
    budget_time: float | None,
    budget_births: int | None,
    budget_trials: int | None,
    budget_usd: float | None,
    budget_tokens: int | None,
    budget_gpu_hours: float | None,
    slots: Asked,
    quiet: bool,
) -> None:
    """Begin a run: evolve optimizers until the budget is spent.

    The first Ctrl-C lets the running trials finish, a second one stops at once; `evolve resume` goes on either way.
    """
    from evolve.budget import Budget, Spent
    from evolve.config import Config
    from evolve.genomes import from_paths, shipped
    from evolve.money import affordable
    from evolve.run import new_run
    from evolve.session import create

    if recorded is not None:
        _repeat(context, recorded, folder, slots, quiet)
        return
    names = _operators(operators, bool(models))
    if budget_usd is not None or budget_tokens is not None or prices:
        _require_models(models)
    if join and not paths:
        raise click.UsageError("--join goes with --from: it adds those genomes to the seed programs")
    if text is not None:
        text = text.resolve()
    problem = load_task(task, text, train_steps=train_steps)  # what will not do is told before a folder is made
    places = slots.of(problem)
    seeds = from_paths(paths)
    require_length(seeds, problem)
    if join or not paths:
        seeds += tuple(seed for seed in shipped() if seed.digest not in {genome.digest for genome in seeds})
    budget = Budget.of(budget_time, budget_births, budget_trials, budget_tokens, budget_usd, budget_gpu_hours)
    known = known_prices([name for name, _ in models], {name: (read, write) for name, read, write in prices}, budget)
    config = Config(
        task,
        str(text) if text else None,
        islands,
        rng_seed,
        pressure,
        names,
        models=models,
        calls=calls,
        call_seconds=call_time,
        answer_tokens=answer_tokens,
        prices=known,
        train_steps=train_steps,
    )
    if models and not affordable(config, Spent(0.0, 0, 0), budget):
        raise click.UsageError(
            "--budget-usd or --budget-tokens: not one call fits, since each is reserved at its most, a long prompt and "
            f"{answer_tokens} tokens of answer; raise the budget or lower --answer-tokens"
        )
    run = new_run(folder)
    with run.lock():
        create(run, config, seeds, budget, places)
        click.echo(f"run {run.folder}: {len(seeds)} seed programs, {islands} islands, {places}")
        go(run, problem, budget, places, quiet)


def _operators(wanted: str | None, with_models: bool) -> tuple[str, ...]:
    """The operators' names.

    Raises:
        click.UsageError: One is unknown, or wants a model and there is none; or none is named.
    """
    from evolve.operators import ASKING, PARENTS

    if wanted is None:
        return (*PARENTS, *ASKING) if with_models else tuple(PARENTS)
    names = tuple(dict.fromkeys(name.strip() for name in wanted.split(",") if name.strip()))
    wrong = [name for name in names if name not in PARENTS and name not in ASKING]
    if wrong or not names:
        known = ", ".join((*PARENTS, *ASKING))
        raise click.UsageError(f"--operators: expected {known}; got {', '.join(wrong) or 'nothing'}")
    asking = [name for name in names if name in ASKING]
    if asking and not with_models:
        raise click.UsageError(f"--operators: {', '.join(asking)} ask a language model: name one with --model")
    return names


def _require_models(models: tuple[tuple[str, float], ...]) -> None:
    if not models:
        raise click.UsageError(
            "--budget-usd, --budget-tokens and --price are about language models: name one with --model"
        )


def _repeat(context: click.Context, recorded: Path, folder: Path | None, slots: Asked, quiet: bool) -> None:
    """Repeat a recorded run in a folder of its own.

    Raises:
        click.UsageError: Another option was given.
    """
    from evolve.budget import Budget
    from evolve.config import Config
    from evolve.run import find_run, new_run
    from evolve.session import create_like
    from population.store import Store

    given = [name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE]
    other = sorted(set(given) - {"recorded", "folder", "allow_weak_sandbox", "quiet"})
    if other:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in other)
        raise click.UsageError(f"--replay repeats a run as it was: leave out {names}")
    source = find_run(recorded)
    with Store.open(source.database) as record:
        config = Config.from_dict(record.run)
        if "jobs" not in record.run:
            raise click.UsageError(f"{source.folder} was made by a version that did not record enough to repeat it")
        if record.run.get("cards"):
            raise click.UsageError("trials on a card do not repeat bitwise, so that a run on cards cannot be repeated")
        budget, jobs = Budget(**record.run["budget"]), int(record.run["jobs"])
    problem = task_of(config)
    places = replace(slots.of(problem), jobs=jobs)
    run = new_run(folder)
    with run.lock():
        create_like(run, source)
        click.echo(f"run {run.folder}: repeats {source.folder}, {places}")
        go(run, problem, budget, places, quiet, source)

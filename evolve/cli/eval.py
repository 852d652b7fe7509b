"""`evolve eval`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from evolve.cli.common import clear_errors, json_option, load_task, print_json
from evolve.cli.search_options import jobs_option


@click.command("eval")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--task", default="charlm", show_default=True, help="What to score it on.")
@click.option("--text", type=click.Path(path_type=Path, exists=True), help="Your own text for the task.")
@click.option(
    "--rung",
    default="proxy",
    show_default=True,
    type=click.Choice(["smoke", "proxy", "confirm", "full"]),
    help="How far to train.",
)
@click.option(
    "--rng-seed",
    "rng_seeds",
    type=click.IntRange(0),
    multiple=True,
    help="May be given several times; 0 by default.",
)
@jobs_option
@json_option
@clear_errors
def command(
    file: Path, task: str, text: Path | None, rung: str, rng_seeds: tuple[int, ...], jobs: int, as_json: bool
) -> None:
    """Score the genome in FILE outside any run, and print its trials.

    Exit code 0 when every trial finished, 1 when one did not.
    """
    from evaluator.pool import Evaluator, EvaluatorError
    from evaluator.records import Outcome, Trial, TrialRequest
    from evolve.genomes import read
    from evolve.views.numbers import value

    genome = read(file)
    chosen = load_task(task, text.resolve() if text else None)
    seeds = tuple(dict.fromkeys(rng_seeds)) or (0,)
    found: dict[int, Trial] = {}
    try:
        with Evaluator(chosen, min(jobs, len(seeds))) as evaluator:
            for seed in seeds:
                evaluator.submit(TrialRequest(genome.digest, genome.source, chosen.rung(rung), seed))
            while len(found) < len(seeds):
                for _, trial in evaluator.wait():
                    found[trial.rng_seed] = trial
                    if not as_json:
                        text_ = value(trial.value) if trial.value is not None else f"{trial.outcome}: {trial.reason}"
                        click.echo(
                            f"{genome.name} {rung} rng_seed {trial.rng_seed}: {text_} ({trial.wall_seconds:.1f} s)"
                        )
                        if trial.value is None and trial.stderr:
                            click.echo(trial.stderr.rstrip(), err=True)
    except EvaluatorError as error:
        raise click.ClickException(str(error)) from error
    if as_json:
        print_json([asdict(found[seed]) for seed in seeds])
    if any(trial.outcome is not Outcome.FINISHED for trial in found.values()):
        raise SystemExit(1)

"""`evolve add`."""

from __future__ import annotations

from pathlib import Path

import click

from evolve.cli.common import clear_errors, require_length, run_option


@click.command("add")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@run_option
@clear_errors
def command(file: Path, folder: Path | None) -> None:
    """Enter a genome of your own into a run, live or not.

    A live run takes it in at once, a stopped one when it is resumed.
    """
    from evaluator.tasks import get_task
    from evolve.config import Config
    from evolve.genomes import from_file
    from evolve.inbox import Inbox
    from evolve.run import find_run
    from population.store import Store

    run = find_run(folder)
    genome = from_file(file)
    with Store.open(run.database) as store:
        known = store.by_digest(genome.digest)
        config = Config.from_dict(store.run)
    if known is not None:
        click.echo(f"{file} is program {known.id} of {run.folder} already")
        return
    require_length([genome], get_task(config.task, steps=config.train_steps))
    Inbox(run.inbox).put(genome)
    click.echo(f"{genome.name} ({genome.digest}) waits in {run.inbox} for {run.folder}")

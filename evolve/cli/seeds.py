"""`evolve seeds`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from evolve.cli.common import clear_errors, json_option, print_json, run_option

if TYPE_CHECKING:
    from population.rows import EstimateRow


@click.command("seeds")
@run_option
@json_option
@clear_errors
def command(folder: Path | None, as_json: bool) -> None:
    """List the seed programs that come with this package, with their estimates where there is a run."""
    from evolve.genomes import shipped
    from evolve.run import RunError, find_run
    from evolve.views.console import show
    from evolve.views.tables import seeds_grid
    from population.store import Store

    genomes = shipped()
    estimates: dict[str, EstimateRow] = {}
    try:
        run = find_run(folder)
    except RunError:
        if folder is not None:
            raise
    else:
        with Store.open(run.database) as store:
            for genome in genomes:
                row = store.by_digest(genome.digest)
                if row is not None:
                    estimates.update((genome.name, at) for at in store.estimates("proxy", row.id))
    if as_json:
        print_json(
            [
                {
                    "name": genome.name,
                    "digest": genome.digest,
                    "summary": genome.summary,
                    "lines": genome.source.count("\n"),
                    "mean": estimates[genome.name].mean if genome.name in estimates else None,
                }
                for genome in genomes
            ]
        )
        return
    lines = [(genome.name, genome.summary, genome.source.count("\n")) for genome in genomes]
    show(seeds_grid(lines, estimates))

"""`evolve show`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from evolve.cli.common import clear_errors, json_option, print_json, reading, run_option


@click.command("show")
@click.argument("program")
@click.option("--source", "only_source", is_flag=True, help="Print the source text alone.")
@run_option
@json_option
@clear_errors
def command(program: str, only_source: bool, folder: Path | None, as_json: bool) -> None:
    """Show one program: who it is, its estimates and trials, what changed, its source.

    PROGRAM is an id, the beginning of a digest, or a seed program's name.
    """
    from evolve.novelty import SAME
    from evolve.overview import standings
    from evolve.views.console import show
    from evolve.views.family import family
    from evolve.views.program import program_views

    with reading(folder) as (_, store):
        row = store.program(store.resolve(program))
        if only_source:
            click.echo(row.source, nl=False)
            return
        near = [store.program(id) for id in dict.fromkeys((*row.parents, row.id, *store.children(row.id)))]
        trials = [trial for each in near for trial in store.trials(each.id)]
        estimates = [at for each in near for at in store.estimates(program=each.id)]
        same_as = next((e.data["as"] for e in store.events(SAME) if e.data["program"] == row.id), None)
        if as_json:
            own = asdict(row) | {
                "same_as": same_as,
                "trials": [asdict(trial) for trial in trials if trial.program == row.id],
                "estimates": [asdict(at) for at in estimates if at.program == row.id],
            }
            print_json(own)
            return
        best, _ = standings(store)
        show(*program_views(family(near, trials, estimates), row.id, best.id if best else None, same_as))

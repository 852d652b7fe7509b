"""`evolve diff`."""

from __future__ import annotations

from pathlib import Path

import click

from evolve.cli.common import clear_errors, reading, run_option


@click.command("diff")
@click.argument("a")
@click.argument("b")
@run_option
@clear_errors
def command(a: str, b: str, folder: Path | None) -> None:
    """Show what differs from program A to program B: hyperparameters, components, lines.

    A and B are ids, beginnings of digests, or seed programs' names.
    """
    from evolve.views.console import show
    from evolve.views.program import changes_views

    with reading(folder) as (_, store):
        show(*changes_views(store.program(store.resolve(a)), store.program(store.resolve(b))))

"""`evolve ls`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evaluator.records import Outcome
from evolve.cli.common import clear_errors, json_option, reading, run_option
from evolve.operators import ASKING, PARENTS

if TYPE_CHECKING:
    from evolve.views.tables import ProgramLine
    from population.store import Listed


SHOWN = 30
"""Programs in a listing for people."""


@click.command("ls")
@click.option(
    "--rung",
    type=click.Choice(["proxy", "confirm"]),
    default="proxy",
    show_default=True,
    help="Whose estimates to show and sort by.",
)
@click.option(
    "--order",
    type=click.Choice(["estimate", "id", "newest"]),
    default="estimate",
    show_default=True,
    help="Sort by estimate (best first), by id, or newest first.",
)
@click.option("--island", type=click.IntRange(0), help="Only programs born on this island.")
@click.option("--operator", type=click.Choice([*PARENTS, *ASKING, "seed", "add"]), help="Only programs made like this.")
@click.option("--outcome", type=click.Choice([str(o) for o in Outcome]), help="Only programs whose trials ended so.")
@click.option("--rejected", is_flag=True, help="Only programs that broke a rule, with the rule.")
@click.option("-n", "--limit", type=click.IntRange(1), help=f"At most so many; all with --json, else {SHOWN}.")
@click.option("--offset", type=click.IntRange(0), default=0, help="Leave out so many first.")
@run_option
@json_option
@clear_errors
def command(
    rung: str,
    order: str,
    island: int | None,
    operator: str | None,
    outcome: str | None,
    rejected: bool,
    limit: int | None,
    offset: int,
    folder: Path | None,
    as_json: bool,
) -> None:
    """List the programs of a run, best first."""
    from evolve.overview import standings
    from evolve.views.console import show
    from evolve.views.tables import programs_grid

    with reading(folder) as (_, store):
        wanted: dict[str, Any] = {
            "rung": rung,
            "order": order,
            "island": island,
            "operator": operator,
            "outcome": "rejected" if rejected else outcome,
            "offset": offset,
        }
        if as_json:
            click.echo("[\n" + ",\n".join(store.listing_json(**wanted, limit=limit)) + "\n]")
            return
        lines = store.listing(**wanted, limit=limit or SHOWN)
        best, _ = standings(store)
        show(programs_grid(map(_line, lines), rung, best.id if best else None))


def _line(listed: Listed) -> ProgramLine:
    from evolve.views.tables import ProgramLine
    from population.rows import EstimateRow, ProgramRow

    row = ProgramRow(
        listed.id,
        listed.digest,
        "",  # a listing does not read the texts
        listed.operator,
        listed.island,
        listed.birth,
        listed.parents,
        listed.component,
        listed.note,
        name=listed.name,
    )
    at = None
    if listed.mean is not None and listed.sd is not None and listed.low is not None and listed.high is not None:
        at = EstimateRow(listed.id, "", listed.mean, listed.sd, listed.low, listed.high, listed.n or 0)
    failed = listed.outcome if listed.outcome != "finished" else ""
    return ProgramLine(row, at, listed.finished, listed.trials, failed)

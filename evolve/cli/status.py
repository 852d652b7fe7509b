"""`evolve status`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from evolve.cli.common import clear_errors, json_option, print_json, reading, run_option

if TYPE_CHECKING:
    from evolve.views.progress import Standing


@click.command("status")
@run_option
@json_option
@clear_errors
def command(folder: Path | None, as_json: bool) -> None:
    """Show where a run stands; works while it goes on.

    The best program has the lowest estimate, on the confirm rung once a seed program and another one have every
    planned rng_seed there, on the proxy rung before. Its gain over the best seed program takes out what they
    share, rng_seeds and ancestors, and may say otherwise while both are within the noise.
    """
    from evolve.overview import overview
    from evolve.run import is_live
    from evolve.views.console import show
    from evolve.views.tables import status_grids

    with reading(folder) as (run, store):
        now = overview(store)
        if not as_json:
            facts = {
                "folder": str(run.folder),
                "task": str(store.run["task"]),
                "state": "live" if is_live(run) else "stopped",
            }
            show(*status_grids(now, facts))
            return
        print_json(
            {
                "run": str(run.folder),
                "live": is_live(run),
                "elapsed": now.elapsed,
                "births": now.births,
                "trials": now.trials,
                "outcomes": dict(now.outcomes),
                "best": _standing(now.best),
                "best_seed": _standing(now.best_seed),
                "gain": now.gain and {"mean": now.gain.mean, "low": now.gain.low, "high": now.gain.high},
                "islands": [
                    {
                        "island": index,
                        "best": island.best_id,
                        "mean": island.mean,
                        "low": island.low,
                        "high": island.high,
                        "members": island.members,
                    }
                    for index, island in enumerate(now.islands)
                ],
                "operators": [
                    {"name": o.name, "births": o.births, "failed": o.failed, "improved": o.improved}
                    for o in now.operators
                ],
                "models": [asdict(arm) for arm in now.arms],
                "classes": [asdict(each) for each in now.classes],
            }
        )


def _standing(standing: Standing | None) -> dict[str, Any] | None:
    if standing is None:
        return None
    at = standing.estimate
    return {
        "id": standing.id,
        "name": standing.name,
        "operator": standing.operator,
        "mean": at.mean,
        "sd": at.sd,
        "low": at.low,
        "high": at.high,
        "rung": at.rung,
        "n": at.n,
    }

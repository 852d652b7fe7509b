"""`evolve doctor`."""

from __future__ import annotations

import click

from evolve.cli.common import clear_errors, json_option, print_json


@click.command("doctor")
@json_option
@clear_errors
def command(as_json: bool) -> None:
    """Show what this machine offers: cores, memory, GPU, torch, sandbox layers, model keys; then run one smoke trial.

    Keys are only looked for, never printed. Nothing reaches the network. Exit code 1 when something needed is missing.
    """
    from dataclasses import asdict

    from evolve.doctor import checks
    from evolve.views.console import show
    from evolve.views.tables import doctor_grid

    found = checks()
    if as_json:
        print_json([asdict(check) for check in found])
    else:
        show(doctor_grid(found))
    if any(check.state == "fail" for check in found):
        raise SystemExit(1)

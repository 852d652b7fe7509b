"""Writes docs/cli.md from the command line itself; with --check, fails when the file is not what it would write."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from evolve.cli import COMMANDS, main

TARGET = Path(__file__).parent / "cli.md"
WIDTH = 100


def help_text(path: list[str], command: click.Command) -> str:
    """What `-h` prints, at a fixed width."""
    settings = {**main.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(command, info_name=" ".join(path), **settings)
    return command.get_help(context)


def page() -> str:
    """The whole page."""
    parts = [
        "# Command line",
        "Made from the commands' own help by `python docs/make_cli.py`; do not edit.",
        f"```text\n{help_text(['evolve'], main)}\n```",
    ]
    context = click.Context(main)
    for name in COMMANDS:
        command = main.get_command(context, name)
        assert command is not None
        parts.append(f"## evolve {name}\n\n```text\n{help_text(['evolve', name], command)}\n```")
        if isinstance(command, click.Group):
            for sub_name, sub in command.commands.items():
                text = help_text(["evolve", name, sub_name], sub)
                parts.append(f"### evolve {name} {sub_name}\n\n```text\n{text}\n```")
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    text = page()
    if "--check" not in sys.argv:
        TARGET.write_text(text)
    elif not TARGET.exists() or TARGET.read_text() != text:
        sys.exit(f"{TARGET} is out of date: run python docs/make_cli.py")

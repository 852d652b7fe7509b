"""The command line: one file a command, each imported only when it is used."""

from __future__ import annotations

import importlib

import click

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

COMMANDS = {
    "start": "Begin a run: evolve optimizers until the budget is spent.",
    "resume": "Go on with a run that was stopped or killed.",
    "add": "Enter a genome of your own into a run, live or not.",
    "import": "Turn scripts of the public benchmark into genomes.",
    "status": "Show where a run stands.",
    "ls": "List the programs of a run.",
    "show": "Show one program: estimate, trials, parents, source.",
    "diff": "Show what differs between two programs.",
    "lineage": "Show who descends from whom.",
    "prune": "Remove what a program does not need; tell what each part is worth.",
    "promote": "Take a program to the full rung and give a verdict.",
    "export": "Write a program as a submission to the public benchmark.",
    "verdict": "Apply the benchmark's statistical rules to anyone's logs.",
    "eval": "Score one genome outside any run.",
    "seeds": "List the seed programs.",
    "data": "Make or fetch token shards for the task nanogpt.",
    "doctor": "Show what this machine offers.",
}
"""Every command and its help line; the module `evolve.cli.NAME` defines `command`."""

_MODULES = {"import": "import_script"}
"""Modules of commands whose names no module can have."""


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is asked for: `evolve -h` must be quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"evolve.cli.{_MODULES.get(cmd_name, cmd_name)}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=3)
            hint = f" Did you mean {' or '.join(near)}?" if near else f" There is {', '.join(COMMANDS)}."
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings=SETTINGS)
@click.version_option(package_name="evolve-optimizers", prog_name="evolve")
def main() -> None:
    """Discover neural-network optimizers by evolving their source code.

    A run is one folder. `evolve start` makes a new one under runs/; the other commands use the newest unless --run
    names another.

    Shell completion: eval "$(_EVOLVE_COMPLETE=bash_source evolve)"  (or zsh_source, fish_source).
    """

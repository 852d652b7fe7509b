"""`evolve data`."""

from __future__ import annotations

from pathlib import Path

import click

from evolve.cli.common import clear_errors


@click.group("data")
def command() -> None:
    """Make or fetch token shards for the task nanogpt."""


@command.command("fetch")
@click.option(
    "-o",
    "--folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Where to; by default where the task looks for them, ~/.cache/evolve/fineweb10B.",
)
@click.option(
    "--shards",
    type=click.IntRange(1, 103),
    default=18,
    show_default=True,
    help="How many to train on, of 100 million tokens and 200 MB each. The full rung reads all 18, the proxy 2.",
)
@clear_errors
def fetch(folder: Path | None, shards: int) -> None:
    """Fetch the public benchmark's FineWeb shards from the Hugging Face Hub.

    Every file is checked against the hub's checksum. After a break-off the same command goes on with the files that are
    missing.
    """
    from evaluator.tasks.nanogpt import DEFAULT_DATA
    from evaluator.tasks.shards import ShardError
    from evolve.data.fetch import HuggingFace
    from evolve.data.fetch import fetch as get

    target = folder or DEFAULT_DATA.expanduser()
    try:
        get(target, shards, HuggingFace(), lambda line: click.echo(line, err=True))
    except (ShardError, OSError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(f"{target}: ready; evolve start --task nanogpt{f' --data {folder}' if folder else ''}")


@command.command("prepare")
@click.option(
    "--text",
    type=click.Path(path_type=Path, exists=True),
    required=True,
    metavar="PATH",
    help="A file, or a folder of which every file below that is UTF-8 text counts.",
)
@click.option(
    "-o", "--folder", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="DIR", help="Where to."
)
@click.option(
    "--vocabulary",
    type=click.IntRange(512, 65536),
    default=16384,
    show_default=True,
    help="Size of the byte-level BPE that is trained on the text.",
)
@click.option(
    "--gpt2",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="Use GPT-2's vocabulary instead: a folder with its vocab.json and merges.txt.",
)
@clear_errors
def prepare(text: Path, folder: Path, vocabulary: int, gpt2: Path | None) -> None:
    """Make token shards of any text, in the public benchmark's form."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from evaluator.tasks.shards import ShardError
    from evolve.data.prepare import prepare as make

    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bars: dict[str, int] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what)
            progress.update(bars[what], completed=done, total=total)  # type: ignore[arg-type]

        try:
            made = make(text, folder, vocabulary, gpt2, tell)
        except (ShardError, OSError) as error:
            raise click.ClickException(str(error)) from error
    click.echo(
        f"{folder}: {made.train:,} tokens to train on, {made.held_out:,} held out, a vocabulary of "
        f"{made.vocabulary:,}; {_what_next(folder)}"
    )


def _what_next(folder: Path) -> str:
    """How to go on with shards: on the largest task that they suffice for."""
    from evaluator.tasks.nanogpt import NanoGPT
    from evaluator.tasks.shards import ShardError
    from evolve.slots import SEARCH_RUNGS

    for task in (NanoGPT(folder), NanoGPT(folder, tiny=True)):
        try:
            for name in SEARCH_RUNGS:
                task.problem(task.rung(name))
        except ShardError:
            continue
        return f"evolve start --task {task.name} --data {folder}"
    return "too little for any task: prepare more text"

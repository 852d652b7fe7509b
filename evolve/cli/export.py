"""`evolve export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from evolve.cli.common import clear_errors, reading, run_option

if TYPE_CHECKING:
    from evolve.exporting.script import Numbers
    from evolve.exporting.submission import Submission


@click.command("export")
@click.argument("program")
@click.option(
    "--base",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="PATH",
    help="Your copy of the benchmark's script, to put the program into; without it a script of our own is written.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Where it goes; submissions/ID-TASK of the run by default.",
)
@click.option(
    "--task",
    default=None,
    type=click.Choice(["nanogpt", "nanogpt-tiny"]),
    help="The size it is written for, and whose promotion is told; the one it was promoted on, else nanogpt.",
)
@click.option("--force", is_flag=True, help="Overwrite files that differ.")
@run_option
@clear_errors
def command(
    program: str, base: Path | None, output: Path | None, task: str | None, force: bool, folder: Path | None
) -> None:
    """Write PROGRAM as a submission to the public benchmark.

    The folder holds a single-file script with all code and numbers, results.json, README.md with method, lineage,
    ablations (if `evolve prune` has measured them) and statistics, curves.svg, the frozen plan, and the log of each
    run of its promotion, the script first. Exporting again changes nothing. `evolve import` makes the same genome of
    the script again.

    PROGRAM is an id, the beginning of a digest, or a seed program's name.
    """
    from importlib.metadata import version

    from evolve.exporting.folder import files, put
    from evolve.exporting.marks import ExportError
    from evolve.exporting.script import complete_script
    from evolve.exporting.splice import spliced
    from evolve.exporting.submission import gather
    from evolve.promoting.terms import plans

    with reading(folder) as (run, store):
        id = store.resolve(program)
        promoted_on = [terms.task for terms in plans(store) if terms.program == id and terms.task.startswith("nanogpt")]
        task = task or ("nanogpt" if "nanogpt" in promoted_on or not promoted_on else promoted_on[0])
        found = gather(store, id, task, run.folder.resolve().name)
        tuned = [terms.program for terms in plans(store) if terms.asked == id and terms.program != id]
    if tuned:
        click.echo(f"note: program {id} was retuned before its promotion; that is program {tuned[0]}", err=True)
    target = output or run.folder / "submissions" / f"{id:04d}-{task}"
    source, into = found.program.source, ""
    try:
        figures = _numbers(found)
        if base is None:
            script = complete_script(source, f"{found.name}: written by evolve, genome {found.program.digest}", figures)
        else:
            script, into = spliced(source, _text(base), figures), f"a copy of `{base.name}`"
        count = put(target, files(found, script, f"evolve {version('evolve-optimizers')}", into), force)
    except ExportError as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"{target}: " + (f"{count} files written" if count else "everything is there already"))
    if found.promoted is None:
        click.echo(f"note: no promotion on {task}, so no logs and no statistics: evolve promote {id}", err=True)
    if found.ablation is None:
        click.echo(f"note: no ablation table: evolve prune {id} measures what each part is worth", err=True)


def _text(path: Path) -> str:
    from evolve.exporting.marks import ExportError

    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ExportError(f"--base: {path} cannot be read as a text: {error}") from error


def _numbers(found: Submission) -> Numbers:
    """What is hardcoded: as the promotion had it, else as the task's full rung has it."""
    from dataclasses import asdict

    from evaluator.check import iso_steps
    from evaluator.tasks.nanogpt import FULL, TINY, NanoGPT
    from evaluator.tasks.shards import FINEWEB_VOCABULARY
    from evolve.exporting.script import Numbers

    if found.promoted is not None:
        terms = found.promoted.terms
        problem = dict(terms.conditions["problem"])
        return Numbers(terms.plan.train_steps, terms.validate_every, terms.rng_seeds[0], problem)
    tiny = found.task == "nanogpt-tiny"
    rung = NanoGPT(tiny=True).promotion_rung() if tiny else NanoGPT(Path()).promotion_rung()
    problem = {**asdict(TINY if tiny else FULL), "vocabulary": 256 if tiny else FINEWEB_VOCABULARY}
    steps = iso_steps(found.program.source) or rung.train_steps
    return Numbers(steps, rung.validate_every, rung.first_rng_seed, problem)

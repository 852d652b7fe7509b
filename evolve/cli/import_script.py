"""`evolve import`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from evolve.cli.common import clear_errors

if TYPE_CHECKING:
    from evolve.importing.convert import Asked, Imported
    from evolve.importing.source import Script


@click.command("import")
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where the genome goes, standard output by default; for several PATHs a folder.",
)
@click.option(
    "--env",
    "settings",
    multiple=True,
    metavar="K=V",
    help="An environment variable or command line argument that the script was run with; may be given several times.",
)
@click.option(
    "--claim",
    type=click.IntRange(1),
    metavar="N",
    help="The step at which the run is claimed to be done; the last one by default.",
)
@click.option("--fractions", is_flag=True, help="Rewrite absolute step numbers as fractions of train_steps.")
@click.option(
    "--check", is_flag=True, help="Run the first steps of both, small and confined, and compare their losses."
)
@clear_errors
def command(
    paths: tuple[Path, ...],
    output: Path | None,
    settings: tuple[str, ...],
    claim: int | None,
    fractions: bool,
    check: bool,
) -> None:
    """Turn benchmark scripts into genomes.

    PATH is a script of the public benchmark, or a log that begins with one. It is read, never executed, unless --check
    is given. What was found out about it goes to standard error. Exit code 1 if a script cannot be imported, or if
    --check finds that it trains differently.
    """
    from evolve.importing.convert import Asked
    from evolve.importing.settings import overrides

    for setting in settings:
        if not setting.partition("=")[0].strip() or "=" not in setting:
            raise click.UsageError(f"--env: expected NAME=VALUE; got {setting}")
    if len(paths) > 1 and (output is None or output.is_file()):
        raise click.UsageError("several scripts need a folder to go to: give it with -o")
    asked = Asked(overrides(settings), claim, fractions)
    targets = [_target(path, paths, output) for path in paths]
    _refuse_overwriting(paths, targets)
    failed = [path for path, target in zip(paths, targets, strict=True) if not _one(path, asked, target, check)]
    if failed:
        raise SystemExit(1)


def _target(path: Path, paths: tuple[Path, ...], output: Path | None) -> Path | None:
    """The file that a genome goes to."""
    if output is None or (len(paths) == 1 and not output.is_dir()):
        return output
    return output / f"{path.stem}.py"


def _refuse_overwriting(paths: tuple[Path, ...], targets: list[Path | None]) -> None:
    """Refuse to write over a script, or two genomes to one file."""
    seen: dict[Path, Path] = {}
    for path, target in zip(paths, targets, strict=True):
        if target is None:
            continue
        if any(target.resolve() == each.resolve() for each in paths):
            raise click.UsageError(f"{target} is a script itself: give another place with -o")
        other = seen.setdefault(target.resolve(), path)
        if other != path:
            raise click.UsageError(f"{other} and {path} would both go to {target}: import them one by one")


def _one(path: Path, asked: Asked, target: Path | None, check: bool) -> bool:
    """Import one script; tells whether all was well."""
    from evolve.importing.convert import imported
    from evolve.importing.errors import NotImportableError
    from evolve.importing.source import read

    text = ""
    try:
        script = read(path)
        text = script.text
        made = imported(script, asked)
    except NotImportableError as error:
        click.echo(f"{path}: not imported: {error.text(text)}", err=True)
        return False
    if target is None:
        click.echo(made.source, nl=False)
    else:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(made.source, encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"cannot write {target}: {error.strerror}") from error
    _tell(path, target, made, asked)
    return not check or _is_alike(path, script, made, asked)


def _tell(path: Path, target: Path | None, made: Imported, asked: Asked) -> None:
    """Say what was found out."""
    where = f" -> {target}" if target else ""
    bound = f", of a schedule over {made.horizon}" if made.horizon != made.steps else ""
    click.echo(f"{path}{where}: {made.steps} steps{bound}", err=True)
    if made.iso:
        click.echo(
            f"  it has absolute step numbers: it runs on rungs of {made.steps} steps alone (`evolve start "
            f"--train-steps {made.steps}`); --fractions rewrites them",
            err=True,
        )
    if made.shown:
        click.echo(f"  taken from its log: {_listed(made.shown)}", err=True)
    open_settings = {name: value for name, value in made.steered.items() if name not in asked.given}
    if open_settings:
        click.echo(
            f"  warning: it is steered from outside, and what it was run with may differ: {_listed(open_settings)}; "
            "give settings with --env",
            err=True,
        )
    unknown = [name for name in asked.given if name not in made.steered]
    if unknown:
        click.echo(f"  warning: nothing that is imported depends on {', '.join(unknown)}", err=True)
    for warning in made.warnings:
        click.echo(f"  warning: {warning}", err=True)


def _listed(values: object) -> str:
    assert hasattr(values, "items")
    return ", ".join(f"{name}={value}" for name, value in values.items())


def _is_alike(path: Path, script: Script, made: Imported, asked: Asked) -> bool:
    """Run both and compare."""
    from evaluator.rehearsal import RehearsalError
    from evolve.importing.comparing import TOLERANCE, Pair, compare
    from evolve.importing.errors import NotImportableError

    try:
        (found,) = compare([Pair(script, made, asked.given)])
    except RehearsalError as error:
        raise click.ClickException(str(error)) from error
    except NotImportableError as error:
        click.echo(f"{path}: not compared: {error.text(script.text)}", err=True)
        return False
    click.echo(f"{path}: {found.text()}", err=True)
    if found.late:
        late = ", ".join(str(step) for step in found.late)
        click.echo(f"  warning: what it does from these steps on was not seen: {late}", err=True)
    same_model = found.architecture <= TOLERANCE
    if not same_model:
        off = f"their losses with the same weights differ by {found.architecture:.2g}, relatively"
        click.echo(f"  its forward pass is not that of nanogpt, so that its results do not carry over: {off}", err=True)
    return found.equal and same_model

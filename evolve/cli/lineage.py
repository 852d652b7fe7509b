"""`evolve lineage`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from evolve.cli.common import clear_errors, reading, run_option

if TYPE_CHECKING:
    from evolve.run import Run
    from population.store import Store

FORMATS = ("tree", "html", "svg", "dot", "graphml", "mermaid", "json")


@click.command("lineage")
@click.argument("program", required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="A tree in the terminal by default, or what the ending of -o FILE says.",
)
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write to this file.")
@run_option
@clear_errors
def command(program: str | None, form: str | None, output: Path | None, folder: Path | None) -> None:
    """Show who descends from whom: all programs, or PROGRAM with its ancestors and descendants.

    The HTML page is one self-contained file: zoom, search, click a node for its change and curve.
    """
    if form is None:
        ending = output.suffix.lstrip(".") if output else "tree"
        form = {"htm": "html", "gv": "dot", "mmd": "mermaid", "txt": "tree"}.get(ending, ending)
        if form not in FORMATS:
            raise click.UsageError(f"-o: the ending of {output} says no format; expected one of {', '.join(FORMATS)}")
    if form == "html" and output is None:
        raise click.UsageError("--format html writes a file: name it with -o FILE.html")
    with reading(folder) as (run, store):
        wanted = store.resolve(program) if program is not None else None
        text = _render(run, store, wanted, form, output)
    if text is None:
        click.echo(f"wrote {output}")
    elif output is not None:
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise click.UsageError(f"cannot write {output}: {error.strerror}") from error
        click.echo(f"wrote {output}")
    elif form != "tree":
        click.echo(text, nl=False)


def _render(run: Run, store: Store, program: int | None, form: str, output: Path | None) -> str | None:
    """The text of a format; None when it went to its file, "" when the tree went to the terminal."""
    from evolve.overview import classes, standings

    best, _ = standings(store)
    best_id = best.id if best else None
    kept = None if program is None else {program, *store.ancestors(program), *store.descendants(program)}
    if form in ("dot", "graphml", "mermaid", "json"):
        from population import lineage

        listed = {line.id: line for line in store.listing(order="id") if kept is None or line.id in kept}
        path = lineage.winning_path(listed, best_id) if best_id in listed else []
        graph = lineage.graph(listed.values(), path)
        text: str = getattr(lineage, f"to_{form}")(graph)
        return text
    if kept is None:
        programs, trials, estimates = list(store.programs()), list(store.trials()), list(store.estimates())
    else:
        programs = [store.program(id) for id in sorted(kept)]
        trials = [row for id in sorted(kept) for row in store.trials(id)]
        estimates = [row for id in sorted(kept) for row in store.estimates(program=id)]
    facts = {"title": str(run.folder), "task": store.run["task"], "rng_seed": store.run["rng_seed"]}
    if form == "svg":
        from evolve.views.svg import svg_text

        return svg_text(facts, programs, trials, estimates, best_id)
    if form == "html":
        from evolve.views.page import write_page

        assert output is not None
        try:
            write_page(output, facts, programs, trials, estimates, best_id)
        except OSError as error:
            raise click.UsageError(f"cannot write {output}: {error.strerror}") from error
        return None
    from evolve.views.console import show
    from evolve.views.family import family
    from evolve.views.tables import classes_grid
    from evolve.views.tree import forest, program_tree

    relatives = family(programs, trials, estimates)
    tree = forest(relatives, best_id) if program is None else program_tree(relatives, program, best_id)
    if output is not None:
        return tree.to_text()
    found = classes(store) if program is None else ()
    show(tree, *([classes_grid(found)] if found else []))
    return ""

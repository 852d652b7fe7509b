"""One program in the terminal (`show ID`) and two compared (`diff A B`).

Must not know where programs are stored.
"""

from __future__ import annotations

from evolve.views import numbers
from evolve.views.changes import diff_lines, diff_size
from evolve.views.console import Showable
from evolve.views.curves import value_against
from evolve.views.family import FINISHED, Family
from evolve.views.grid import Column, Grid, one_line
from evolve.views.parts import part_changes
from evolve.views.source import Diff, Source
from population.rows import ProgramRow


def program_views(
    family: Family, program: int, best: int | None = None, same_as: int | None = None
) -> tuple[Showable | str, ...]:
    """`show ID`: who it is, estimates, trials, what changed against its main parent, source.

    Args:
        family: The program with its trials and estimates, and its parents with theirs.
        program: Its id.
        best: Id of the best program.
        same_as: Id of the program that it was recognised as, if it was.
    """
    row = family.by_id[program]
    parts: list[Showable | str] = [facts_grid(family, row, best), estimates_grid(family, row, same_as)]
    parts.append(trials_grid(family, row))
    parent = family.main_parent(program)
    if parent is not None:
        parts += changes_views(family.by_id[parent], row)
    return (*parts, Source(row.source))


def facts_grid(family: Family, row: ProgramRow, best: int | None) -> Grid:
    """Who a program is."""
    title = _name(row) + (" (best)" if row.id == best else "")
    made_by = f"{row.operator}, {row.component}" if row.component else row.operator
    at = f"at {numbers.duration(row.elapsed)}"
    facts = [
        ("operator", made_by),
        ("note", row.note),
        ("hypothesis", row.hypothesis if row.hypothesis != row.note else ""),
        ("class", ", ".join(part for part in (row.depth, row.provenance) if part)),
        ("island", str(row.island)),
        ("entered", at) if row.birth is None else ("born", f"birth {numbers.count(row.birth)}, {at}"),
        ("parents", ", ".join(_relative(family, parent) for parent in row.parents)),
        ("children", _children(family, row.id)),
        ("failed", family.failure(row.id).replace("_", " ")),
        ("digest", row.digest),
    ]
    rows = tuple((name, what) for name, what in facts if what)
    return Grid((Column("", style="dim"), Column("", flexible=True)), rows, title=title, headless=True)


def _relative(family: Family, id: int) -> str:
    row = family.by_id.get(id)
    if row is None:
        return f"#{id}"
    value = family.value(id)
    about = (row.name or row.operator, family.failure(id) if value is None else numbers.value(value))
    return f"#{id} ({', '.join(part for part in about if part)})"


def _children(family: Family, id: int, most: int = 6) -> str:
    children = list(family.children.get(id, ()))
    children.sort(key=lambda child: (family.value(child) is None, family.value(child) or 0.0, child))
    shown = ", ".join(_relative(family, child) for child in children[:most])
    return shown + (f" and {len(children) - most} more" if len(children) > most else "")


def estimates_grid(family: Family, row: ProgramRow, same_as: int | None = None) -> Grid:
    """Estimate per rung with its interval, and the difference to the main parent's on the same rung."""
    parent = family.main_parent(row.id)
    rows = []
    for at in family.estimates.get(row.id, ()):
        theirs = family.estimate(parent, at.rung) if parent is not None else None
        change = numbers.signed(at.mean - theirs.mean) if theirs is not None else numbers.NOTHING
        rows.append(
            (
                at.rung,
                numbers.value(at.mean),
                numbers.half_width(at.low, at.high),
                numbers.interval(at.low, at.high),
                str(at.n),
                change,
            )
        )
    columns = (
        Column("rung"),
        Column("value", "right"),
        Column("±", "right"),
        Column("95 % interval", "right"),
        Column("n", "right"),
        Column(f"against #{parent}" if parent is not None else "against parent", "right"),
    )
    missing = "none yet" if same_as is None else f"none: it trains just as #{same_as} does, so it was tried no further"
    return Grid(columns, tuple(rows), title="estimates", note="" if rows else missing)


def trials_grid(family: Family, row: ProgramRow) -> Grid:
    """Every trial; the paired difference is to the main parent's trial on the same rung and rng_seed."""
    parent = family.main_parent(row.id)
    theirs = family.trials.get(parent, ()) if parent is not None else ()
    rows, styles = [], []
    for trial in family.trials.get(row.id, ()):
        finished = trial.outcome == FINISHED
        rows.append(
            (
                trial.rung,
                str(trial.rng_seed),
                trial.outcome,
                numbers.value(trial.value if finished else None),
                numbers.signed(value_against(trial, theirs) if finished else None),
                f"{trial.wall_seconds:.1f}",
                trial.reason,
            )
        )
        styles.append("" if finished else "red")
    columns = (
        Column("rung"),
        Column("rng_seed", "right"),
        Column("outcome"),
        Column("value", "right"),
        Column("paired", "right"),
        Column("seconds", "right"),
        Column("reason", flexible=True),
    )
    note = "" if rows else "none yet"
    return Grid(columns, tuple(rows), title="trials", styles=tuple(styles), note=note)


def changes_views(old: ProgramRow, new: ProgramRow) -> tuple[Showable | str, ...]:
    """`diff A B`: changed hyperparameters and components, then the lines."""
    lines = tuple(diff_lines(old.source, new.source))
    diff = Diff(lines, _name(old), _name(new))
    changes = part_changes(old.source, new.source)
    if not lines or not changes:
        return (diff,)
    added, removed = diff_size(list(lines))
    columns = (Column("changed"), Column("name"), Column("how", flexible=True))
    rows = tuple((change.kind, change.name, change.what) for change in changes)
    title = f"changed from #{old.id} to #{new.id}: {added} lines added, {removed} removed"
    return Grid(columns, rows, title=title), diff


def _name(row: ProgramRow) -> str:
    return one_line(f"#{row.id} {row.name}")

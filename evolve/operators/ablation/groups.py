"""Cuts of parameter groups: a setting of its own goes, or two groups become one.

A setting may go if whoever reads it has a default. Of two groups, one's settings serve both; they must not ask for
anything special (a flag that only matrices can follow), nor for steps much longer than the other's.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from evolve.operators.ablation.cut import Cut, mentions_lr, short
from evolve.operators.pruning.constants import Constants
from evolve.operators.pruning.cuts import without_members
from evolve.operators.pruning.keys import Entry, dict_entries
from evolve.operators.pruning.reading import Reading, string
from evolve.operators.pruning.text import Edit

_LONGER = 4.0
"""Steps of a merged group may be this much longer than before."""


def groups(reading: Reading) -> Iterator[Cut]:
    """Every setting of a group that can go, and every pair of groups that can be merged."""
    constants = Constants(reading)
    for node in reading.nodes:
        if isinstance(node, ast.List):
            made = [(part, entries) for part in node.elts if (entries := _group(reading, part)) is not None]
            for part, entries in made:
                yield from _settings(reading, part, entries)
            if len(made) == len(node.elts):
                for kept, kept_entries in made:
                    for gone, gone_entries in made:
                        if kept is not gone and _may_serve(constants, kept_entries, gone_entries):
                            yield _merged(reading, node, (kept, kept_entries), (gone, gone_entries))


def _group(reading: Reading, node: ast.expr) -> dict[str, Entry] | None:
    entries = {entry.key: entry for entry in dict_entries(reading, node) or []}
    return entries if "params" in entries else None


def _label(reading: Reading, entries: dict[str, Entry]) -> str:
    return f"recipe.group({short(reading, entries['params'].value)})"


def _settings(reading: Reading, node: ast.expr, entries: dict[str, Entry]) -> Iterator[Cut]:
    for key, entry in entries.items():
        if key != "params" and not mentions_lr(ast.Constant(key)) and _has_default(reading, key, node):
            what = f"own setting `{key}={short(reading, entry.value)}`"
            edits = without_members(reading, node, [entry.element])
            yield Cut("group", _label(reading, entries), what, tuple(edits))


def _has_default(reading: Reading, key: str, group: ast.expr) -> bool:
    """Whether a group without this key works: it is asked for with `.get`, or an optimizer's defaults hold it."""
    reads = [n for n in reading.nodes if isinstance(n, ast.Subscript) and string(n.slice) == key]
    if not any(isinstance(n.ctx, ast.Load) for n in reads):
        return True
    makers = (n for n in reading.nodes if isinstance(n, ast.Dict | ast.Call) and n is not group)
    for node in makers:
        keys = [entry.key for entry in dict_entries(reading, node) or []]
        if key in keys and "params" not in keys and reading.inside(node, ast.ClassDef) is not None:
            return True
    return False


def _may_serve(constants: Constants, kept: dict[str, Entry], gone: dict[str, Entry]) -> bool:
    """Whether one group's settings can serve another's parameters as well."""
    if not set(kept) <= set(gone):
        return False
    if "lr" not in kept:
        return True
    if all(constants.is_same(kept[key].value, gone[key].value) for key in kept if key != "params"):
        return len(kept) < len(gone)  # the same settings: a merger would change nothing
    rates = constants.value(kept["lr"].value), constants.value(gone["lr"].value)
    known = isinstance(rates[0], int | float) and isinstance(rates[1], int | float)
    return known and float(rates[0]) <= _LONGER * float(rates[1])  # type: ignore[arg-type]


def _merged(
    reading: Reading,
    owner: ast.List,
    kept: tuple[ast.expr, dict[str, Entry]],
    gone: tuple[ast.expr, dict[str, Entry]],
) -> Cut:
    text = reading.text
    both = [kept[1]["params"].value, gone[1]["params"].value]
    joined = f"[{', '.join(_spread(reading, part) for part in both)}]"
    without = without_members(reading, owner, [gone[0]])
    what = f"settings of its own; it joins `{_label(reading, kept[1])}`"
    return Cut("group", _label(reading, gone[1]), what, (Edit(*text.span(both[0]), joined), *without))


def _spread(reading: Reading, params: ast.expr) -> str:
    """The members of a list, to stand in another one."""
    if isinstance(params, ast.List):
        return ", ".join(reading.text.of(member) for member in params.elts)
    return f"*{reading.text.of(params)}"

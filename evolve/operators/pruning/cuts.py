"""Edits that remove statements, and members of calls, dicts, signatures, imports and the like."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from evolve.operators.pruning.reading import Function, Reading
from evolve.operators.pruning.text import Edit


def without_statements(reading: Reading, gone: list[ast.stmt]) -> list[Edit]:
    """Edits that remove statements anywhere in a genome."""
    blocks: dict[int, tuple[list[ast.stmt], list[ast.stmt]]] = {}
    for statement in gone:
        body = reading.block(statement)
        blocks.setdefault(id(body), (body, []))[1].append(statement)
    return [edit for body, members in blocks.values() for edit in reading.text.without(body, members)]


def without_members(reading: Reading, owner: ast.AST, nodes: Sequence[object], names: Sequence[str] = ()) -> list[Edit]:
    """Edits that remove some, not all, members of a call, dict, signature, import, declaration or `a, b = x, y`.

    Args:
        reading: The genome.
        owner: What the members belong to.
        nodes: The members: values, keywords, entries of a dict as (key, value), arguments, aliases, target names.
        names: For `global` and `nonlocal`: the names to remove.
    """
    text = reading.text
    match owner:
        case ast.Call():
            given: list[ast.expr | ast.keyword] = sorted([*owner.args, *owner.keywords], key=text.span)
            opening = text.source.index("(", text.span(owner.func)[1])
            gone = [i for i, member in enumerate(given) if member in nodes]
            return text.without_members(opening, [text.span(member) for member in given], gone)
        case ast.Dict():
            entries = list(zip(owner.keys, owner.values, strict=True))
            gone = [i for i, entry in enumerate(entries) if entry in nodes]
            return text.without_members(text.span(owner)[0], [text.span(entry) for entry in entries], gone)
        case ast.List():
            gone = [i for i, member in enumerate(owner.elts) if member in nodes]
            return text.without_members(text.span(owner)[0], [text.span(member) for member in owner.elts], gone)
        case ast.arguments():
            return _without_arguments(reading, owner, [node for node in nodes if isinstance(node, ast.arg)])
        case ast.Global() | ast.Nonlocal():
            word = "global" if isinstance(owner, ast.Global) else "nonlocal"
            kept = ", ".join(name for name in owner.names if name not in names)
            return [Edit(*text.span(owner), f"{word} {kept}")]
        case ast.Import() | ast.ImportFrom():
            return _without_aliases(reading, owner, [node for node in nodes if isinstance(node, ast.alias)])
        case ast.Assign(targets=[ast.Tuple() as targets], value=ast.Tuple() as values):
            stay = [i for i, name in enumerate(targets.elts) if name not in nodes]
            return [_tuple(reading, targets, stay), _tuple(reading, values, stay)]
        case _:
            raise TypeError(f"members of a {type(owner).__name__} cannot be removed")


def _tuple(reading: Reading, whole: ast.Tuple, kept: list[int]) -> Edit:
    parts = [reading.text.of(whole.elts[i]) for i in kept]
    return Edit(*reading.text.span(whole), ", ".join(parts))


def _without_aliases(reading: Reading, owner: ast.Import | ast.ImportFrom, gone: list[ast.alias]) -> list[Edit]:
    text = reading.text
    start, end = text.span(owner)
    if text.source[end - 1] == ")":
        opening = text.source.index("(", start)
        spans = [text.span(alias) for alias in owner.names]
        return text.without_members(opening, spans, [i for i, alias in enumerate(owner.names) if alias in gone])
    kept = ", ".join(text.of(alias) for alias in owner.names if alias not in gone)
    return [Edit(text.span(owner.names[0])[0], end, kept)]


def _without_arguments(reading: Reading, signature: ast.arguments, gone: list[ast.arg]) -> list[Edit]:
    """Remove arguments; the bare `*` goes with the last keyword-only one."""
    text = reading.text
    function = reading.parent[signature]
    assert isinstance(function, Function)
    opening = text.source.index("(", text.offset(function.lineno, function.col_offset))
    positional, defaults = [*signature.posonlyargs, *signature.args], list(signature.defaults)
    spans: list[tuple[int, int]] = []
    removed: list[int] = []
    padded = [None] * (len(positional) - len(defaults)) + defaults
    for argument, default in zip(positional, padded, strict=True):
        removed += [len(spans)] if argument in gone else []
        spans.append((text.span(argument)[0], text.span(default or argument)[1]))
    if signature.kwonlyargs:
        star = text.star(opening, spans)
        removed += [len(spans)] if all(argument in gone for argument in signature.kwonlyargs) else []
        spans.append((star, star + 1))
    for argument, default in zip(signature.kwonlyargs, signature.kw_defaults, strict=True):
        removed += [len(spans)] if argument in gone else []
        spans.append((text.span(argument)[0], text.span(default or argument)[1]))
    return text.without_members(opening, spans, removed)

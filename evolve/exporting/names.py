"""Names that a genome and the script around it would take from each other. Syntax trees only."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from evolve.exporting.marks import ExportError


def check_names(genome: str, around: str) -> None:
    """Refuse a genome whose names would change what the script does, or the other way round.

    Args:
        genome: The genome.
        around: The script without it.

    Raises:
        ExportError: There are such names.
    """
    clash = clashes(genome, around)
    if clash:
        raise ExportError(
            f"the genome and the script around it both use the names {', '.join(clash)}: rename them in the genome"
        )


def clashes(genome: str, around: str) -> list[str]:
    """Names that a genome binds at its top level and that the script around it uses for something else."""
    inside, outside = ast.parse(genome), ast.parse(around)
    shared = {name for name in _bound(inside) if name != "recipe"}
    same = set(_imports(inside)) & set(_imports(outside))
    theirs = _bound(outside) | _loaded(outside)
    return sorted(shared & theirs - {name for name, _ in same} - _only_imported(outside))


def given_way(text: str, names: Iterable[str]) -> str:
    """Our own text with other names for some: those in strings, attributes and keyword arguments stay.

    It relies on how that text is written: spaces around the sign of an assignment, none around that of a keyword.
    """
    for name in names:
        text = re.sub(rf"(?<![\w.\"'/]){re.escape(name)}(?!\w|=(?!=)|:\{{|[\"'/])", f"{name}_", text)
    return text


def mentions(genome: str, word: str) -> bool:
    """Whether a genome names something: as a variable, an argument, a function or a key."""
    for node in ast.walk(ast.parse(genome)):
        match node:
            case ast.Name(id=name) | ast.keyword(arg=name) | ast.arg(arg=name) | ast.FunctionDef(name=name):
                if name == word:
                    return True
            case ast.Constant(value=str() as text) if text == word:
                return True
    return False


def _bound(tree: ast.Module) -> set[str]:
    """Names that a module binds at its top level, in whatever blocks."""
    found: set[str] = set()
    todo: list[ast.AST] = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
            continue
        if isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {name for name, _ in _import(node)}
        todo += ast.iter_child_nodes(node)
    return found


def _loaded(tree: ast.Module) -> set[str]:
    """Names that are read anywhere, variables of functions included: rather too many than too few."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}


def _only_imported(tree: ast.Module) -> set[str]:
    """Names that a script imports and never reads: the genome may have them."""
    bound = {name for name, _ in _imports(tree)}
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    return bound - stored - _loaded(tree)


def _imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from _import(node)


def _import(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """Names that a statement binds, each with what it stands for."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield alias.asname or alias.name, f"{node.module}.{alias.name}"
        elif alias.asname:
            yield alias.asname, alias.name
        else:
            first = alias.name.partition(".")[0]
            yield first, first

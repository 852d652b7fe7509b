"""Which hyperparameters of a genome can matter: a default that every call overrides, say, cannot.

Judged by the syntax tree alone, and as "can matter" where in doubt. This module must not know what is done
with the answer, nor import torch.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from population.components import Hyperparameter, hyperparameters
from population.genome import parse
from population.syntax import byte_span, line_starts


def effective(source: str) -> tuple[Hyperparameter, ...]:
    """The hyperparameters that something reads, in order.

    Left out: constants that no expression reads, and defaults of functions and classes whose every call in
    the genome gives another value.

    Raises:
        GenomeError: As `population.genome.parse`.
    """
    tree, starts = parse(source), line_starts(source.encode())
    dead = [byte_span(node, starts) for node in (*_unread_constants(tree), *_overridden_defaults(tree))]
    return tuple(
        part
        for part in hyperparameters(source)
        if not any(first <= part.span[0] and part.span[1] <= last for first, last in dead)
    )


def _unread_constants(tree: ast.Module) -> Iterator[ast.expr]:
    """Values of top-level names that nothing reads."""
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    for statement in tree.body:
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name not in read:
                yield value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if name not in read:
                yield value


def _overridden_defaults(tree: ast.Module) -> Iterator[ast.expr]:
    """Defaults of top-level functions and of constructors that every call replaces."""
    uses: dict[str, int] = {}
    calls: dict[str, list[ast.Call]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            uses[node.id] = uses.get(node.id, 0) + 1
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            calls.setdefault(node.func.id, []).append(node)
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            makers = [part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"]
            arguments, bound = (makers[0].args, 1) if makers else (None, 0)
        elif isinstance(node, ast.FunctionDef):
            arguments, bound = node.args, 0
        else:
            continue
        own = calls.get(node.name, [])
        if arguments is None or not own or uses.get(node.name, 0) != len(own):
            continue  # never called, or handed on as a value: anybody may call it
        for place, name, default in _defaults(arguments):
            if all(_gives(call, place - bound, name) for call in own):
                yield default


def _defaults(arguments: ast.arguments) -> Iterator[tuple[int, str, ast.expr]]:
    """(position, name, default) of each argument that has one; keyword-only ones stand out of reach."""
    positional = [*arguments.posonlyargs, *arguments.args]
    first = len(positional) - len(arguments.defaults)
    for place, default in enumerate(arguments.defaults, start=first):
        yield place, positional[place].arg, default
    for argument, maybe in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if maybe is not None:
            yield 1_000_000, argument.arg, maybe


def _gives(call: ast.Call, place: int, name: str) -> bool:
    if any(isinstance(argument, ast.Starred) for argument in call.args):
        return False
    return len(call.args) > place or any(keyword.arg == name for keyword in call.keywords)

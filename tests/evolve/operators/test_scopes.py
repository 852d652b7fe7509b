"""The resolver against Python's own symbol table."""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.operators.pruning.scopes import Scope, Scopes

PROGRAMS = {p.stem: p.read_text() for p in sorted(Path(__file__).parents[3].glob("seed_programs/[a-z]*.py"))}

NESTED = """
import os.path as where, sys
LIMIT = 3
class Outer(Base, metaclass=type):
    limit = LIMIT
    sizes = [limit_ * LIMIT for limit_ in range(limit)]
    def method(self, x: Base = LIMIT, *rest, key=limit, **more) -> Outer:
        global COUNT
        COUNT = x
        def inner(y=x):
            nonlocal x
            x = [x for x in rest if (last := x)]
            return lambda z, *, w=y: z + w + last_of + self.limit
        for i, (j, *k) in enumerate(rest):
            with open(i) as handle, handle as j:
                i += 1
        try:
            del j
        except ValueError as error:
            raise error
        match x:
            case [first, *others]:
                return {a: b for a, b in more.items() if a in COUNT}
            case {"k": value, **remaining}:
                return (c for c in value)
            case Outer(limit=bound) | bound:
                return inner
COUNT = 0
"""


def expected(table: symtable.SymbolTable) -> Iterator[tuple[str, str, str]]:
    """(scope, name, kind) of every name that Python's compiler lists, `global` for module and builtin names."""
    for symbol in table.get_symbols():
        if symbol.get_name().startswith("."):
            continue  # the hidden argument of a comprehension
        if table.get_type() == "module":
            yield "module", symbol.get_name(), "local" if symbol.is_local() or symbol.is_assigned() else "global"
        else:
            kind = "global" if symbol.is_global() else "free" if symbol.is_free() else "local"
            yield f"{table.get_name()}:{table.get_lineno()}", symbol.get_name(), kind
    for child in table.get_children():
        yield from expected(child)


_NAMES = {ast.Lambda: "lambda", ast.ListComp: "listcomp", ast.DictComp: "dictcomp", ast.GeneratorExp: "genexpr"}


def label(scope: Scope) -> str:
    node = scope.node
    if isinstance(node, ast.Module):
        return "module"
    name = getattr(node, "name", None) or _NAMES.get(type(node), "setcomp")
    return f"{name}:{getattr(node, 'lineno', 0)}"


def found(source: str) -> set[tuple[str, str, str]]:
    tree = ast.parse(source)
    scopes = Scopes(tree)
    inside: dict[ast.AST, Scope] = {}
    for scope, name, node, _ in scopes.events:
        inside[node] = scope
        assert scopes.of[node].name == name
    kinds = set()
    for node, scope in inside.items():
        binding = scopes.of[node]
        if isinstance(scope.node, ast.Module):
            kind = "local" if binding.scope is scope else "global"
        elif binding.scope is scope:
            kind = "local"
        else:
            kind = "global" if binding.scope is None or isinstance(binding.scope.node, ast.Module) else "free"
        kinds.add((label(scope), binding.name, kind))
    return kinds


def unknown_to_python(source: str) -> set[tuple[str, str, str]]:
    """What we say and the compiler does not; from Python 3.12 on it has no scopes for most comprehensions."""
    table = set(expected(symtable.symtable(source, "<genome>", "exec")))
    scopes = {scope for scope, _, _ in table}
    return {row for row in found(source) if row not in table and row[0] in scopes}


@pytest.mark.parametrize("source", [NESTED, *PROGRAMS.values()], ids=["nested", *PROGRAMS])
def test_every_name_means_what_the_compiler_says(source: str) -> None:
    assert unknown_to_python(source) == set()


def test_loads_and_stores_are_listed_in_source_order() -> None:
    scopes = Scopes(ast.parse("x = 1\ny = x\nx = x + y\nx += 1\n"))
    x = scopes.module.names["x"]
    assert [(node.lineno, node.col_offset) for node in x.stores] == [(1, 0), (3, 0), (4, 0)]  # type: ignore[attr-defined]
    assert [(node.lineno, node.col_offset) for node in x.loads] == [(2, 4), (3, 4)]


names = st.sampled_from(["a", "b", "c"])


@st.composite
def bodies(draw: st.DrawFn, depth: int = 0) -> list[str]:
    """Random nestings of functions, classes and comprehensions over three names."""
    lines: list[str] = []
    for _ in range(draw(st.integers(1, 3))):
        one, two = draw(names), draw(names)
        kind = draw(st.sampled_from(["set", "read", "comp", "lambda", "def", "class"]))
        if kind == "set":
            lines.append(f"{one} = {two}")
        elif kind == "read":
            lines.append(f"print({one})")
        elif kind == "comp":
            lines.append(f"{two} = [{one} for {one} in {two} if {draw(names)}]")
        elif kind == "lambda":
            lines.append(f"{one} = lambda {two}={one}: {two} + {draw(names)}")
        elif depth < 3:
            head = f"def {one}({two}={draw(names)}):" if kind == "def" else f"class {one}:"
            lines += [head, *(f"    {line}" for line in draw(bodies(depth + 1)))]
    return lines or ["pass"]


@settings(max_examples=60, deadline=None)
@given(bodies())
def test_random_nestings_mean_what_the_compiler_says(lines: list[str]) -> None:
    source = "\n".join(lines) + "\n"
    assert unknown_to_python(source) == set()

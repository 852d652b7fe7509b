"""Questions about syntax trees that several steps ask."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from evolve.blocks import blocks

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def words(text: str) -> frozenset[str]:
    """A set of words."""
    return frozenset(text.split())


def dotted(node: ast.AST) -> str:
    """`a.b.c` as a text, or "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        base = dotted(node.value)
        return f"{base}.{node.attr}" if base else ""
    return ""


def root(node: ast.AST) -> str:
    """The variable that attributes and items are taken of, or "": `a` of `a.b[0].c`."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def called(node: ast.AST) -> str:
    """Dotted name of what an expression calls, or ""."""
    return dotted(node.func) if isinstance(node, ast.Call) else ""


def method(node: ast.AST) -> str:
    """Last part of the name of what an expression calls, or ""."""
    if not isinstance(node, ast.Call):
        return ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else dotted(node.func)


def parents(tree: ast.AST) -> dict[ast.AST, ast.AST]:
    """The node around each node; operators, which are shared, left out."""
    return {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}


def follows(node: ast.AST, statement: ast.AST, body: list[ast.stmt], parent: Mapping[ast.AST, ast.AST]) -> bool:
    """Whether a node stands in a later statement of a block than a given one."""
    around: ast.AST | None = node
    places = {id(each): index for index, each in enumerate(body)}
    while around is not None and id(around) not in places:
        around = parent.get(around)
    return around is not None and places[id(around)] > places.get(id(statement), len(body))


def walk_own(node: ast.AST) -> Iterator[ast.AST]:
    """A node and what is in it, but not the bodies of functions, classes and lambdas inside of it."""
    stack = [node]
    while stack:
        current = stack.pop()
        yield current
        if current is not node and isinstance(current, Definition | ast.Lambda):
            continue
        stack.extend(ast.iter_child_nodes(current))


def calls(node: ast.AST) -> list[ast.Call]:
    """All calls inside a node."""
    return [each for each in ast.walk(node) if isinstance(each, ast.Call)]


def own_calls(node: ast.AST) -> list[ast.Call]:
    """All calls inside a node but those in functions that it only defines."""
    return [each for each in walk_own(node) if isinstance(each, ast.Call)]


def string(node: ast.AST | None) -> str | None:
    """The value of a literal string, or None."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def literal(value: object) -> ast.expr | None:
    """An expression for a plain value; None if it has none."""
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        return ast.parse(f'float("{value}")', mode="eval").body
    if value is None or isinstance(value, bool | int | float | str):
        return ast.parse(repr(value), mode="eval").body
    if isinstance(value, list | tuple):
        parts = [literal(each) for each in value]
        if any(part is None for part in parts):
            return None
        elements = [part for part in parts if part is not None]
        return ast.List(elements, ast.Load()) if isinstance(value, list) else ast.Tuple(elements, ast.Load())
    if isinstance(value, set | frozenset):
        members = [literal(each) for each in sorted(value, key=repr)]
        if any(part is None for part in members):
            return None
        kept = [part for part in members if part is not None]
        return ast.Set(kept) if kept else ast.Call(ast.Name("set", ast.Load()), [], [])
    if isinstance(value, dict):
        pairs = [(literal(key), literal(each)) for key, each in value.items()]
        if any(key is None or each is None for key, each in pairs):
            return None
        return ast.Dict([key for key, _ in pairs], [each for _, each in pairs if each is not None])
    return None


def names_loaded(node: ast.AST) -> set[str]:
    """Names that a node reads, its inner functions included."""
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}


def names_bound(statement: ast.stmt) -> set[str]:
    """Names that a statement binds in its own scope."""
    if isinstance(statement, Definition):
        return {statement.name}
    found: set[str] = set()
    for node in walk_own(statement):
        if isinstance(node, Definition):
            found.add(node.name)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name.split(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
    for node in walk_own(statement):
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            inner = {n.id for g in node.generators for n in ast.walk(g.target) if isinstance(n, ast.Name)}
            outside = {
                n.id
                for n in walk_own(statement)
                if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load) and not _in_comprehension(statement, n)
            }
            found -= inner - outside
    return found


def made_inside(function: Function) -> frozenset[str]:
    """Variables of a function that never are anything but new containers: `found = {}`."""
    made: set[str] = set()
    places: set[int] = set()
    other: set[str] = set()
    for node in ast.walk(function):
        match node:
            case (
                ast.Assign(targets=[ast.Name() as target], value=value)
                | ast.AnnAssign(target=ast.Name() as target, value=value)
            ) if isinstance(value, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp):
                made.add(target.id)
                places.add(id(target))
            case ast.ExceptHandler(name=str(name)) | ast.alias(asname=str(name)) | ast.alias(name=name):
                other.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                other.add(name)
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in places:
            other.add(node.id)
    return frozenset(made - other)


def _in_comprehension(statement: ast.stmt, name: ast.Name) -> bool:
    for node in walk_own(statement):
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            for generator in node.generators:
                if any(each is name for each in ast.walk(generator.target)):
                    return True
    return False


def definitions_in(tree: ast.Module) -> list[Definition]:
    """Functions and classes at module level, in order, those under conditions included."""
    found: list[Definition] = []
    for statement in tree.body:
        if isinstance(statement, Definition):
            found.append(statement)
        elif isinstance(statement, ast.If | ast.Try):
            found += [each for block in blocks(statement) for each in block if isinstance(each, Definition)]
    return found


def same(left: ast.AST, right: ast.AST) -> bool:
    """Whether two nodes say the same."""
    return ast.dump(left) == ast.dump(right)


class Renamed(ast.NodeTransformer):
    """Puts another expression in the place of each equal one that is read."""

    def __init__(self, old: ast.expr, new: ast.expr) -> None:
        self._old, self._new = ast.dump(old), new

    def visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, ast.expr) and ast.dump(node) == self._old:
            return ast.copy_location(copy.deepcopy(self._new), node)
        return super().visit(node)  # type: ignore[no-any-return]


class Named(ast.NodeTransformer):
    """Gives a variable another name wherever it is spelled: as a variable, an argument, a keyword."""

    def __init__(self, old: str, new: str) -> None:
        self._old, self._new = old, new

    @staticmethod
    def is_taken(tree: ast.AST, name: str) -> bool:
        """Whether something in a tree binds a variable or an argument of that name."""
        return any(
            (isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load))
            or (isinstance(node, ast.arg) and node.arg == name)
            for node in ast.walk(tree)
        )

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id == self._old:
            node.id = self._new
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        if node.arg == self._old:
            node.arg = self._new
        return node

    def visit_keyword(self, node: ast.keyword) -> ast.AST:
        self.generic_visit(node)
        if node.arg == self._old:
            node.arg = self._new
        return node

    def visit_Global(self, node: ast.Global) -> ast.AST:
        node.names = self._renamed(node.names)
        return node

    def visit_Nonlocal(self, node: ast.Nonlocal) -> ast.AST:
        node.names = self._renamed(node.names)
        return node

    def _renamed(self, names: list[str]) -> list[str]:
        return [self._new if name == self._old else name for name in names]

"""The form of a genome: what is left when nobody's choice of names counts, nor where a constant is written.

Two genomes of one form are the same program written otherwise; the reverse does not hold: names that Python looks up in
more ways than one (in class bodies, as keywords, as globals, among its own) stay as they are. Must not run a genome or
know what its parts mean.
"""

from __future__ import annotations

import ast
import builtins
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from population.genome import parse, tree_digest

_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_BINDS_OTHERWISE = (ast.Match, ast.AsyncFunctionDef)
"""What has no place in an optimizer and rules of its own: a genome with one of these keeps all its names."""
_KEPT_PARAMETERS = "recipe"
"""The function whose parameters' names belong to the contract."""


def form(source: str) -> str:
    """Digest of a genome's form: 20 hexadecimal characters.

    Renamed are variables, functions and classes, and parameters that nobody passes by keyword; a module constant that
    is a plain value stands where it is used. Attributes, keys, annotations and imported names stay.

    Raises:
        population.genome.GenomeError: As `population.genome.parse`.
    """
    tree = parse(source)
    nodes = list(ast.walk(tree))
    if any(isinstance(node, _BINDS_OTHERWISE) for node in nodes):
        return tree_digest(tree)
    return tree_digest(_Renamer(tree, nodes).visit(tree))


@dataclass
class _Scope:
    """A piece of program with names of its own.

    Attributes:
        bound: Names that it binds.
        fixed: Those among them that keep their names.
        hidden: Whether functions inside do not see its names: a class body.
        numbers: New name by name, given in the order of first use.
    """

    bound: set[str]
    fixed: set[str] = field(default_factory=set)
    hidden: bool = False
    numbers: dict[str, int] = field(default_factory=dict)


class _Renamer(ast.NodeTransformer):
    """Rewrites a tree to its form, in place."""

    def __init__(self, tree: ast.Module, nodes: Sequence[ast.AST]) -> None:
        self._spoken = {node.arg for node in nodes if isinstance(node, ast.keyword) and node.arg}
        self._spoken |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
        self._splats = any(isinstance(node, ast.keyword) and node.arg is None for node in nodes)
        self._kept = _kept(nodes)
        own = _names(tree.body)
        self._constants = _constants(tree, own, self._kept)
        self._scopes = [_Scope(own.bound, {_KEPT_PARAMETERS})]
        self._count = 0

    def visit_Module(self, node: ast.Module) -> ast.Module:
        node.body = [line for line in node.body if not self._is_inlined(line)]
        self.generic_visit(node)
        return node

    def visit_Name(self, node: ast.Name) -> ast.expr:
        scope = self._home(node.id)
        if scope is self._scopes[0] and node.id in self._constants:
            return self._constants[node.id]
        node.id = self._new(scope, node.id)
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        return _plain(node) or node

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.arg = self._new(self._scopes[-1], node.arg)
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.ExceptHandler:
        if node.name:
            node.name = self._new(self._home(node.name), node.name)
        self.generic_visit(node)
        return node

    def visit_Global(self, node: ast.Global | ast.Nonlocal) -> ast.AST:
        node.names = [self._new(self._home(name), name) for name in node.names]
        return node

    visit_Nonlocal = visit_Global

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        name = node.name
        node.name = self._new(self._home(name), name)
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        self._defaults(node.args)
        node.returns = node.returns and self.visit(node.returns)
        kept = {
            each.arg
            for each in _parameters(node.args)
            if name == _KEPT_PARAMETERS or self._splats or each.arg in self._spoken
        }
        own = _names(node.body)
        bound = {each.arg for each in _parameters(node.args)} | own.bound
        self._scopes.append(_Scope(bound - own.elsewhere, kept))
        self._visit_parameters(node.args)
        node.body = [self.visit(line) for line in node.body]
        self._scopes.pop()
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.Lambda:
        self._defaults(node.args)
        names = {each.arg for each in _parameters(node.args)}
        self._scopes.append(_Scope(names | _names([node.body]).bound, names if self._splats else names & self._spoken))
        self._visit_parameters(node.args)
        node.body = self.visit(node.body)
        self._scopes.pop()
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        node.name = self._new(self._home(node.name), node.name)
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        node.bases = [self.visit(each) for each in node.bases]
        node.keywords = [self.visit(each) for each in node.keywords]
        bound = _names(node.body).bound
        self._scopes.append(_Scope(bound, bound, hidden=True))
        node.body = [self.visit(line) for line in node.body]
        self._scopes.pop()
        return node

    def _visit_comprehension(self, node: ast.AST) -> ast.AST:
        generators: list[ast.comprehension] = node.generators  # type: ignore[attr-defined]
        generators[0].iter = self.visit(generators[0].iter)  # Python evaluates it outside
        targets = {name.id for each in generators for name in ast.walk(each.target) if isinstance(name, ast.Name)}
        self._scopes.append(_Scope(targets))
        for place, each in enumerate(generators):
            each.target = self.visit(each.target)
            each.iter = each.iter if place == 0 else self.visit(each.iter)
            each.ifs = [self.visit(test) for test in each.ifs]
        for part in ("elt", "key", "value"):
            if hasattr(node, part):
                setattr(node, part, self.visit(getattr(node, part)))
        self._scopes.pop()
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _visit_comprehension

    def _visit_parameters(self, arguments: ast.arguments) -> None:
        for each in _parameters(arguments):
            self.visit(each)

    def _defaults(self, arguments: ast.arguments) -> None:
        """Defaults and annotations belong to the scope around the function."""
        for each in _parameters(arguments):
            each.annotation = each.annotation and self.visit(each.annotation)
        arguments.defaults = [self.visit(each) for each in arguments.defaults]
        arguments.kw_defaults = [each and self.visit(each) for each in arguments.kw_defaults]

    def _home(self, name: str) -> _Scope | None:
        """The scope that a name belongs to, or None for a name of Python's own."""
        for scope in reversed(self._scopes):
            if name in scope.bound and (not scope.hidden or scope is self._scopes[-1]):
                return scope
        return None

    def _new(self, scope: _Scope | None, name: str) -> str:
        if scope is None or name in scope.fixed or name in self._kept:
            return name
        if name not in scope.numbers:
            self._count += 1
            scope.numbers[name] = self._count
        return f"${scope.numbers[name]}"

    def _is_inlined(self, line: ast.stmt) -> bool:
        target = _target(line)
        return target is not None and target in self._constants


def _kept(nodes: Sequence[ast.AST]) -> set[str]:
    """Names that Python looks up in more ways than one: they stay wherever they occur."""
    found = set(dir(builtins))
    for node in nodes:
        match node:
            case ast.ClassDef(body=body):
                found |= _names(body).bound
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                found |= set(names)
            case ast.alias(name=name, asname=asname):
                found.add(asname or name.partition(".")[0])
            case ast.ExceptHandler(name=str(name)) | ast.Name(id=name, ctx=ast.Del()):
                found.add(name)
            case ast.Name(id=name) if name.startswith("__"):
                found.add(name)
    return found


def _constants(tree: ast.Module, own: _Names, kept: set[str]) -> dict[str, ast.Constant]:
    """Plain values of the module that are bound once and for all, and before they can be used.

    Args:
        tree: The module.
        own: Its own names.
        kept: Names that stay.
    """
    found: dict[str, ast.Constant] = {}
    used: set[str] = set()
    for line in tree.body:
        name = _target(line)
        value = _plain(line.value) if name and isinstance(line, ast.Assign) else None
        if name and value is not None and own.stored[name] == 1 and name not in kept and name not in used:
            found[name] = value
        used |= _used_at_once(line)
    return found


def _used_at_once(line: ast.stmt) -> set[str]:
    """Names that running a line of the module looks up itself: those in functions' bodies wait for a call."""
    todo: list[ast.AST] = [line]
    names: set[str] = set()
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Name):
            names.add(node.id)
        if isinstance(node, ast.FunctionDef):
            todo += [*node.decorator_list, *node.args.defaults, *(each for each in node.args.kw_defaults if each)]
        else:
            todo.extend(ast.iter_child_nodes(node))
    return names


def _target(line: ast.stmt) -> str | None:
    match line:
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return None


def _plain(node: ast.expr) -> ast.Constant | None:
    """A constant, or one with a sign before it."""
    match node:
        case ast.Constant(value=int() | float() | str() | None):
            return node
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return ast.copy_location(ast.Constant(-value), node)
    return None


def _parameters(arguments: ast.arguments) -> list[ast.arg]:
    rest = [each for each in (arguments.vararg, arguments.kwarg) if each]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *rest]


@dataclass
class _Names:
    """The names of a scope.

    Attributes:
        stored: How often each is bound by a statement or expression.
        imported: Names of modules and what comes from them.
        elsewhere: Names that the scope says belong elsewhere.
    """

    stored: Counter[str] = field(default_factory=Counter)
    imported: set[str] = field(default_factory=set)
    elsewhere: set[str] = field(default_factory=set)

    @property
    def bound(self) -> set[str]:
        return self.stored.keys() | self.imported


def _names(lines: Iterable[ast.AST]) -> _Names:
    """The names of a scope; scopes inside have their own, but for walrus targets in comprehensions."""
    found = _Names()
    todo = list(lines)
    while todo:
        node = todo.pop()
        match node:
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.ExceptHandler(name=str(name)):
                found.stored[name] += 1
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.stored[name] += 1
                continue
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                found.imported |= {alias.asname or alias.name.partition(".")[0] for alias in aliases}
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                found.elsewhere |= set(names)
            case ast.Lambda():
                continue
        if isinstance(node, _COMPREHENSIONS):
            todo.extend(each for each in ast.walk(node) if isinstance(each, ast.NamedExpr))
        elif not isinstance(node, ast.Name | ast.Constant | ast.expr_context | ast.operator):
            todo.extend(ast.iter_child_nodes(node))
    return found

"""Which binding every name of a genome means, by Python's own rules of scope.

Closures, class bodies, comprehensions, `global` and `nonlocal` are resolved as the compiler does. This module must not
know what a binding is used for.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias


@dataclass(eq=False)
class Binding:
    """One variable: a name in one scope.

    Attributes:
        name: The name.
        scope: The scope that owns it; None for a builtin, or a name that the genome never binds.
        stores: Nodes that bind it, in source order: names, arguments, definitions, imports, handlers.
        loads: Names that read it, in source order; the target of `x += 1` is a store only.
    """

    name: str
    scope: Scope | None
    stores: list[ast.AST] = field(default_factory=list)
    loads: list[ast.Name] = field(default_factory=list)


@dataclass(eq=False)
class Scope:
    """A module, class, function, lambda or comprehension.

    Attributes:
        node: The syntax-tree node that opens it.
        parent: The scope around it.
        names: Variables that it owns.
    """

    node: ast.AST
    parent: Scope | None
    names: dict[str, Binding] = field(default_factory=dict)
    globals: set[str] = field(default_factory=set)
    nonlocals: set[str] = field(default_factory=set)

    def around(self) -> Iterator[Scope]:
        """This scope and those around it, from the inside out."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent


Event: TypeAlias = tuple[Scope, str, ast.AST, bool]
"""A scope, a name in it, the node, and whether it binds the name."""


class Scopes(ast.NodeVisitor):
    """All scopes and bindings of a module.

    Attributes:
        module: The outermost scope.
        bindings: Every variable, in order of first appearance.
        events: Every mention of a name, in the order of the walk.
        of: The binding that a name, argument, definition, import or handler means; imports by alias node.
    """

    def __init__(self, tree: ast.Module) -> None:
        self.module = Scope(tree, None)
        self.bindings: list[Binding] = []
        self.of: dict[ast.AST, Binding] = {}
        self.scope_of: dict[ast.AST, Scope] = {tree: self.module}
        self._builtins: dict[str, Binding] = {}
        self.events: list[Event] = []
        self._scope = self.module
        for statement in tree.body:
            self.visit(statement)
        stores = [event for event in self.events if event[3]]
        for scope, name, _, _ in stores:
            if name not in scope.globals and name not in scope.nonlocals:
                self._own(scope, name)
        for scope, name, _, _ in stores:
            if name in scope.globals:
                self._own(self.module, name)
        for scope, name, node, is_store in self.events:
            binding = self._resolve(scope, name)
            self.of[node] = binding
            if is_store:
                binding.stores.append(node)
            elif isinstance(node, ast.Name):
                binding.loads.append(node)

    def _own(self, scope: Scope, name: str) -> None:
        if name not in scope.names:
            scope.names[name] = Binding(name, scope)
            self.bindings.append(scope.names[name])

    def _resolve(self, scope: Scope, name: str) -> Binding:
        if name in scope.globals:
            around: Iterator[Scope] = iter([self.module])
        elif name in scope.nonlocals:
            around = (s for s in scope.around() if s is not scope and s.parent is not None)
        else:
            around = scope.around()
        for candidate in around:
            hidden = isinstance(candidate.node, ast.ClassDef) and candidate is not scope
            if candidate is not scope and name in candidate.globals:
                return self._resolve(candidate, name)
            if not hidden and name in candidate.names:
                return candidate.names[name]
        return self._builtins.setdefault(name, Binding(name, None))

    # The walk

    def _record(self, name: str, node: ast.AST, is_store: bool, scope: Scope | None = None) -> None:
        self.events.append((scope or self._scope, name, node, is_store))

    def visit_Name(self, node: ast.Name) -> None:
        self._record(node.id, node, not isinstance(node.ctx, ast.Load))

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        owner = next(s for s in self._scope.around() if not isinstance(s.node, _COMPREHENSIONS))
        self._record(node.target.id, node.target, True, owner)

    def visit_Global(self, node: ast.Global) -> None:
        self._scope.globals.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self._scope.nonlocals.update(node.names)

    def visit_alias(self, node: ast.alias) -> None:
        self._record(node.asname or node.name.split(".")[0], node, True)

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self._record(node.name, node, True)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs) -> None:
        if node.name:
            self._record(node.name, node, True)
        self.generic_visit(node)

    def visit_MatchStar(self, node: ast.MatchStar) -> None:
        if node.name:
            self._record(node.name, node, True)

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        self.generic_visit(node)
        if node.rest:
            self._record(node.rest, node, True)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for outer in [*node.decorator_list, *node.bases, *node.keywords]:
            self.visit(outer)
        self._record(node.name, node, True)
        self._inside(node, node.body)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for outer in node.decorator_list:
            self.visit(outer)
        self._record(node.name, node, True)
        self._signature(node.args)
        if node.returns:
            self.visit(node.returns)
        self._inside(node, [*_arguments(node.args), *node.body])

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._signature(node.args)
        self._inside(node, [*_arguments(node.args), node.body])

    def visit_arg(self, node: ast.arg) -> None:
        self._record(node.arg, node, True)

    def _signature(self, arguments: ast.arguments) -> None:
        """Defaults and annotations belong to the scope around the function."""
        for default in [*arguments.defaults, *arguments.kw_defaults]:
            if default is not None:
                self.visit(default)
        for argument in _arguments(arguments):
            if argument.annotation:
                self.visit(argument.annotation)

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
        self.visit(node.generators[0].iter)  # evaluated outside
        inner: list[ast.AST] = []
        for index, generator in enumerate(node.generators):
            inner += [generator.target, *([generator.iter] if index else []), *generator.ifs]
        inner += [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        self._inside(node, inner)

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _comprehension

    def _inside(self, node: ast.AST, children: list[ast.AST] | list[ast.stmt]) -> None:
        outer, self._scope = self._scope, Scope(node, self._scope)
        self.scope_of[node] = self._scope
        for child in children:
            self.visit(child)
        self._scope = outer


_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    """All arguments of a function in source order."""
    rest = [arguments.vararg] if arguments.vararg else []
    keywords = [arguments.kwarg] if arguments.kwarg else []
    return [*arguments.posonlyargs, *arguments.args, *rest, *arguments.kwonlyargs, *keywords]

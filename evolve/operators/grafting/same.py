"""Which names mean the same in two genomes: equal code over names that mean the same.

This module must not know why that is asked.
"""

from __future__ import annotations

import ast

from evolve.operators.grafting.recipe import Recipe
from evolve.operators.pruning.reading import Reading
from evolve.operators.pruning.scopes import Binding


class Sameness:
    """Compares the variables of a donor's module and recipe with those of a host."""

    def __init__(self, host: Recipe, donor: Recipe) -> None:
        self._host, self._donor = host, donor

    def twin(self, binding: Binding) -> ast.stmt | None:
        """The host's statement that gives a donor's variable the same meaning and name, or None."""
        pairs: dict[Binding, tuple[ast.stmt, ast.stmt] | None] = {}
        stack = [binding]
        while stack:
            name = stack.pop()
            if name in pairs:
                continue
            pairs[name] = pair = self._pair(name)
            if pair is None:
                return None
            stack += self._needs(pair[0])
        found = pairs[binding]
        return found[1] if found else None

    def _pair(self, binding: Binding) -> tuple[ast.stmt, ast.stmt] | None:
        """The statements that bind a name in donor and host, if there is one each and they read alike."""
        donor_scope = self._donor.reading.scopes
        if binding.scope is donor_scope.module:
            host_scope = self._host.reading.scopes.module
            outer = True
        else:
            host_scope = self._host.reading.scopes.scope_of[self._host.function]
            outer = False
        other = host_scope.names.get(binding.name)
        if other is None:
            return None
        if isinstance(binding.stores[0], ast.alias):
            return self._import_pair(binding, other)
        ours, theirs = _binder(self._donor, binding, outer), _binder(self._host, other, outer)
        if ours is None or theirs is None or _form(ours) != _form(theirs):
            return None
        return ours, theirs

    def _import_pair(self, binding: Binding, other: Binding) -> tuple[ast.stmt, ast.stmt] | None:
        ours = [imported(self._donor.reading, store) for store in binding.stores]
        theirs = [imported(self._host.reading, store) for store in other.stores]
        if ours != theirs or len(ours) != 1:
            return None
        return self._donor.reading.statement(binding.stores[0]), self._host.reading.statement(other.stores[0])

    def _needs(self, statement: ast.stmt) -> list[Binding]:
        """Variables of module and recipe that a donor's statement reads, the recipe's arguments aside."""
        reading = self._donor.reading
        scopes = (reading.scopes.module, reading.scopes.scope_of[self._donor.function])
        found: dict[Binding, None] = {}
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                binding = reading.binding(node)
                if binding.scope in scopes and not self._is_shared_argument(binding):
                    found[binding] = None
        return list(found)

    def _is_shared_argument(self, binding: Binding) -> bool:
        for role, argument in self._donor.arguments.items():
            if binding is argument:
                host = self._host.arguments.get(role)
                return host is not None and host.name == binding.name
        return False


def _binder(recipe: Recipe, binding: Binding, outer: bool) -> ast.stmt | None:
    """The one statement of module or recipe that binds a variable; None if there are several, or none."""
    block: ast.AST = recipe.reading.tree if outer else recipe.function
    found: list[ast.AST] = []
    for store in binding.stores:
        node: ast.AST = store
        while recipe.reading.parent.get(node) is not block:
            around = recipe.reading.parent.get(node)
            if around is None:
                return None
            node = around
        if node not in found:
            found.append(node)
    return found[0] if len(found) == 1 and isinstance(found[0], ast.stmt) else None


def _form(statement: ast.stmt) -> str:
    """What a statement says, docstrings aside."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(statement) is not None:
        bare = type(statement)(**{**vars(statement), "body": statement.body[1:]})
        return ast.dump(bare)
    return ast.dump(statement)


def imported(reading: Reading, alias: ast.AST) -> tuple[str | None, str, int]:
    """What an import means: the module it is taken from, if any, the name, and the level of a relative import."""
    statement = reading.parent[alias]
    name = alias.name if isinstance(alias, ast.alias) else ""
    if isinstance(statement, ast.ImportFrom):
        return statement.module or ".", name, statement.level
    asname = isinstance(alias, ast.alias) and alias.asname is not None
    return None, name if asname else name.split(".")[0], 0

"""What the rest of a genome needs from a piece of it: variables, entries and attributes that nothing else sets."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from evolve.operators.ablation.cut import called
from evolve.operators.pruning.fold import may_go
from evolve.operators.pruning.keys import dict_entries
from evolve.operators.pruning.reading import Function, Reading, is_setdefault, string
from evolve.operators.pruning.vocabulary import TENSOR_ATTRIBUTES

_LEAVES = (ast.Return, ast.Raise, ast.Break, ast.Continue, ast.Yield, ast.YieldFrom)


class Needs:
    """Says which statements the rest of a genome can do without, as far as definitions go."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def may_go(self, statements: Sequence[ast.stmt], within: ast.stmt | None = None) -> bool:
        """Whether everything that remaining code reads is still set once these statements are gone.

        Args:
            statements: What would go.
            within: The statement whose place the rest would take, if not the statements' own.
        """
        if not statements:
            return True
        if not may_go(list(statements)):
            return False
        gone = self._region(statements)
        first = within if within is not None else statements[0]
        return (
            self._keeps_variables(statements, gone, first)
            and self._keeps_entries(gone)
            and self._keeps_attributes(gone)
        )

    def leaves(self, statements: Sequence[ast.stmt]) -> bool:
        """Whether statements may leave the block they stand in (return, break, raise, ...)."""
        return any(isinstance(n, _LEAVES) for s in statements for n in ast.walk(s))

    def _region(self, statements: Sequence[ast.stmt]) -> set[ast.AST]:
        """The nodes that go, with the functions that only they call."""
        gone = {node for statement in statements for node in ast.walk(statement)}
        grown = True
        while grown:
            grown = False
            for function in self._reading.functions:
                if function in gone or function is self._reading.recipe:
                    continue
                users = self._users(function)
                if users and all(user in gone for user in users):
                    gone |= set(ast.walk(function))
                    grown = True
        return gone

    def _users(self, function: Function) -> list[ast.AST]:
        reading = self._reading
        if isinstance(reading.parent[function], ast.ClassDef):
            return [n for n in reading.nodes if isinstance(n, ast.Call) and function in called(reading, n)]
        return list(reading.binding(function).loads)

    def _keeps_variables(self, statements: Sequence[ast.stmt], gone: set[ast.AST], first: ast.stmt) -> bool:
        stored = [n for s in statements for n in ast.walk(s) if n in self._reading.scopes.of]
        bindings = [self._reading.binding(n) for n in stored]
        for binding in bindings:
            if not any(store in gone for store in binding.stores):
                continue
            if all(load in gone for load in binding.loads):
                continue
            if not any(self._comes_before(store, first) for store in binding.stores if store not in gone):
                return False
        return True

    def _comes_before(self, store: ast.AST, statement: ast.stmt) -> bool:
        """Whether a binding is certainly set when a statement is reached."""
        reading = self._reading
        if isinstance(store, ast.arg):
            return True
        try:
            setter = reading.statement(store)
        except KeyError:
            return False
        if isinstance(setter, ast.For) and store in ast.walk(setter.target):
            return any(around is setter for around in self._around(statement))
        block = reading.block(setter)
        for around in [statement, *self._around(statement)]:
            if isinstance(around, ast.stmt) and any(member is around for member in block):
                return block.index(setter) < block.index(around)
        return False

    def _around(self, node: ast.AST) -> Iterator[ast.AST]:
        around = self._reading.parent.get(node)
        while around is not None:
            yield around
            around = self._reading.parent.get(around)

    def _keeps_entries(self, gone: set[ast.AST]) -> bool:
        lost, kept = set(self._written(gone, True)), set(self._written(gone, False))
        losers = {key for _, key in lost - kept}
        kept_keys = {key for _, key in kept}
        dynamic = any(isinstance(n, ast.Subscript) and self._is_dynamic_store(n) for n in gone)
        for node in self._reading.nodes:
            name = string(node.slice) if isinstance(node, ast.Subscript) else None
            if name is None or node in gone or not isinstance(getattr(node, "ctx", None), ast.Load):
                continue
            served = (self._owner(node), name) in kept
            missing = name in losers or (dynamic and name not in kept_keys)
            if missing and not served and not self._is_asked_for(node, name):
                return False
        return True

    def _owner(self, node: ast.AST) -> ast.AST:
        """The outermost class or function around a node: dicts with one key in two classes are two dicts."""
        outer = node
        for around in self._around(node):
            outer = around if isinstance(around, Function | ast.ClassDef) else outer
        return outer if isinstance(outer, Function | ast.ClassDef) else self._reading.tree

    def _is_dynamic_store(self, node: ast.Subscript) -> bool:
        is_state = isinstance(node.value, ast.Name) and "state" in node.value.id
        return isinstance(node.ctx, ast.Store) and string(node.slice) is None and is_state

    def _written(self, gone: set[ast.AST], inside: bool) -> Iterator[tuple[ast.AST, str]]:
        """Keys that are written in the region, or in the rest, each with the class or function that does it."""
        for node in self._reading.nodes:
            if (node in gone) is inside:
                yield from ((self._owner(node), key) for key in self._keys_written(node))

    def _keys_written(self, node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            if not isinstance(self._reading.parent[node], ast.AugAssign):
                yield string(node.slice) or ""
        elif isinstance(node, ast.Dict | ast.Call):
            yield from (entry.key for entry in dict_entries(self._reading, node) or [])
            if isinstance(node, ast.Call):
                yield from (k.arg for k in node.keywords if k.arg)
            if is_setdefault(node):
                yield string(node.args[0]) or ""

    def _is_asked_for(self, node: ast.AST, key: str) -> bool:
        """Whether a read stands behind a test that the key is there."""
        for around in self._around(node):
            if isinstance(around, ast.If | ast.IfExp):
                for part in ast.walk(around.test):
                    if isinstance(part, ast.Compare) and string(part.left) == key:
                        return True
        return False

    def _keeps_attributes(self, gone: set[ast.AST]) -> bool:
        stores: dict[str, list[ast.Attribute]] = {}
        loads: list[ast.Attribute] = []
        for node in self._reading.nodes:
            if isinstance(node, ast.Attribute) and node.attr not in TENSOR_ATTRIBUTES:
                if isinstance(node.ctx, ast.Store):
                    stores.setdefault(node.attr, []).append(node)
                elif node not in gone:
                    loads.append(node)
        return not any(node.attr in stores and all(s in gone for s in stores[node.attr]) for node in loads)

"""Through what the object of an expression may be observed: variables, attributes, keys.

A write to an object is dead when nothing that may hold the object is ever read.
"""

from __future__ import annotations

import ast
from typing import TypeAlias

from evolve.operators.pruning.keys import Keys
from evolve.operators.pruning.purity import base_object, is_fresh, is_new_tensor, plain_values
from evolve.operators.pruning.reading import Reading, is_setdefault, string
from evolve.operators.pruning.scopes import Binding
from evolve.operators.pruning.vocabulary import OPTIMIZER_API, TENSOR_ATTRIBUTES

Resource: TypeAlias = Binding | tuple[str, str]
"""A variable, ("attr", name of an attribute) or ("key", string key)."""


def attribute(name: str) -> Resource:
    """The attributes of this name, of whatever object."""
    return ("attr", name)


def key(name: str) -> Resource:
    """The entries under this key, of whatever dict."""
    return ("key", name)


class Holders:
    """Finds the holders of objects; an object that may be held in a way not listed has none that are known."""

    def __init__(self, reading: Reading, keys: Keys) -> None:
        self._reading = reading
        self._keys = keys

    def of(self, node: ast.expr) -> frozenset[Resource] | None:
        """All resources that may hold the object of an expression; None if that is not known."""
        return self._of(node, ())

    def _of(self, node: ast.expr, seen: tuple[Resource, ...]) -> frozenset[Resource] | None:
        node = base_object(node)
        if is_fresh(node):
            return frozenset()
        if isinstance(node, ast.IfExp):
            return self._all([node.body, node.orelse], None, seen)
        if isinstance(node, ast.Name):
            binding = self._reading.binding(node)
            return self._all(plain_values(self._reading, binding), binding, seen)
        if isinstance(node, ast.Attribute) and is_own(node.attr):
            return self._all(self._stored(node.attr), attribute(node.attr), seen)
        if is_setdefault(node):
            name = string(node.args[0]) or ""
            return self._all(self._keys.values(name), key(name), seen)
        if isinstance(node, ast.Subscript):
            literal = string(node.slice)
            if literal is not None:
                return self._all(self._keys.values(literal), key(literal), seen)
            return self._part(node.value, seen)
        return None

    def _all(
        self, values: list[ast.expr] | None, resource: Resource | None, seen: tuple[Resource, ...]
    ) -> frozenset[Resource] | None:
        if resource is not None and resource in seen:
            return frozenset()
        if values is None:
            return None
        found: frozenset[Resource] = frozenset() if resource is None else frozenset({resource})
        for value in values:
            inner = self._of(value, seen if resource is None else (*seen, resource))
            if inner is None:
                return None
            found |= inner
        return found

    def _part(self, whole: ast.expr, seen: tuple[Resource, ...]) -> frozenset[Resource] | None:
        """Holders of a part of something: known for a tensor made here, whose parts are its own."""
        base = base_object(whole)
        if isinstance(base, ast.Name):
            values = plain_values(self._reading, self._reading.binding(base))
            if values is not None and all(is_new_tensor(value) for value in values):
                return self._of(base, seen)
        return None

    def _stored(self, name: str) -> list[ast.expr] | None:
        """Every value ever stored in attributes of this name; None if one is stored in another way."""
        found = []
        for node in self._reading.nodes:
            if isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Store):
                statement = self._reading.parent[node]
                if isinstance(statement, ast.AugAssign):
                    continue
                if (isinstance(statement, ast.Assign) and node in statement.targets) or (isinstance(statement, ast.AnnAssign) and statement.value is not None):
                    found.append(statement.value)
                else:
                    return None
        return found or None


def is_own(name: str) -> bool:
    """Whether an attribute means something to the genome alone."""
    return name not in TENSOR_ATTRIBUTES and name not in OPTIMIZER_API and not name.startswith("__")

"""Through what the object of an expression may be observed: variables, attributes, keys.

A write to an object is dead when nothing that may hold the object is ever read.
"""

from __future__ import annotations

import ast
from typing import TypeAlias

from evolve.operators.pruning.keys import Keys
from evolve.operators.pruning.purity import assigned, base_object, is_fresh, is_new_tensor, plain_values
from evolve.operators.pruning.reading import Reading, is_setdefault, string
from evolve.operators.pruning.scopes import Binding
from evolve.operators.pruning.vocabulary import CONTAINER_WRITES, OPTIMIZER_API, TENSOR_ATTRIBUTES

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
            if collections := self._walked(binding):
                return self._members(binding, collections, seen)
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

    def _walked(self, binding: Binding) -> list[ast.expr]:
        """The collections whose members a loop variable takes, if it is nothing else."""
        found = [member_source(self._reading, store) for store in binding.stores]
        return [] if None in found else [source for source in found if source is not None]

    def _members(
        self, binding: Binding, collections: list[ast.expr], seen: tuple[Resource, ...]
    ) -> frozenset[Resource] | None:
        """Holders of a loop variable over collections of tensors that were made for them."""
        held: frozenset[Resource] = frozenset({binding})
        for collection in collections:
            inner = self._of(collection, seen) if self._is_closed(collection) else None
            if inner is None:
                return None
            held |= inner
        return held

    def _is_closed(self, collection: ast.expr) -> bool:
        """Whether a variable only ever holds tensors made with it, or containers of such that get no others."""
        if not isinstance(collection, ast.Name):
            return False
        binding = self._reading.binding(collection)
        values = plain_values(self._reading, binding)
        if values is None or any(self._is_filled(load) for load in binding.loads):
            return False
        return all(is_new_tensor(value) or _holds_new_tensors(value) for value in values)

    def _is_filled(self, load: ast.Name) -> bool:
        parent = self._reading.parent[load]
        if isinstance(parent, ast.Attribute):
            return parent.attr in CONTAINER_WRITES or parent.attr == "setdefault"
        return isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store)

    def _part(self, whole: ast.expr, seen: tuple[Resource, ...]) -> frozenset[Resource] | None:
        """Holders of a part of something: known for a tensor made here, whose parts are its own."""
        base = base_object(whole)
        return self._of(base, seen) if self._is_closed(base) else None

    def _stored(self, name: str) -> list[ast.expr] | None:
        """Every value ever stored in attributes of this name; None if one is stored in another way."""
        found = []
        for node in self._reading.nodes:
            if isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Store):
                statement = self._reading.parent[node]
                if isinstance(statement, ast.AugAssign):
                    continue
                value = assigned(statement, node)
                if value is None:
                    return None
                found.append(value)
        return found or None


def _holds_new_tensors(value: ast.expr) -> bool:
    if isinstance(value, ast.ListComp):
        return is_new_tensor(value.elt)
    return isinstance(value, ast.DictComp) and is_new_tensor(value.value)


def member_source(reading: Reading, store: ast.AST) -> ast.expr | None:
    """The collection whose members a `for` gives to a name, also through `zip`, `enumerate`, values and items."""
    target, position = store, None
    if isinstance(reading.parent.get(store), ast.Tuple):
        target = reading.parent[store]
        assert isinstance(target, ast.Tuple)
        position = next(i for i, part in enumerate(target.elts) if part is store)
    loop = reading.parent.get(target)
    if not isinstance(loop, ast.For | ast.comprehension) or loop.target is not target:
        return None
    match loop.iter, position:
        case ast.Name(), None:
            return loop.iter
        case ast.Call(func=ast.Name(id="zip"), args=collections), int(index) if index < len(collections):
            return collections[index]
        case ast.Call(func=ast.Name(id="enumerate"), args=[collection]), 1:
            return collection
        case ast.Call(func=ast.Attribute(value=collection, attr="values")), None:
            return collection
        case ast.Call(func=ast.Attribute(value=collection, attr="items")), 1:
            return collection
    return None


def is_own(name: str) -> bool:
    """Whether an attribute means something to the genome alone."""
    return name not in TENSOR_ATTRIBUTES and name not in OPTIMIZER_API and not name.startswith("__")

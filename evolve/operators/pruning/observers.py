"""Through what an assignment or an expression can be observed, if it has no other effect.

This module must not know what is alive.
"""

from __future__ import annotations

import ast

from evolve.operators.pruning.holders import Holders, Resource, attribute, is_own, key
from evolve.operators.pruning.keys import Keys
from evolve.operators.pruning.purity import Purity
from evolve.operators.pruning.reading import Reading, string
from evolve.operators.pruning.vocabulary import MODULE_API


class Observers:
    """Finds the resources through which code without other effects can be observed."""

    def __init__(self, reading: Reading, purity: Purity, keys: Keys) -> None:
        self._reading = reading
        self._purity = purity
        self._holders = Holders(reading, keys)

    def assignment(
        self, node: ast.Assign | ast.AnnAssign | ast.AugAssign, targets: list[ast.expr]
    ) -> tuple[frozenset[Resource], ...] | None:
        """The views of an assignment; None if it may have other effects."""
        view = self.written(node.value) if node.value is not None else frozenset()
        if view is None or (isinstance(node, ast.AnnAssign) and node.value is None):
            return None
        for target in targets:
            bound = self.target(target)
            if bound is None:
                return None
            view = view | bound
            if isinstance(node, ast.AugAssign):
                held = self._holders.of(target)
                if held is None:
                    return None
                view = view | held
        return (view,)

    def written(self, value: ast.expr) -> frozenset[Resource] | None:
        """Everything through which the writes of an expression can be observed; None if it may do more."""
        writes = self._purity.writes(value)
        if writes is None:
            return None
        view: frozenset[Resource] = frozenset()
        for root in writes:
            held = self._holders.of(root)
            if held is None:
                return None
            view |= held
        return view

    def target(self, target: ast.expr) -> frozenset[Resource] | None:
        """Everything through which a store into a target can be observed; None if that is not known."""
        match target:
            case ast.Name():
                binding = self._reading.binding(target)
                in_class = binding.scope is not None and isinstance(binding.scope.node, ast.ClassDef)
                if binding.scope is self._reading.scopes.module and target.id.startswith("__"):
                    return None
                if in_class:
                    assert binding.scope is not None
                    owner = binding.scope.node
                    if not isinstance(owner, ast.ClassDef) or not self.is_own_class(owner) or not is_own(target.id):
                        return None
                    return frozenset({binding, attribute(target.id)})
                return frozenset({binding})
            case ast.Tuple(elts=parts):
                views = [self.target(part) for part in parts]
                return None if None in views else frozenset(r for view in views if view is not None for r in view)
            case ast.Attribute(value=owner, attr=name):
                if (
                    not is_own(name)
                    or name in MODULE_API
                    or name in self._reading.methods
                    or self._reading.path(owner)  # a setting of torch's
                    or not self._purity.is_pure(owner)
                ):
                    return None
                around = self._reading.inside(target, ast.ClassDef)
                if isinstance(around, ast.ClassDef) and not self.is_own_class(around):
                    return None
                return frozenset({attribute(name)})
            case ast.Subscript(value=owner, slice=index):
                if not self._purity.is_pure(owner) or not self._purity.is_pure(index):
                    return None
                literal = string(index)
                return self._holders.of(owner) if literal is None else frozenset({key(literal)})
            case _:
                return None

    def is_own_class(self, node: ast.ClassDef, depth: int = 0) -> bool:
        """Whether no foreign code but torch's plain Optimizer looks into a class."""
        if node.decorator_list or node.keywords or depth > 8:
            return False
        for base in node.bases:
            definition = self._reading.definition(base)
            if isinstance(definition, ast.ClassDef):
                if not self.is_own_class(definition, depth + 1):
                    return False
            elif self._reading.path(base) not in {"torch.optim.Optimizer", "builtins.object"}:
                return False
        return True

"""Which expressions name an object that is used up when it is walked through. Must not know what else they do."""

from __future__ import annotations

import ast

from evolve.operators.pruning.reading import Function, Reading, called_name, string
from evolve.operators.pruning.vocabulary import ITERATORS

_DEEPEST = 8
"""Names that are followed."""


class Iterators:
    """The iterators of one genome that somebody holds; one that is made and used in one place is nobody's loss."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._kept = any(isinstance(n, ast.expr) and self._makes(n) and self._is_kept(n) for n in reading.nodes)

    def is_held(self, node: ast.expr, depth: int = 0) -> bool:
        """Whether an expression names an iterator that was made elsewhere.

        Args:
            node: The expression.
            depth: How many names were followed.
        """
        if isinstance(node, ast.Attribute | ast.Subscript):
            return self._kept and not (isinstance(node, ast.Subscript) and string(node.slice) == "params")
        if not isinstance(node, ast.Name) or depth > _DEEPEST:
            return False
        for store in self._reading.binding(node).stores:
            statement = self._reading.parent.get(store)
            if not isinstance(statement, ast.Assign | ast.AnnAssign) or statement.value is None:
                continue
            if self._makes(statement.value) or self.is_held(statement.value, depth + 1):
                return True
        return False

    def _makes(self, node: ast.expr) -> bool:
        if isinstance(node, ast.GeneratorExp):
            return True
        if not isinstance(node, ast.Call):
            return False
        if called_name(node) in ITERATORS or self._reading.path(node.func).startswith("itertools."):
            return True
        definition = self._reading.definition(node.func)
        return isinstance(definition, Function) and any(
            isinstance(part, ast.Yield | ast.YieldFrom) or (isinstance(part, ast.Return) and self._returns(part))
            for part in ast.walk(definition)
        )

    def _returns(self, node: ast.Return) -> bool:
        value = node.value
        builtin = isinstance(value, ast.Call) and self._reading.definition(value.func) is None
        return isinstance(value, ast.GeneratorExp) or (builtin and value is not None and self._makes(value))

    def _is_kept(self, node: ast.expr) -> bool:
        """Whether an iterator is put where attributes and subscripts lead to it."""
        parent = self._reading.parent[node]
        match parent:
            case ast.Assign():
                return any(isinstance(target, ast.Attribute | ast.Subscript) for target in parent.targets)
            case ast.List() | ast.Tuple() | ast.Set():
                return True
            case ast.Dict():
                return not any(
                    v is node and string(k) == "params" for k, v in zip(parent.keys, parent.values, strict=True)
                )
            case ast.keyword():
                call = self._reading.parent[parent]
                makes_dict = isinstance(call, ast.Call) and self._reading.path(call.func) == "builtins.dict"
                return makes_dict and parent.arg != "params"
            case ast.Call():
                return called_name(parent) in {"append", "add", "setdefault", "insert"}
            case _:
                return False

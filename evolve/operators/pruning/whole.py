"""Which tensors may hold flags or whole numbers: arithmetic with them converts, and is never nothing.

From definitions; what cannot be told counts as floating, as parameters, gradients and all that is made of them are.
Must not know what is cut.
"""

from __future__ import annotations

import ast

from evolve.operators.pruning.calls import callees, keys_of
from evolve.operators.pruning.purity import assigned, plain_values
from evolve.operators.pruning.reading import Function, Reading, called_name, string
from evolve.operators.pruning.vocabulary import VIEWS, words

_MAKE_WHOLE = words("""
    gt lt ge le eq ne greater less greater_equal less_equal not_equal logical_and logical_or logical_not logical_xor
    isfinite isnan isinf isclose signbit arange tensor as_tensor full argsort argmax argmin nonzero count_nonzero
    bincount randint randperm searchsorted bucketize long int bool short
""")
_MAKE_FLOATS = words("""
    float double half bfloat16 sqrt rsqrt mean norm exp log sigmoid tanh softmax reciprocal div true_divide std var
    vector_norm matrix_norm rand randn item
""")
_TYPES = words("bool int long short uint8 int8 int16 int32 int64")
_DEEPEST = 12
"""Definitions that are followed."""


class Whole:
    """Infers it in one genome."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._callees = callees(reading)
        self._keys = keys_of(reading)

    def may_be(self, node: ast.expr, depth: int = 0) -> bool:
        """Whether an expression may be of flags or whole numbers.

        Args:
            node: The expression.
            depth: How many definitions were followed.
        """
        if depth > _DEEPEST:
            return False
        match node:
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not() | ast.Invert()):
                return True
            case ast.Constant(value=value):
                return isinstance(value, int)
            case ast.UnaryOp(operand=inner):
                return self.may_be(inner, depth)
            case ast.BinOp(left=left, op=op, right=right):
                return not isinstance(op, ast.Div) and self.may_be(left, depth) and self.may_be(right, depth)
            case ast.IfExp(body=body, orelse=orelse):
                return self.may_be(body, depth) or self.may_be(orelse, depth)
            case ast.Call():
                return self._called(node, depth)
            case ast.Attribute(value=owner, attr=name) if name in VIEWS:
                return self.may_be(owner, depth)
            case ast.Subscript(value=owner) if string(node.slice) is None:
                return self.may_be(owner, depth)
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return any(self.may_be(value, depth + 1) for value in self._given(node))
            case _:
                return False

    def _called(self, node: ast.Call, depth: int) -> bool:
        name = called_name(node)
        typed = [k.value for k in node.keywords if k.arg == "dtype"]
        if name in {"to", "type"}:
            typed += node.args
        if any(isinstance(each, ast.Attribute) for each in typed):
            return any(isinstance(each, ast.Attribute) and each.attr in _TYPES for each in typed)
        if name in _MAKE_WHOLE | _MAKE_FLOATS:
            return name in _MAKE_WHOLE
        definition = self._reading.definition(node.func)
        if isinstance(definition, Function):
            values = [n.value for n in ast.walk(definition) if isinstance(n, ast.Return) and n.value is not None]
            return any(self.may_be(value, depth + 1) for value in values)
        if not isinstance(node.func, ast.Attribute):
            return False
        tensors = node.args[:1] if self._reading.path(node.func) else [node.func.value]
        return any(self.may_be(tensor, depth) for tensor in tensors if not isinstance(tensor, ast.Constant))

    def _given(self, node: ast.expr) -> list[ast.expr]:
        """What a variable, attribute or entry is ever given, as far as that is known."""
        if isinstance(node, ast.Subscript):
            return self._keys.values(string(node.slice) or "") or []
        if isinstance(node, ast.Attribute):
            stores = (n for n in self._reading.nodes if isinstance(n, ast.Attribute) and n.attr == node.attr)
            values = (assigned(self._reading.parent[n], n) for n in stores if isinstance(n.ctx, ast.Store))
            return [value for value in values if value is not None]
        if not isinstance(node, ast.Name):
            return []
        binding = self._reading.binding(node)
        for store in binding.stores:
            if isinstance(store, ast.arg):
                known = self._callees.get(store)
                return (known.values(store) or []) if known is not None else []
        return plain_values(self._reading, binding) or []

"""What kind of value an expression of a genome has: a number, a tensor, or a tensor that was reduced to broadcast.

Inferred from definitions and, failing that, from use; enough to see which part of an expression can stand for the
whole. This module must not know what is cut.
"""

from __future__ import annotations

import ast
from enum import IntEnum

from evolve.operators.pruning.calls import callees, keys_of
from evolve.operators.pruning.purity import plain_values
from evolve.operators.pruning.reading import Function, Reading, string
from evolve.operators.pruning.scopes import Binding
from evolve.operators.pruning.vocabulary import words


class Value(IntEnum):
    """Kinds of values; of two that meet in arithmetic, the larger one has the result's shape."""

    UNKNOWN = 0
    NUMBER = 1
    REDUCED = 2
    """A norm, mean or the like: a tensor of another shape, made to broadcast."""
    TENSOR = 3


_REDUCTIONS = words(
    """
    norm sum mean max min amax amin std var prod median quantile vector_norm matrix_norm trace dot numel
    unsqueeze diagonal diag logsumexp
    """
)
_NUMBERS = words("item size numel dim nelement stride")
_TENSOR_USES = words(
    """
    grad mT lerp lerp_ mul_ add_ sub_ div_ square sqrt sqrt_ rsqrt norm clamp clamp_ sign sign_ addcdiv_
    addcmul_ copy_ clone zero_ fill_ normal_ uniform_ ndim size shape detach view reshape flatten float
    bfloat16 unsqueeze add mul sub div numel data type_as
    """
)


class Values:
    """Infers kinds of values in one genome."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._callees = callees(reading)
        self._keys = keys_of(reading)
        self._busy: list[object] = []

    def of(self, node: ast.expr) -> Value:
        """The kind of an expression's value."""
        match node:
            case ast.Constant(value=bool() | int() | float()):
                return Value.NUMBER
            case ast.UnaryOp(operand=inner):
                return self.of(inner)
            case ast.BinOp(left=left, op=op, right=right):
                if isinstance(op, ast.MatMult):
                    return Value.TENSOR
                return self._together([left, right])
            case ast.IfExp(body=body, orelse=orelse):
                return self._either([body, orelse])
            case ast.Name():
                return self._name(node)
            case ast.Attribute(value=owner, attr=name):
                return self._attribute(owner, name)
            case ast.Subscript():
                return self._subscript(node)
            case ast.Call():
                return self._call(node)
            case _:
                return Value.UNKNOWN

    def _together(self, parts: list[ast.expr]) -> Value:
        kinds = [self.of(part) for part in parts]
        return Value.UNKNOWN if Value.UNKNOWN in kinds else max(kinds)

    def _either(self, parts: list[ast.expr]) -> Value:
        """The kind that all alternatives share; one that cannot be told does not object."""
        kinds = {kind for part in parts if (kind := self.of(part)) is not Value.UNKNOWN}
        return kinds.pop() if len(kinds) == 1 else Value.UNKNOWN

    def _guarded(self, place: object, values: list[ast.expr] | None) -> Value:
        if values is None or place in self._busy:
            return Value.UNKNOWN
        self._busy.append(place)
        kind = self._either(values)
        self._busy.pop()
        return kind

    def _name(self, node: ast.Name) -> Value:
        binding = self._reading.binding(node)
        kind = self._guarded(binding, self._given(binding))
        if kind is Value.UNKNOWN and self._is_unpacked_hyperparameter(binding):
            return Value.NUMBER
        if kind is Value.UNKNOWN and any(self._is_tensor_use(load) for load in binding.loads):
            return Value.TENSOR
        if kind is Value.UNKNOWN and node.id in {"step", "train_steps"}:
            return Value.NUMBER
        return kind

    def _given(self, binding: Binding) -> list[ast.expr] | None:
        for store in binding.stores:
            if isinstance(store, ast.arg):
                known = self._callees.get(store)
                return known.values(store) if known else None
        return plain_values(self._reading, binding)

    def _is_unpacked_hyperparameter(self, binding: Binding) -> bool:
        """`beta1, beta2 = group["betas"]`, or `a, b, c = coefficients` over a loop of numbers."""
        for store in binding.stores:
            pair = self._reading.parent.get(store)
            statement = self._reading.parent.get(pair) if pair is not None else None
            if isinstance(pair, ast.Tuple) and isinstance(statement, ast.Assign):
                return isinstance(statement.value, ast.Subscript) and string(statement.value.slice) is not None
        return False

    def _is_tensor_use(self, load: ast.Name) -> bool:
        parent = self._reading.parent[load]
        return isinstance(parent, ast.Attribute) and parent.attr in _TENSOR_USES

    def _attribute(self, owner: ast.expr, name: str) -> Value:
        if name in {"grad", "mT", "T", "data", "Q"}:
            return Value.TENSOR
        if name in {"ndim", "tokens_per_step", "stop_step"}:
            return Value.NUMBER
        return Value.UNKNOWN

    def _subscript(self, node: ast.Subscript) -> Value:
        name = string(node.slice)
        if name is not None:
            kind = self._guarded((name,), self._keys.values(name))
            if kind is Value.UNKNOWN and isinstance(node.value, ast.Name) and "group" in node.value.id:
                return Value.NUMBER if name != "params" else Value.UNKNOWN
            return kind
        whole = self.of(node.value)
        return Value.REDUCED if whole is Value.TENSOR else Value.UNKNOWN

    def _call(self, node: ast.Call) -> Value:
        function, path = node.func, self._reading.path(node.func)
        last = path.rpartition(".")[2]
        if path.startswith("math.") or path in {"builtins.len", "builtins.float", "builtins.int"}:
            return Value.NUMBER
        if path in {"builtins.max", "builtins.min", "builtins.abs"}:
            return self._together(node.args)
        if path.startswith("torch.") and node.args:
            if last in {"stack", "cat"}:
                return Value.TENSOR
            return Value.REDUCED if last in _REDUCTIONS else self.of(node.args[0])
        definition = self._reading.definition(function)
        if isinstance(definition, Function):
            return self._returned(definition)
        if not isinstance(function, ast.Attribute):
            return Value.UNKNOWN
        if function.attr in _NUMBERS:
            return Value.NUMBER
        if function.attr in _REDUCTIONS:
            return Value.REDUCED
        methods = self._reading.methods.get(function.attr, [])
        if len(methods) == 1:
            return self._returned(methods[0])
        if function.attr == "setdefault" and len(node.args) == 2:
            return self.of(node.args[1])
        return self.of(function.value)  # elementwise methods keep the kind of their receiver

    def _returned(self, function: Function) -> Value:
        values = [n.value for n in ast.walk(function) if isinstance(n, ast.Return) and n.value is not None]
        return self._guarded(function, values)

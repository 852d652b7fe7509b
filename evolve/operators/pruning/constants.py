"""What a genome's literals decide.

A constant is a literal; a variable, attribute or entry of parameter groups that only ever gets one and the same
literal; an argument that every call gives the same literal; arithmetic of constants; or a comparison of the step with
the number of steps that comes out alike at every step of every run (`ranges`).
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable

from evolve.operators.pruning.calls import callees, keys_of
from evolve.operators.pruning.holders import is_own
from evolve.operators.pruning.keys import dict_entries
from evolve.operators.pruning.purity import plain_values
from evolve.operators.pruning.ranges import Ranges
from evolve.operators.pruning.reading import Function, Reading, string
from evolve.operators.pruning.vocabulary import TORCH_GROUP_KEYS


class Unknown:
    """Stands for a value that is not a constant."""


UNKNOWN = Unknown()

_Value = object

_BINARY: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_COMPARE: dict[type[ast.cmpop], Callable[[object, object], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
}
_ORDER: dict[type[ast.cmpop], Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


_FLAGS = frozenset({"nesterov", "maximize", "amsgrad"})
"""Entries that torch's own optimizers read as well, and never write."""
_LARGEST = 1e300
"""Numbers beyond are not computed with: a power of whole numbers has no bound."""


class Constants:
    """Evaluates what a genome's literals decide."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._callees = callees(reading)
        self._keys = keys_of(reading)
        self._ranges = Ranges(reading)
        self._torch_writes = _uses_torch_optimizers(reading)
        self._busy: list[object] = []

    def value(self, node: ast.expr) -> _Value:
        """The constant that an expression always evaluates to, or UNKNOWN."""
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None):
                return node.value
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                value = self.value(inner)
                return UNKNOWN if value is UNKNOWN else not value
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                value = self.value(inner)
                return -value if isinstance(value, int | float) else UNKNOWN
            case ast.BoolOp(op=op, values=parts):
                return self._choice(op, parts)
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                found = self._comparison(op, self.value(left), self.value(right))
                if found is UNKNOWN and (always := self._ranges.decides(node)) is not None:
                    return always
                return found
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BINARY:
                return computed(op, self.value(left), self.value(right))
            case ast.IfExp(test=test, body=body, orelse=orelse):
                value = self.value(test)
                return UNKNOWN if value is UNKNOWN else self.value(body if value else orelse)
            case ast.Name() | ast.Attribute() | ast.Subscript():
                return self._stored(node)
            case ast.Call(
                func=ast.Attribute(value=owner, attr="get"),
                args=[ast.Constant(value=str(name)), *default],
                keywords=[],
            ) if _is_group(self._reading, owner):
                return self._got(name, default[0] if default else ast.Constant(None))
            case _:
                return UNKNOWN

    def is_same(self, left: ast.expr, right: ast.expr) -> bool:
        """Whether two expressions are known to have the same value."""
        values = self.value(left), self.value(right)
        return UNKNOWN not in values and type(values[0]) is type(values[1]) and values[0] == values[1]

    def _choice(self, op: ast.boolop, parts: list[ast.expr]) -> _Value:
        stops_at = isinstance(op, ast.Or)
        value: _Value = UNKNOWN
        for part in parts:
            value = self.value(part)
            if value is UNKNOWN:
                return UNKNOWN
            if bool(value) is stops_at:
                return value
        return value

    def _comparison(self, op: ast.cmpop, left: _Value, right: _Value) -> _Value:
        if left is UNKNOWN or right is UNKNOWN:
            return UNKNOWN
        if type(op) in _COMPARE:
            identity = isinstance(op, ast.Is | ast.IsNot)
            if identity and not (left is None or right is None or isinstance(left, bool) or isinstance(right, bool)):
                return UNKNOWN  # whether two equal numbers are one object is Python's affair
            return _COMPARE[type(op)](left, right)
        if type(op) in _ORDER and isinstance(left, int | float) and isinstance(right, int | float):
            return _ORDER[type(op)](left, right)
        return UNKNOWN

    def _stored(self, node: ast.Name | ast.Attribute | ast.Subscript) -> _Value:
        place: object
        values: list[ast.expr] | None
        match node:
            case ast.Name():
                binding = self._reading.binding(node)
                place, values = binding, self._given(binding.stores)
            case ast.Attribute(attr=name):
                place, values = name, self._attribute(node)
            case _:
                name = string(node.slice) or ""
                place, values = (name,), self._entries(name)
        return self._common(place, values)

    def _common(self, place: object, values: list[ast.expr] | None) -> _Value:
        """The value that several expressions share."""
        if values is None or place in self._busy:
            return UNKNOWN
        self._busy.append(place)
        found = [self.value(value) for value in values]
        self._busy.pop()
        first = found[0]
        same = all(type(value) is type(first) and value == first for value in found)
        return first if same else UNKNOWN

    def _got(self, name: str, default: ast.expr) -> _Value:
        """What `group.get(name, default)` always gives: the default too, since a group may lack the key."""
        values = self._entries(name, may_lack=True)
        return UNKNOWN if values is None else self._common((name,), [*values, default])

    def _given(self, stores: list[ast.AST]) -> list[ast.expr] | None:
        """All values that a variable ever gets, if it is assigned once, or an argument of a known function."""
        if len(stores) != 1:
            return None
        store = stores[0]
        if store in self._callees and isinstance(store, ast.arg):
            return self._callees[store].values(store)
        if isinstance(store, ast.Name):
            return plain_values(self._reading, self._reading.binding(store))
        return None

    def _attribute(self, read: ast.Attribute) -> list[ast.expr] | None:
        """All values of an attribute that a class gives itself in its constructor, and nobody sets elsewhere."""
        name, owner = read.attr, self._reading.inside(read, ast.ClassDef)
        itself = isinstance(read.value, ast.Name) and read.value.id == "self"
        if not itself or not is_own(name) or name in self._reading.methods or self._is_mentioned(name):
            return None
        found = []
        for node in self._reading.nodes:
            if isinstance(node, ast.Attribute) and node.attr == name and isinstance(node.ctx, ast.Store | ast.Del):
                statement = self._reading.parent[node]
                function = self._reading.inside(node, Function)
                if not isinstance(statement, ast.Assign) or node not in statement.targets:
                    return None
                constructs = isinstance(function, Function) and function.name == "__init__"
                if not constructs or self._reading.inside(node, ast.ClassDef) is not owner:
                    return None
                found.append(statement.value)
            elif isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
                scope = self._reading.binding(node).scope
                if scope is not None and isinstance(scope.node, ast.ClassDef):
                    return None
        return found or None

    def _is_mentioned(self, name: str) -> bool:
        return any(string(node) == name for node in self._reading.nodes)

    def _entries(self, name: str, may_lack: bool = False) -> list[ast.expr] | None:
        """All values under a key that is only ever given in dicts with literal keys, and never tested for.

        Args:
            name: The key.
            may_lack: Whether no value at all is an answer.
        """
        hidden = self._keys.hidden_readers or self._keys.may_be_built(name) or name in self._keys.pinned
        if not name or hidden or (name in TORCH_GROUP_KEYS - _FLAGS and self._torch_writes):
            return None
        if self._is_spread(name) or name in {"params", "param_names"}:
            return None
        found = []
        for node in self._reading.nodes:
            if isinstance(node, ast.Dict | ast.Call):
                found += [e.value for e in dict_entries(self._reading, node) or [] if e.key == name]
            if isinstance(node, ast.Subscript) and string(node.slice) == name:
                if not isinstance(node.ctx, ast.Load):
                    return None
            elif string(node) == name and not self._is_key(node):
                return None
        return found if found or may_lack else None

    def _is_spread(self, name: str) -> bool:
        """Whether a call may make an entry of this name through somebody's `**kwargs`."""
        if all(function.args.kwarg is None for function in self._reading.functions):
            return False
        calls = (node for node in self._reading.nodes if isinstance(node, ast.Call))
        return any(k.arg == name for call in calls for k in call.keywords if not dict_entries(self._reading, call))

    def _is_key(self, node: ast.AST) -> bool:
        """Whether a string literal is a subscript, a key of a dict display, or what a dict is asked for."""
        parent = self._reading.parent[node]
        if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute) and parent.func.attr == "get":
            return bool(parent.args) and parent.args[0] is node
        return isinstance(parent, ast.Dict) or (isinstance(parent, ast.Subscript) and parent.slice is node)


def _is_group(reading: Reading, node: ast.expr) -> bool:
    """Whether an expression is a parameter group: all its entries are written in the genome, or torch's own."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Attribute) and node.value.attr == "param_groups"
    if not isinstance(node, ast.Name):
        return False
    loops = [reading.parent.get(store) for store in reading.binding(node).stores]
    return bool(loops) and all(
        isinstance(loop, ast.For | ast.comprehension)
        and isinstance(loop.iter, ast.Attribute)
        and loop.iter.attr == "param_groups"
        for loop in loops
    )


def computed(op: ast.operator, left: _Value, right: _Value) -> _Value:
    """The result of arithmetic on two constants, or UNKNOWN."""
    if type(op) not in _BINARY or not isinstance(left, int | float) or not isinstance(right, int | float):
        return UNKNOWN
    if isinstance(op, ast.Pow) and isinstance(left, int) and isinstance(right, int) and abs(right) > 1000:
        return UNKNOWN
    try:
        found = _BINARY[type(op)](left, right)
    except (ZeroDivisionError, OverflowError):
        return UNKNOWN
    plain = isinstance(found, int | float) and math.isfinite(found) and abs(found) < _LARGEST
    return found if plain else UNKNOWN


def _uses_torch_optimizers(reading: Reading) -> bool:
    """Whether torch's own optimizers or schedulers, which bring and write entries of their own, have a part."""
    paths = (reading.path(node) for node in reading.nodes if isinstance(node, ast.Attribute | ast.Name))
    return any(path.startswith("torch.optim.") and path != "torch.optim.Optimizer" for path in paths)

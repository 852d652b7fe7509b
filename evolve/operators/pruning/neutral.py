"""Drop arithmetic that leaves every number as it is: `* 1`, `+ 0`, terms times zero, `mul_(1)`, `add_(x, alpha=0)`.

A zero or one may be a literal, a constant (`constants`), or a product with a zero in it. What is assumed: numbers are
finite wherever a program trains, and the sign of a zero does not matter (`x + 0.0` turns -0.0 into 0.0). Elsewhere
than in arithmetic a product may be a copy that protects its operand, or turn a flag into a number, and stays.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from evolve.operators.pruning.constants import UNKNOWN, Constants, computed
from evolve.operators.pruning.cuts import without_statements
from evolve.operators.pruning.purity import Purity, base_object, is_fresh
from evolve.operators.pruning.reading import Reading
from evolve.operators.pruning.text import Edit
from evolve.operators.pruning.values import Value, Values
from evolve.operators.pruning.vocabulary import PURE_METHODS, VIEWS
from evolve.operators.pruning.whole import Whole

_WEIGHTED = {"add_": "alpha", "sub_": "alpha", "addcmul_": "value", "addcdiv_": "value", "addmm_": "alpha"}
"""Methods that add to their receiver, and the keyword that weighs what they add."""


class Neutral:
    """Finds arithmetic of one genome that changes nothing.

    Args:
        reading: The genome.
        knobs: Whether a hyperparameter whose value is zero or one counts; else literals alone do.
    """

    def __init__(self, reading: Reading, knobs: bool) -> None:
        self._reading = reading
        self._knobs = knobs
        self._constants = Constants(reading)
        self._values = Values(reading)
        self._purity = Purity(reading)
        self._whole = Whole(reading)

    def edits(self) -> Iterator[list[Edit]]:
        """Every single removal, each as edits of its own."""
        for node in self._reading.nodes:
            if isinstance(node, ast.AugAssign) and self._augments_nothing(node):
                yield without_statements(self._reading, [node])
            elif isinstance(node, ast.Call) and self._changes_nothing(node) and not self._reading.is_quoted(node):
                yield from self._without_call(node)
            elif isinstance(node, ast.BinOp) and not self._reading.is_quoted(node):
                kept = self._kept(node)
                if kept is not None:
                    yield [self._reading.replaced(node, kept)]

    # Numbers

    def number(self, node: ast.expr) -> object:
        """What an expression always is, a product with a zero in it included; UNKNOWN if that is not known."""
        value = self._constants.value(node) if self._knobs or _is_literal(node) else UNKNOWN
        if value is not UNKNOWN:
            return value
        match node:
            case ast.BinOp(left=left, op=ast.Mult(), right=right):
                if (self._is_zero(left) and self._is_numeric(right)) or (
                    self._is_zero(right) and self._is_numeric(left)
                ):
                    return 0.0
                return computed(node.op, self.number(left), self.number(right))
            case ast.BinOp(left=left, op=ast.Div(), right=right) if self._is_zero(left) and self._is_numeric(right):
                return 0.0
            case ast.BinOp(left=left, op=op, right=right):
                return computed(op, self.number(left), self.number(right))
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                found = self.number(inner)
                return -found if isinstance(found, int | float) else UNKNOWN
            case _:
                return UNKNOWN

    def _is_numeric(self, node: ast.expr) -> bool:
        return self._purity.is_pure(node) and self._values.of(node) is not Value.UNKNOWN

    def _is_zero(self, node: ast.expr) -> bool:
        found = self.number(node)
        return isinstance(found, int | float) and not isinstance(found, bool) and found == 0

    def _is_one(self, node: ast.expr) -> bool:
        found = self.number(node)
        return isinstance(found, int | float) and not isinstance(found, bool) and found == 1

    # Arithmetic

    def _kept(self, node: ast.BinOp) -> ast.expr | None:
        """The operand that is the whole of an operation."""
        match node.op:
            case ast.Mult() if self._is_one(node.right):
                pairs = (node.left, node.right)
            case ast.Mult() if self._is_one(node.left):
                pairs = (node.right, node.left)
            case ast.Div() | ast.Pow() if self._is_one(node.right):
                pairs = (node.left, node.right)
            case ast.Add() | ast.Sub() if self._is_zero(node.right):
                pairs = (node.left, node.right)
            case ast.Add() if self._is_zero(node.left):
                pairs = (node.right, node.left)
            case _:
                return None
        kept, gone = pairs
        return kept if self._may_stand_for(node, kept, gone) else None

    def _may_stand_for(self, node: ast.BinOp, kept: ast.expr, gone: ast.expr) -> bool:
        """Whether one operand has the whole's type and shape, and nobody needs the copy that the operation made."""
        if not self._purity.is_pure(gone):
            return False
        kinds = self._kind(kept), self._kind(gone)
        if Value.UNKNOWN not in kinds and kinds[0] < kinds[1]:
            return False
        if _is_new_float(kept):
            return kinds[1] is Value.NUMBER or Value.UNKNOWN not in kinds
        if Value.UNKNOWN in kinds:
            return False
        if self._constants.value(kept) is UNKNOWN and self._whole.may_be(kept):
            return False
        if kinds[0] is Value.NUMBER:
            return self._keeps_type(kept, gone)
        return self._is_consumed(node) or is_fresh(base_object(kept))

    def _kind(self, node: ast.expr) -> Value:
        return Value.NUMBER if isinstance(self._constants.value(node), int | float) else self._values.of(node)

    def _keeps_type(self, kept: ast.expr, gone: ast.expr) -> bool:
        """Whether a number stays what it is: a flag would have become a number, a whole number a float."""
        value, other = self._constants.value(kept), self.number(gone)
        if isinstance(value, bool) or isinstance(kept, ast.Compare | ast.BoolOp):
            return False
        return not (isinstance(value, int) and isinstance(other, float))

    def _is_consumed(self, node: ast.expr) -> bool:
        """Whether a value is only computed with, at once: then a copy of it is as good as itself."""
        around: ast.AST = self._reading.parent[node]
        if isinstance(around, ast.BinOp):
            return not isinstance(around.op, ast.FloorDiv | ast.Mod)
        if isinstance(around, ast.UnaryOp | ast.Compare):
            return True
        if isinstance(around, ast.keyword):
            return around.arg in {"alpha", "value", "lr"}
        if isinstance(around, ast.AugAssign):
            return True
        if isinstance(around, ast.Call) and isinstance(around.func, ast.Attribute) and around.func is not node:
            name = around.func.attr
            in_place = name.endswith("_") and not name.endswith("__")
            known = in_place or (name in PURE_METHODS and name not in VIEWS)
            return known and name not in self._reading.methods and not self._reading.path(around.func)
        return False

    def _augments_nothing(self, node: ast.AugAssign) -> bool:
        if not self._purity.is_pure(node.value) or not isinstance(node.target, ast.Name):
            return False
        match node.op:
            case ast.Add() | ast.Sub():
                idle = self._is_zero(node.value)
            case ast.Mult() | ast.Div() | ast.Pow():
                idle = self._is_one(node.value)
            case _:
                return False
        return idle and self._keeps_target(node, node.target)

    def _keeps_target(self, node: ast.AugAssign, target: ast.Name) -> bool:
        """Whether what is added or multiplied is of no larger shape, and makes no float of a whole number."""
        loads = self._reading.binding(target).loads
        if loads and self._values.of(loads[0]) is Value.TENSOR:
            return True
        return isinstance(self.number(node.value), int) and not isinstance(node.op, ast.Div)

    # Methods that write

    def _changes_nothing(self, node: ast.Call) -> bool:
        """Whether an in-place method writes what is there already."""
        if not isinstance(node.func, ast.Attribute) or node.func.attr in self._reading.methods:
            return False
        name, args = node.func.attr, node.args
        if self._reading.path(node.func) or not all(self._purity.is_pure(arg) for arg in [*args, *node.keywords]):
            return False
        weights = {keyword.arg: keyword.value for keyword in node.keywords}
        if name in {"mul_", "div_"} and len(args) == 1 and not weights:
            return self._is_one(args[0])
        if name == "lerp_" and len(args) == 2 and not weights:
            return self._is_zero(args[1])
        if name in _WEIGHTED and args:
            weight = weights.get(_WEIGHTED[name])
            if weight is not None and len(weights) == 1 and self._is_zero(weight):
                return True
            return name in {"add_", "sub_"} and len(args) == 1 and self._is_zero(args[0])
        return False

    def _without_call(self, node: ast.Call) -> Iterator[list[Edit]]:
        assert isinstance(node.func, ast.Attribute)
        receiver = node.func.value
        statement = self._reading.parent[node]
        if not isinstance(statement, ast.Expr) or not self._purity.is_pure(receiver):
            yield [self._reading.replaced(node, receiver)]
        else:
            yield without_statements(self._reading, [statement])


def neutral(reading: Reading) -> Iterator[list[Edit]]:
    """Edits that remove arithmetic without an effect, one removal at a time."""
    return Neutral(reading, knobs=True).edits()


def neutral_literals(reading: Reading) -> Iterator[list[Edit]]:
    """The same, hyperparameters left alone: a search may still turn them."""
    return Neutral(reading, knobs=False).edits()


def _is_literal(node: ast.expr) -> bool:
    parts = (part for part in ast.walk(node) if isinstance(part, ast.expr))
    return all(isinstance(part, ast.Constant | ast.BinOp | ast.UnaryOp) for part in parts)


def _is_new_float(node: ast.expr) -> bool:
    """Whether arithmetic with a float in it makes its result a new float or a new floating-point tensor."""
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and _is_float(node.operand)
    if not isinstance(node, ast.BinOp) or isinstance(node.op, ast.MatMult | ast.FloorDiv | ast.Mod):
        return False
    return isinstance(node.op, ast.Div) or _is_float(node.left) or _is_float(node.right)


def _is_float(node: ast.expr) -> bool:
    return (isinstance(node, ast.Constant) and type(node.value) is float) or _is_new_float(node)

"""Comparisons of the step with the number of steps that come out alike at every step of every run.

The trainer calls hooks with 0 <= step < train_steps and `eval_weights` with step <= train_steps (a run may stop before
its schedules' horizon, never after it), and train_steps >= 1. What such a comparison decides is linear in both, so
that its extremes lie at a corner. Nothing is assumed about how many steps there are: a branch that is not reached on
one rung may be on another.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from fractions import Fraction

from evolve.operators.pruning.calls import callees
from evolve.operators.pruning.hooks import returned
from evolve.operators.pruning.purity import plain_values
from evolve.operators.pruning.reading import Function, Reading

_HOOKS = ("set_hparams", "before_forward", "after_backward", "after_step")
_SLACK = Fraction(1, 10**6)
"""What roundings of a schedule's arithmetic may move, in steps a step: far more than they do."""


@dataclass(frozen=True)
class Linear:
    """The number `step * a + train_steps * b + c`; exact unless a float had a part in it.

    Attributes:
        step: a.
        total: b.
        one: c.
        last: Steps beyond the last one that `step` may be: 0, or 1 in `eval_weights`.
        exact: Whether whole numbers alone made it.
    """

    step: Fraction
    total: Fraction
    one: Fraction
    last: int = 0
    exact: bool = True

    def scaled(self, factor: Fraction) -> Linear:
        """A multiple."""
        return Linear(self.step * factor, self.total * factor, self.one * factor, self.last, self.exact)

    def plus(self, other: Linear) -> Linear:
        """The sum."""
        return Linear(
            self.step + other.step,
            self.total + other.total,
            self.one + other.one,
            max(self.last, other.last),
            self.exact and other.exact,
        )

    def is_constant(self) -> bool:
        """Whether it is the same number always."""
        return not self.step and not self.total

    def is_zero(self) -> bool:
        """Whether it is nothing always."""
        return self.is_constant() and not self.one

    def least(self) -> Fraction | None:
        """Its least value over all steps of all runs; None without a bound.

        The region is a cone with its corner at (0, 1) and the rays (0, 1) and (1, 1); with `last` there is a second
        corner at (1, 1).
        """
        if self.total < 0 or self.step + self.total < 0:
            return None
        corners = [self.total + self.one, self.step * self.last + self.total + self.one]
        return min(corners)


_CONSTANT = Linear(Fraction(0), Fraction(0), Fraction(0))


class Ranges:
    """Decides comparisons of steps."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._callees = callees(reading)
        self._steps = _step_arguments(reading)
        recipe = reading.recipe
        arguments = recipe.args.args if recipe is not None else []
        self._total = arguments[1] if len(arguments) > 1 else None
        self._busy: list[object] = []

    def decides(self, node: ast.Compare) -> bool | None:
        """How a comparison comes out at every step of every run; None if it depends."""
        if len(node.ops) != 1:
            return None
        parts = self._ratio(node.left), self._ratio(node.comparators[0])
        if parts[0] is None or parts[1] is None:
            return None
        left, under = parts[0]
        right, over = parts[1]
        if under is None and over is None:
            difference = left.plus(right.scaled(Fraction(-1)))
            settled = _is_whole(left) and _is_whole(right)
            settled = settled or (right.is_zero() and _is_one_term(left)) or (left.is_zero() and _is_one_term(right))
        elif over is None and right.is_constant() and under is not None:
            difference = left.plus(under.scaled(-right.one))
            settled = _is_whole(left) and _is_whole(under)  # rounded once, by the division
        elif under is None and left.is_constant() and over is not None:
            difference = over.scaled(left.one).plus(right.scaled(Fraction(-1)))
            settled = _is_whole(right) and _is_whole(over)
        else:
            return None
        return None if difference.is_constant() else _sign(node.ops[0], difference, settled)

    def _ratio(self, node: ast.expr) -> tuple[Linear, Linear | None] | None:
        """An expression as (numerator, denominator that is positive, or None for 1)."""
        if isinstance(node, ast.Name):
            values = self._values(node)
            if values is not None and len(values) == 1 and node not in self._busy:
                self._busy.append(node)
                found = self._ratio(values[0])
                self._busy.pop()
                return found
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            upper, lower = self.linear(node.left), self.linear(node.right)
            if upper is not None and lower is not None and not lower.is_constant():
                least = lower.least()
                return (_inexact(upper), lower) if least is not None and least > 0 else None
        found_linear = self.linear(node)
        return None if found_linear is None else (found_linear, None)

    def linear(self, node: ast.expr) -> Linear | None:
        """An expression as a linear function of step and train_steps; None if it is none."""
        match node:
            case ast.Constant(value=bool()):
                return None
            case ast.Constant(value=int() | float() as number) if abs(number) < 1e15:
                return Linear(Fraction(0), Fraction(0), Fraction(number), exact=isinstance(number, int))
            case ast.UnaryOp(op=ast.USub(), operand=inner):
                found = self.linear(inner)
                return None if found is None else found.scaled(Fraction(-1))
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() | ast.Mult() | ast.Div() as op, right=right):
                return self._arithmetic(op, self.linear(left), self.linear(right))
            case ast.Name():
                return self._name(node)
            case _:
                return None

    def _arithmetic(self, op: ast.operator, left: Linear | None, right: Linear | None) -> Linear | None:
        if left is None or right is None:
            return None
        if isinstance(op, ast.Add):
            return left.plus(right)
        if isinstance(op, ast.Sub):
            return left.plus(right.scaled(Fraction(-1)))
        if isinstance(op, ast.Div):
            if not right.is_constant() or not right.one:
                return None
            return _inexact(left.scaled(1 / right.one))
        if not right.is_constant():
            left, right = right, left
        if not right.is_constant():
            return None
        product = left.scaled(right.one)
        return product if right.exact else _inexact(product)

    def _name(self, node: ast.Name) -> Linear | None:
        stores = self._reading.binding(node).stores
        if len(stores) != 1:
            return None
        if stores[0] in self._steps:
            return Linear(Fraction(1), Fraction(0), Fraction(0), self._steps[stores[0]])
        if stores[0] is self._total:
            return Linear(Fraction(0), Fraction(1), Fraction(0))
        values = self._values(node)
        if values is None or stores[0] in self._busy:
            return None
        self._busy.append(stores[0])
        found = [self.linear(value) for value in values]
        self._busy.pop()
        return found[0] if found and all(each == found[0] for each in found) else None

    def _values(self, node: ast.Name) -> list[ast.expr] | None:
        """Everything that a variable ever is, if it is assigned once or an argument of a known function."""
        binding = self._reading.binding(node)
        if len(binding.stores) != 1:
            return None
        store = binding.stores[0]
        if isinstance(store, ast.arg):
            known = self._callees.get(store)
            return known.values(store) if known is not None else None
        return plain_values(self._reading, binding)


def _inexact(number: Linear) -> Linear:
    return Linear(number.step, number.total, number.one, number.last, exact=False)


def _sign(op: ast.cmpop, difference: Linear, settled: bool) -> bool | None:
    """How `difference op 0` comes out, if it always comes out alike.

    Args:
        op: The comparison.
        difference: Left side minus right side.
        settled: Whether rounding cannot turn "not less" into "less", or "not more" into "more".
    """
    least, most = difference.least(), difference.scaled(Fraction(-1)).least()
    slack = Fraction(0) if difference.exact else _SLACK
    not_negative = least is not None and least >= 0 and (difference.exact or least >= slack or settled)
    positive = least is not None and least > slack
    not_positive = most is not None and most >= 0 and (difference.exact or most >= slack or settled)
    negative = most is not None and most > slack
    match op:
        case ast.Lt():
            return True if negative else False if not_negative else None
        case ast.LtE():
            return True if not_positive else False if positive else None
        case ast.Gt():
            return True if positive else False if not_positive else None
        case ast.GtE():
            return True if not_negative else False if negative else None
        case ast.Eq():
            return False if positive or negative else None
        case ast.NotEq():
            return True if positive or negative else None
        case _:
            return None


def _is_whole(side: Linear) -> bool:
    """Whether a side is computed without rounding: its coefficients are whole numbers."""
    return all(term.denominator == 1 for term in (side.step, side.total, side.one))


def _is_one_term(side: Linear) -> bool:
    """Whether a side's sign is that of its one term, however often it is rounded."""
    terms = [term for term in (side.step, side.total, side.one) if term]
    return len(terms) == 1 and abs(terms[0]) > _SLACK


def _step_arguments(reading: Reading) -> dict[ast.AST, int]:
    """The `step` of each hook that the trainer alone calls, and how far beyond the last step it may be."""
    found: dict[ast.AST, int] = {}
    for _, entry in returned(reading):
        function = reading.definition(entry.value)
        if not isinstance(function, Function) or len(reading.binding(function).loads) != 1 or not function.args.args:
            continue
        if entry.key in _HOOKS:
            found[function.args.args[0]] = 0
        elif entry.key == "eval_weights":
            found[function.args.args[0]] = 1
    return found

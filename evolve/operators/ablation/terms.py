"""Cuts inside arithmetic: a term of a sum, a factor of a product, a divisor, a power.

What stays must have the shape of the whole, keep its sign and keep the learning rate, and nothing that may become
zero is left as a divisor.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from evolve.operators.ablation.cut import (
    Cut,
    is_guard,
    iterates,
    mentions_lr,
    named,
    place,
    sets_units,
    short,
    tames_iteration,
)
from evolve.operators.ablation.divisors import Divisors
from evolve.operators.ablation.standin import stand_in
from evolve.operators.pruning.reading import Reading
from evolve.operators.pruning.text import Edit
from evolve.operators.pruning.values import Value, Values
from evolve.operators.pruning.vocabulary import words


def terms(reading: Reading, values: Values, divisors: Divisors) -> Iterator[Cut]:
    """Every term and factor that can go."""
    for node in reading.nodes:
        if not isinstance(node, ast.BinOp) or not is_arithmetic(reading, node):
            continue
        unstable = iterates(reading, node) or tames_iteration(reading, node)
        if not unstable and not _weighs_divisor(reading, divisors, node):
            for kept, cut in _operation(reading, values, node):
                if not (isinstance(node.op, ast.Add | ast.Sub) and not _is_literal(kept) and divisors.holds(node)):
                    yield cut


def _weighs_divisor(reading: Reading, divisors: Divisors, node: ast.expr) -> bool:
    """Whether a number weighs the newest member of a running average that something is divided by."""
    parent = reading.parent[node]
    call = reading.parent[parent] if isinstance(parent, ast.keyword) else parent
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or node is call.func.value:
        return False
    return call.func.attr in {"lerp_", "lerp", "add_", "addcmul_", "mul_"} and divisors.holds(call)


def _operation(reading: Reading, values: Values, node: ast.BinOp) -> Iterator[tuple[ast.expr, Cut]]:
    """What may stay of an operation, with the cut that leaves it."""
    match node.op:
        case ast.Add():
            pairs = [("term", node.left, node.right), ("term", node.right, node.left)]
        case ast.Sub():
            pairs = [("term", node.left, node.right)]
        case ast.Mult():
            pairs = [("factor", node.left, node.right), ("factor", node.right, node.left)]
        case ast.Div():
            pairs = [("divisor", node.left, node.right)]
        case ast.Pow():
            pairs = [("power", node.left, node.right)]
        case _:
            return
    for kind, kept, gone in pairs:
        if _may_stand_alone(reading, values, node, kept, gone):
            what = f"{kind} `{short(reading, gone)}` of `{short(reading, node)}`"
            yield kept, Cut(kind, place(reading, node), what, (_replaced(reading, values, node, kept, gone),))


def _replaced(reading: Reading, values: Values, node: ast.BinOp, kept: ast.expr, gone: ast.expr) -> Edit:
    """Put what stays in the place of the whole; a minus in front of a lost factor is not lost."""
    negative = (
        isinstance(node.op, ast.Mult | ast.Div) and isinstance(gone, ast.UnaryOp) and isinstance(gone.op, ast.USub)
    )
    if not negative:
        return stand_in(reading, values, node, kept)
    text = reading.text.of(kept)
    simple = isinstance(kept, ast.Name | ast.Attribute | ast.Subscript | ast.Call | ast.Constant)
    start, end = reading.text.span(node)
    return Edit(start, end, f"-{text}" if simple else f"-({text})")


def _may_stand_alone(reading: Reading, values: Values, node: ast.BinOp, kept: ast.expr, gone: ast.expr) -> bool:
    if (
        _may_be_negative(reading, gone)
        or mentions_lr(gone)
        or sets_units(reading, gone)
        or (_is_literal(kept) and not isinstance(node.op, ast.Sub))
    ):
        return False
    if isinstance(node.op, ast.Add | ast.Sub) and _is_literal(gone):
        return False  # `step + 1`, `norm + 1e-7`: guards against zero
    kinds = values.of(kept), values.of(gone)
    if Value.UNKNOWN in kinds or kinds[0] < kinds[1]:
        return False
    if isinstance(node.op, ast.Pow):
        return kinds == (Value.NUMBER, Value.NUMBER)
    if isinstance(node.op, ast.Div) and any("eps" in name.lower() for name in named(gone)):
        return False  # a running root mean square: without it the learning rate is of another order
    return _is_literal(gone) or not is_guard(gone)


def _may_be_negative(reading: Reading, node: ast.expr) -> bool:
    """Whether a number's sign, which would go with it, is likely to be the other one: logarithms of fractions."""
    return any(isinstance(n, ast.Call) and reading.path(n.func) == "math.log" for n in ast.walk(node))


def _is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) or (isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant))


def is_arithmetic(reading: Reading, node: ast.expr) -> bool:
    """Whether an expression is computed with, and not an index, a shape, a count or part of a condition."""
    child: ast.AST = node
    parent = reading.parent[node]
    while isinstance(parent, ast.expr | ast.keyword):
        if isinstance(parent, ast.Subscript) and child is parent.slice:
            return False
        if isinstance(parent, ast.Compare | ast.JoinedStr | ast.comprehension):
            return False
        if isinstance(parent, ast.IfExp) and child is parent.test:
            return False
        if isinstance(parent, ast.Call) and child is not parent.func and not _computes(reading, parent):
            return False
        child, parent = parent, reading.parent[parent]
    if isinstance(parent, ast.If | ast.While):
        return False
    return isinstance(parent, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Return | ast.Expr)


_MAKERS = words(
    """
    zeros_like zeros ones full empty empty_like eye arange randn rand range len int round view reshape
    expand repeat unsqueeze squeeze permute transpose size split chunk narrow setdefault
    """
)


def _computes(reading: Reading, call: ast.Call) -> bool:
    """Whether a call's arguments are numbers or tensors to compute with."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name not in _MAKERS

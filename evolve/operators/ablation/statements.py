"""Cuts of whole statements: weight decay, gradient filters, schedules, initialization rules, loops, in-place changes.

What stays must not miss anything that the statement defines. Counters, the first value of a state, running averages
and the step itself stay.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from evolve.blocks import blocks
from evolve.operators.ablation.cut import Cut, called, iterates, mentions_lr, place, sets_units, short, tames_iteration
from evolve.operators.ablation.divisors import Divisors
from evolve.operators.ablation.links import is_state
from evolve.operators.ablation.needs import Needs
from evolve.operators.pruning.cuts import without_statements
from evolve.operators.pruning.reading import Function, Reading, string
from evolve.operators.pruning.vocabulary import words

_STEPS = words("add_ sub_ addcdiv_ addcmul_ copy_ lerp_")
_DEFAULTS = frozenset({("fill_", "1.0"), ("fill_", "1")})


def statements(reading: Reading, needs: Needs, divisors: Divisors) -> Iterator[Cut]:
    """Every statement that can go."""
    for node in reading.nodes:
        for block in blocks(node):
            for statement in block:
                is_part = _is_part(reading, divisors, statement) and not sets_units(reading, statement)
                if is_part and needs.may_go([statement]) and not needs.leaves([statement]):
                    yield _cut(reading, statement)


def _cut(reading: Reading, statement: ast.stmt) -> Cut:
    return Cut(
        "statement",
        place(reading, statement),
        f"`{short(reading, statement)}`",
        tuple(without_statements(reading, [statement])),
    )


def _is_part(reading: Reading, divisors: Divisors, statement: ast.stmt) -> bool:
    """Whether a statement is something that people would call a part of an optimizer."""
    if reading.inside(statement, ast.Try):
        return False  # what puts back what was changed before
    match statement:
        case ast.Expr(value=ast.Call() as call):
            return not _stands_alone_in_if(reading, statement) and _is_change(reading, call)
        case ast.AugAssign(value=value):
            counts = isinstance(value, ast.Constant) and isinstance(statement.op, ast.Add | ast.Sub)
            return not counts and _may_be_lost(reading, statement)
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            again = any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(value))
            calm = not tames_iteration(reading, value) and not iterates(reading, statement)
            return again and _may_be_lost(reading, statement) and calm and not divisors.needs(name)
        case ast.Assign(targets=[ast.Subscript(slice=index)]):
            return string(index) is not None and reading.inside(statement, Function) is not None
        case ast.For(iter=ast.Call(func=ast.Name(id="range")), orelse=[]):
            return not mentions_lr(statement)
        case ast.If(orelse=[], body=body):
            return all(_is_part_of_if(reading, divisors, inner) for inner in body)
        case _:
            return False


def _is_part_of_if(reading: Reading, divisors: Divisors, statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        return _is_change(reading, statement.value)
    return _is_part(reading, divisors, statement)


def _stands_alone_in_if(reading: Reading, statement: ast.stmt) -> bool:
    """Whether the statement is all that an `if` does, which is then the part."""
    parent = reading.parent[statement]
    return isinstance(parent, ast.If) and not parent.orelse and len(parent.body) == 1


def _may_be_lost(reading: Reading, statement: ast.stmt) -> bool:
    return not mentions_lr(statement)


def _is_change(reading: Reading, call: ast.Call) -> bool:
    """Whether a call made for its effect changes something that may stay as it was."""
    if called(reading, call):
        return not any(mentions_lr(function) for function in called(reading, call)) and not _sets_state(reading, call)
    if not isinstance(call.func, ast.Attribute) or not re.fullmatch(r"[a-z]\w*[^_]_", call.func.attr):
        return False
    name = call.func.attr
    if (name, "".join(ast.unparse(a) for a in call.args)) in _DEFAULTS:
        return False  # what torch sets anyway
    return not (name in _STEPS and (mentions_lr(call) or is_state(reading, call.func.value)))


def _sets_state(reading: Reading, call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and any(
        isinstance(n, ast.Return) and n.value is not None for f in called(reading, call) for n in ast.walk(f)
    )

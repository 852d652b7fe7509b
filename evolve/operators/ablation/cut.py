"""The record of a possible ablation, and questions that several kinds of cut ask."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from evolve.operators.pruning.purity import plain_values
from evolve.operators.pruning.reading import Function, Reading, string
from evolve.operators.pruning.text import Edit

_FOLLOWED = 3
"""Definitions through which a value is followed."""

_LEARNING_RATE = re.compile(r"(^|_)lr($|_)|learning_rate|step_size|stepsize", re.IGNORECASE)


@dataclass(frozen=True)
class Cut:
    """One way to take something out.

    Attributes:
        kind: A word for the kind of cut, by which choices are balanced.
        component: Where it is: a dotted name of functions and classes, or a constant.
        what: What goes, for people.
        edits: What to do to the text.
    """

    kind: str
    component: str
    what: str
    edits: tuple[Edit, ...]


def place(reading: Reading, node: ast.AST) -> str:
    """The component that a node belongs to; for module-level constants, the constant."""
    name = reading.name(node)
    if name:
        return name
    statement = reading.statement(node)
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    return "module"


def short(reading: Reading, node: ast.AST) -> str:
    """The text of a node on one line, cut to what a note can hold."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else text[:57] + "..."


def named(node: ast.AST) -> Iterator[str]:
    """Every name, attribute and string key in a node."""
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Attribute):
            yield part.attr
        elif isinstance(part, ast.arg):
            yield part.arg
        elif (text := string(part)) is not None:
            yield text


def mentions_lr(node: ast.AST) -> bool:
    """Whether an expression contains a learning rate, without which steps lose their scale."""
    return any(_LEARNING_RATE.search(name) for name in named(node))


def sets_units(reading: Reading, node: ast.AST, followed: int = 0) -> bool:
    """Whether a node, or what it is made of, counts tokens: that turns summed gradients into means."""
    if any("tokens" in name for name in named(node)):
        return True
    if followed == _FOLLOWED:
        return False
    for part in ast.walk(node):
        inner: list[ast.AST] = []
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load):
            inner += plain_values(reading, reading.binding(part)) or []
        elif isinstance(part, ast.Call):
            inner += called(reading, part)
        if any(sets_units(reading, other, followed + 1) for other in inner):
            return True
    return False


def is_guard(node: ast.AST) -> bool:
    """Whether an expression is there to keep something from being zero: a number, or an epsilon by its name."""
    match node:
        case ast.Constant():
            return True
        case ast.UnaryOp(operand=inner) | ast.BinOp(left=inner, op=ast.Pow()):
            return is_guard(inner)
        case ast.Name() | ast.Subscript() | ast.Attribute():
            return any("eps" in name.lower() for name in named(node))
        case _:
            return False


_MATRIX = frozenset({"mT", "T", "linalg", "mm", "bmm", "matmul", "addmm", "baddbmm", "svd", "eigh", "qr", "einsum"})


def needs_matrices(reading: Reading, node: ast.AST, seen: tuple[ast.AST, ...] = ()) -> bool:
    """Whether a node, or a function of the genome that it calls, does what works on matrices only."""
    for part in ast.walk(node):
        if isinstance(part, ast.BinOp | ast.AugAssign) and isinstance(part.op, ast.MatMult):
            return True
        if isinstance(part, ast.Attribute) and part.attr in _MATRIX:
            return True
        if isinstance(part, ast.Call):
            if any(isinstance(argument, ast.Tuple) for argument in part.args):
                return True  # a reduction over several dimensions
            if any(k.arg == "dim" for k in part.keywords):
                return True
            for function in called(reading, part):
                if function not in seen and needs_matrices(reading, function, (*seen, function)):
                    return True
    return False


def called(reading: Reading, call: ast.Call) -> list[Function]:
    """The functions of the genome that a call may mean."""
    definition = reading.definition(call.func)
    if isinstance(definition, Function):
        return [definition]
    if isinstance(call.func, ast.Attribute) and not call.func.attr.startswith("__"):
        return reading.methods.get(call.func.attr, [])
    return []


def iterates(reading: Reading, node: ast.AST) -> bool:
    """Whether a node stands where a matrix product is applied again and again, which may need every part.

    In a loop, or in an update `q - f(...) @ q` that is itself the next step's q.
    """
    around: ast.AST = node
    while isinstance(around, ast.expr):
        if isinstance(around, ast.BinOp) and isinstance(around.op, ast.Add | ast.Sub) and _moves(around):
            return True
        around = reading.parent[around]
    loop = reading.inside(node, ast.For, ast.While)
    if not isinstance(loop, ast.For) or not isinstance(loop.iter, ast.Call):
        return False
    counts = isinstance(loop.iter.func, ast.Name) and loop.iter.func.id == "range"
    return counts and any(isinstance(n, ast.BinOp) and isinstance(n.op, ast.MatMult) for n in ast.walk(loop))


def _moves(node: ast.BinOp) -> bool:
    """Whether an expression is `q - f @ q` or `q + f @ q`."""
    products = [n for n in ast.walk(node.right) if isinstance(n, ast.BinOp) and isinstance(n.op, ast.MatMult)]
    return any(ast.dump(side) == ast.dump(node.left) for product in products for side in (product.left, product.right))


def tames_iteration(reading: Reading, node: ast.expr) -> bool:
    """Whether a division by an expression's own norm stands before a loop over it, which may need it to converge."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Div) or not isinstance(node.left, ast.Name):
        return False
    normed = any(isinstance(n, ast.Attribute) and n.attr == "norm" for n in ast.walk(node.right))
    function = reading.inside(node, Function)
    loops = [n for n in ast.walk(function) if isinstance(n, ast.For | ast.While)] if function else []
    return normed and any(loop.lineno > node.lineno and node.left.id in named(loop) for loop in loops)

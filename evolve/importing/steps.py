"""Absolute step numbers in a script: where they are, and as fractions of the number of steps.

What counts as a step number is told by names: a whole number that is compared with, subtracted from or divided into
something called a step, or that is given a name of that kind. How often something is done (every ten steps) is none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable

_STEP = re.compile(
    r"(^|_)(steps?|iters?|iterations?|it|t_end|start|end|stop|warmup|cooldown|switch|horizon|until|begin|t|decay_start)(_|$)",
    re.I,
)
_NO_STEP = re.compile(
    r"(ns_|newton|every|interval|freq|period|seed|lookback|history|schulz|qr|power_iter|head|dim|layer|scale)", re.I
)
_SCHEDULERS = frozenset({"StepLR", "MultiStepLR", "CosineAnnealingLR", "LinearLR", "ConstantLR", "PolynomialLR"})
"""Classes of torch whose positional arguments count steps."""
_LEAST, _MOST = 16, 100_000


def absolute_steps(statements: Iterable[ast.AST]) -> list[ast.Constant]:
    """Numbers in statements that are steps, in order of appearance."""
    nodes = [node for statement in statements for node in ast.walk(statement)]
    found: dict[ast.Constant, None] = {}
    for node in nodes:
        for number in _at(node):
            found[number] = None
    compared = _compared(nodes)
    for node in nodes:
        for number in _held(node, compared):
            found[number] = None
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def _compared(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Variables that a step is compared with, those included that take turns in it: `for first, _ in PIECES`."""
    found: set[str] = set()
    loops: list[tuple[ast.expr, ast.expr]] = []
    for node in nodes:
        match node:
            case ast.Compare(left=left, comparators=others) if any(_is_step(each) for each in [left, *others]):
                found |= {name for each in [left, *others] if not _is_step(each) for name in _variables(each)}
            case ast.BinOp(left=left, op=ast.Div() | ast.FloorDiv() | ast.Sub(), right=right) if _is_step(
                left
            ) != _is_step(right):
                found |= _variables(right if _is_step(left) else left)
            case ast.Call(func=ast.Name(id="min" | "max"), args=args) if any(_is_step(each) for each in args):
                found |= {name for each in args if not _is_step(each) for name in _variables(each)}
            case ast.For(target=target, iter=items) | ast.comprehension(target=target, iter=items):
                loops.append((target, items))
    for target, items in loops:
        first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else target
        if isinstance(first, ast.Name) and first.id in found:
            found |= _variables(items)
    return frozenset(found)


def _variables(node: ast.AST) -> set[str]:
    """Names of the whole variable that an expression is, or takes the items of."""
    match node:
        case ast.Name(id=name):
            return {name}
        case ast.Call(func=ast.Attribute(value=owner, attr="items" | "keys")) | ast.Subscript(value=owner):
            return _variables(owner)
        case ast.Call(func=ast.Name(id="sorted" | "reversed" | "list" | "tuple"), args=[owner, *_]):
            return _variables(owner)
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return {name for part in parts for name in _variables(part)}
    return set()


def _held(node: ast.AST, names: Collection[str]) -> list[ast.Constant]:
    """Numbers that such a variable is set to: those it is made of, keys, and the first of pairs."""
    match node:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=value)
            | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
        ) if name in names and not _NO_STEP.search(name):
            return _numbers(_firsts(value))
    return []


def _firsts(value: ast.expr) -> ast.expr:
    if isinstance(value, ast.Dict):
        return ast.List([key for key in value.keys if key is not None], ast.Load())
    if isinstance(value, ast.List | ast.Tuple) and all(
        isinstance(each, ast.Tuple) and each.elts for each in value.elts
    ):
        return ast.List([each.elts[0] for each in value.elts if isinstance(each, ast.Tuple)], ast.Load())
    return value


def _at(node: ast.AST) -> list[ast.Constant]:
    """Step numbers that a node says are steps."""
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_step_name(name):
            return _numbers(value)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if _is_step_name(name):
            return _numbers(value)
        case ast.Assign(targets=[ast.Attribute(attr=name)], value=value) if _is_step_name(name):
            return _numbers(value)
        case ast.keyword(arg=str() as name, value=value) if _is_step_name(name):
            return _numbers(value)
        case ast.arguments():
            positional = [*node.posonlyargs, *node.args]
            pairs = list(zip(positional[len(positional) - len(node.defaults) :], node.defaults, strict=True))
            pairs += [(a, d) for a, d in zip(node.kwonlyargs, node.kw_defaults, strict=True) if d is not None]
            return [number for a, d in pairs if _is_step_name(a.arg) for number in _numbers(d)]
        case ast.Compare(left=left, comparators=others):
            sides = [left, *others]
            if any(_is_step(side) for side in sides):
                return [
                    number
                    for side in sides
                    if not _is_step(side) or isinstance(side, ast.BinOp)
                    for number in _numbers(side)
                ]
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            if _is_step(left) != _is_step(right):
                return _numbers(right if _is_step(left) else left)
        case ast.BinOp(left=left, op=ast.Div() | ast.FloorDiv(), right=right) if _is_step(left):
            return _numbers(right)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name), args=[_, *args]) if name in _SCHEDULERS:
            return [number for a in args for number in _numbers(a)]
        case ast.Call(func=ast.Name(id="min" | "max"), args=args) if any(_is_step(a) for a in args):
            return [number for a in args if not _is_step(a) for number in _numbers(a)]
    return []


def _is_step_name(name: str) -> bool:
    return bool(_STEP.search(name)) and not _NO_STEP.search(name)


def _is_step(node: ast.AST) -> bool:
    """Whether an expression is a number of steps."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return bool(
                re.search(r"(^|_)(steps?|it|iters?|step_count|iteration|t)$|^step", name, re.I)
            ) and not _NO_STEP.search(name)
        case ast.Subscript(slice=ast.Constant(value=str() as name)):
            return bool(re.search(r"(^|_)(step|t|steps)$", name)) and not _NO_STEP.search(name)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            return _is_step(left) or _is_step(right)
    return False


def _numbers(node: ast.AST) -> list[ast.Constant]:
    """Literal numbers that may be steps, products and shares left out."""
    match node:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return [node] if _LEAST <= value <= _MOST and value == int(value) else []
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            return _numbers(left) + _numbers(right)
        case ast.UnaryOp(operand=inner):
            return _numbers(inner)
        case ast.Tuple(elts=parts) | ast.List(elts=parts) | ast.Set(elts=parts):
            return [number for part in parts for number in _numbers(part)]
        case ast.IfExp(body=body, orelse=orelse):
            return _numbers(body) + _numbers(orelse)
    return []


class Fractions(ast.NodeTransformer):
    """Puts shares of the number of steps in the place of absolute step numbers.

    Args:
        numbers: Those to replace.
        name: The variable that holds the number of steps.
        steps: Its value in the script.
    """

    def __init__(self, numbers: Iterable[ast.Constant], name: str, steps: int) -> None:
        self._numbers, self._name, self._steps = set(numbers), name, steps

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if node not in self._numbers:
            return node
        value = node.value
        assert isinstance(value, int | float)
        text = f"{self._name} * {value!r} / {self._steps}"
        if self._steps * value / self._steps != value:
            return node
        whole = f"round({text})" if isinstance(value, int) else text
        made = ast.parse(self._name if value == self._steps else whole, mode="eval").body
        return ast.fix_missing_locations(ast.copy_location(made, node))

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """A power of steps left keeps its size: its base is counted in steps of the script."""
        scaled = isinstance(node.op, ast.Pow) and any(each in self._numbers for each in ast.walk(node.left))
        named = isinstance(node.op, ast.Pow) and _counts_down(node.left)
        self.generic_visit(node)
        if scaled or named:
            base = ast.BinOp(
                ast.BinOp(node.left, ast.Mult(), ast.Constant(self._steps)), ast.Div(), ast.Name(self._name, ast.Load())
            )
            node.left = ast.fix_missing_locations(ast.copy_location(base, node.left))
        return node


def _counts_down(node: ast.AST) -> bool:
    """Whether an expression is a number of steps left, as in `max(0, end - step)`; a share of them is none."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("max", "min"):
        return any(_counts_down(each) for each in node.args)
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub) and _is_step(node.right)

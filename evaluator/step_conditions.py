"""Whether the first steps of a genome can stand for the later ones. Reads text; must not run it or import torch."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator

_HOOKS = frozenset({"before_forward", "after_backward", "after_step", "eval_weights"})
_TRACED = "set_hparams"

_MOST_STEPS = 10_000_000
"""No run is longer."""
_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
}

_Function = ast.FunctionDef | ast.Lambda


def has_step_conditions(source: str, steps: int) -> bool:
    """Whether a genome may do something after `steps` steps that it did not do before.

    True if, outside of what only `set_hparams` runs (its whole schedule can be looked at), there is a whole number from
    `steps` on, which may be a step at which something happens; or a hook that reads its step. Errs on the side of True.

    Args:
        source: A genome that compiles.
        steps: Steps that have been taken.
    """
    tree = ast.parse(source)
    traced = _only_run_by(tree, _TRACED)
    return any(_is_late(node, steps) for node in _outside(tree, traced)) or any(map(_reads_step, _hooks(tree)))


def _is_late(node: ast.AST, steps: int) -> bool:
    """A whole number that may be a step."""
    value = _number(node)
    return value is not None and steps <= value < _MOST_STEPS and value == int(value)


def _number(node: ast.AST) -> float | None:
    """The value of a number, or of a product, sum or power of numbers."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return value
        case ast.BinOp(left=ast.Constant() as left, op=op, right=ast.Constant() as right) if type(op) in _ARITHMETIC:
            a, b = _number(left), _number(right)
            if a is not None and b is not None:
                return _ARITHMETIC[type(op)](a, b)
    return None


def _hooks(tree: ast.Module) -> Iterator[_Function | None]:
    """The functions of all hooks; None for one whose function is not in plain sight."""
    named = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for node in ast.walk(tree):
        pairs: list[tuple[object, ast.expr]] = []
        if isinstance(node, ast.Dict):
            pairs = [(key.value if isinstance(key, ast.Constant) else "", value) for key, value in _items(node)]
        elif isinstance(node, ast.Call):
            pairs = [(keyword.arg, keyword.value) for keyword in node.keywords]
        for key, value in pairs:
            if key in _HOOKS:
                yield value if isinstance(value, ast.Lambda) else named.get(getattr(value, "id", ""))


def _items(node: ast.Dict) -> list[tuple[ast.expr | None, ast.expr]]:
    return list(zip(node.keys, node.values, strict=True))


def _reads_step(hook: _Function | None) -> bool:
    if hook is None or hook.args.vararg or not hook.args.args:
        return True
    name = hook.args.args[0].arg
    body = hook.body if isinstance(hook.body, list) else [hook.body]
    return any(isinstance(node, ast.Name) and node.id == name for line in body for node in ast.walk(line))


def _only_run_by(tree: ast.Module, name: str) -> set[ast.FunctionDef]:
    """Functions of that name, and those mentioned in nothing else."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    found = {function for function in functions if function.name == name}
    while True:
        outside = {node.id for node in _outside(tree, found) if isinstance(node, ast.Name)}
        more = {function for function in tree.body if isinstance(function, ast.FunctionDef)} - found
        more = {function for function in more if function.name not in outside and _is_mentioned(function, found)}
        if not more:
            return found
        found |= more


def _is_mentioned(function: ast.FunctionDef, within: set[ast.FunctionDef]) -> bool:
    return any(isinstance(node, ast.Name) and node.id == function.name for each in within for node in ast.walk(each))


def _outside(tree: ast.AST, functions: set[ast.FunctionDef]) -> Iterator[ast.AST]:
    """All nodes that lie in none of the functions."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef) and node in functions:
            continue
        yield node
        todo.extend(ast.iter_child_nodes(node))

"""Whether the first steps of a genome can stand for the later ones. Reads text; must not run it or import torch.

A rule of thumb on the safe side, not a proof: it looks for what optimizers do to change their ways in time. What
depends on values (a gradient that is clipped only when it is long) it cannot see.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping

_HOOKS = frozenset({"before_forward", "after_backward", "after_step", "eval_weights"})
_TRACED = "set_hparams"
_INFO = "info"
_MOST_NODES = 30_000
"""Beyond this a genome is not looked at closely; the largest seed program has some 3,000."""
_MOST_STEPS = 10_000_000
"""No run is longer."""
_ARITHMETIC: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
}
_SMOOTH_WORDS = "sqrt exp log pow add_ sub_ mul_ div_ lerp_ addcdiv_ addcmul_ add sub mul div lerp update"
_SMOOTH = frozenset(_SMOOTH_WORDS.split())
"""What may be done with a count of steps without anything new happening later."""
_BOUNDING_WORDS = "min max round int bool abs floor ceil clamp clip where minimum maximum relu"
_BOUNDING = frozenset(_BOUNDING_WORDS.split())
"""What makes something new happen when a scheduled value passes a bound."""
_GROUP_WORDS = "setdefault get items keys values update"
_OF_GROUPS = frozenset(_GROUP_WORDS.split())
"""Methods that `set_hparams` may call: its effects are then seen in the optimizers' groups."""

_Function = ast.FunctionDef | ast.Lambda


def has_step_conditions(source: str, steps: int) -> bool:
    """Whether a genome may do something after `steps` steps that it did not do before.

    False only if it does not look so: `set_hparams` leaves its mark in the optimizers' groups alone, and outside of
    what only it runs (its whole schedule can be looked at) there is no whole number from `steps` on, no use of
    `train_steps`, no hook that reads its step, and no count of steps that is compared, rounded, bounded
    or passed on, and no scheduled value that is compared, rounded or bounded.

    Args:
        source: A genome that compiles.
        steps: Steps that have been taken.
    """
    try:
        tree = ast.parse(source)
        if sum(1 for _ in ast.walk(tree)) > _MOST_NODES:
            return True
        traced = _only_run_by(tree)
        outside = list(_outside(tree, traced))
        return (
            any(_is_late(node, steps) for node in outside)
            or _knows_the_horizon(tree, outside)
            or any(_has_effects(function) for function in traced)
            or _hides_hooks(tree)
            or any(_reads_step(hook) for hook in _hooks(tree))
            or _counts(outside, {label for function in traced for label in _set(function)})
        )
    except (ArithmeticError, ValueError, RecursionError):
        return True  # numbers and depths that no optimizer needs


def _is_late(node: ast.AST, steps: int) -> bool:
    """A whole number that may be a step."""
    value = _number(node)
    return value is not None and steps <= value < _MOST_STEPS and value == int(value)


def _number(node: ast.AST) -> float | None:
    """The value of a number, or of arithmetic with numbers alone."""
    match node:
        case ast.Constant(value=int() | float() as value):
            return float(value)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            a, b = _number(left), _number(right)
            if a is None or b is None or (isinstance(op, ast.Div) and b == 0):
                return None
            result = _ARITHMETIC[type(op)](a, b)
            return result if isinstance(result, float) else None
    return None


def _knows_the_horizon(tree: ast.Module, outside: list[ast.AST]) -> bool:
    """Whether anything but the schedule may tell how long a run is."""
    recipes = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "recipe"]
    names = {arg.arg for recipe in recipes for arg in [*recipe.args.posonlyargs, *recipe.args.args][1:2]}
    harmless = sum(1 for node in outside if isinstance(node, ast.Attribute) and _is_batch_size(node))
    told = sum(1 for node in outside if isinstance(node, ast.Name) and node.id == _INFO)
    return bool(_names(outside) & names) or told > harmless


def _is_batch_size(node: ast.Attribute) -> bool:
    return node.attr == "tokens_per_step" and isinstance(node.value, ast.Name) and node.value.id == _INFO


def _has_effects(function: ast.FunctionDef) -> bool:
    """Whether a function changes anything but entries of groups and its own variables."""
    for node in ast.walk(function):
        match node:
            case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Global() | ast.Nonlocal() | ast.NamedExpr():
                return True
            case ast.Call(func=ast.Attribute(value=ast.Name(id="math"))):
                continue
            case ast.Call(func=ast.Attribute(attr=attr)) if attr not in _OF_GROUPS:
                return True
    return False


def _hides_hooks(tree: ast.Module) -> bool:
    """Whether a hook is named otherwise than as a key of a dict, where its function is in plain sight."""
    shown = sum(1 for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys if _hook_name(key))
    named = sum(1 for node in ast.walk(tree) if isinstance(node, ast.Constant) and _hook_name(node))
    return named > shown


def _hook_name(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value in _HOOKS


def _hooks(tree: ast.Module) -> Iterator[_Function | None]:
    """The functions of all hooks; None for one whose function is not in plain sight."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    named = {node.name: node for node in functions}
    for node in ast.walk(tree):
        values: list[ast.expr] = []
        if isinstance(node, ast.Dict):
            values = [value for key, value in zip(node.keys, node.values, strict=True) if _hook_name(key)]
        elif isinstance(node, ast.Call):
            values = [keyword.value for keyword in node.keywords if keyword.arg in _HOOKS]
        for value in values:
            name = getattr(value, "id", "")
            unclear = sum(function.name == name for function in functions) > 1
            yield value if isinstance(value, ast.Lambda) else None if unclear else named.get(name)


def _reads_step(hook: _Function | None) -> bool:
    if hook is None or hook.args.vararg or not hook.args.args:
        return True
    name = hook.args.args[0].arg
    body = hook.body if isinstance(hook.body, list) else [hook.body]
    return any(isinstance(node, ast.Name) and node.id == name for line in body for node in ast.walk(line))


def _set(function: ast.FunctionDef) -> Iterator[str]:
    """Keys, or names of lists, whose entries a schedule sets: they may tell the time."""
    for node in ast.walk(function):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            yield _label(node) or _label(node.value)
        elif isinstance(node, ast.Call):
            yield from (keyword.arg for keyword in node.keywords if keyword.arg and _label(node.func) == "update")


def _counts(nodes: list[ast.AST], scheduled: set[str]) -> bool:
    """Whether something that is counted up or scheduled decides, is rounded or bounded, or goes out of sight."""
    follows: dict[str, set[str]] = {}
    for target, value in (pair for node in nodes if isinstance(node, ast.Assign) for pair in _assigned(node)):
        targets = _names(ast.walk(target))
        for each in ast.walk(value):
            if label := _label(each):
                follows.setdefault(label, set()).update(targets)
    counted = _closure({name for node in nodes if (name := _counter(node))}, follows)
    timed = counted | _closure(scheduled - {""}, follows)
    return any(_decides(node, counted, timed) for node in nodes)


def _closure(names: set[str], follows: Mapping[str, set[str]]) -> set[str]:
    """These and all that is computed from them."""
    found: set[str] = set()
    while names:
        found |= names
        names = set().union(*(follows.get(name, ()) for name in names)) - found
    return found


def _assigned(node: ast.Assign) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What gets which value: `a, b = x, y` are two assignments."""
    for target in node.targets:
        match target, node.value:
            case ast.Tuple(elts=targets), ast.Tuple(elts=values) if len(targets) == len(values):
                yield from zip(targets, values, strict=True)
            case _:
                yield target, node.value


def _counter(node: ast.AST) -> str:
    """The name, attribute or key of what is counted up here, or ""."""
    match node:
        case ast.AugAssign(target=target, op=ast.Add() | ast.Sub(), value=value) if _number(value) is not None:
            return _label(target)
        case ast.Assign(targets=[target], value=ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right)):
            return _label(target) if _label(target) in (_label(left), _label(right)) else ""
        case ast.Call(func=ast.Attribute(value=target, attr="add_"), args=[value]) if _number(value) is not None:
            return _label(target)
    return ""


def _label(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
    return ""


def _mentions(node: ast.AST, names: set[str]) -> bool:
    return any(_label(each) in names for each in ast.walk(node))


def _decides(node: ast.AST, counted: set[str], timed: set[str]) -> bool:
    """Whether time decides something here: a count anywhere out of sight, a scheduled value where it is bounded."""
    match node:
        case ast.Compare() | ast.BoolOp() | ast.BinOp(op=ast.Mod() | ast.FloorDiv()):
            return _mentions(node, timed)
        case ast.If(test=test) | ast.IfExp(test=test) | ast.While(test=test):
            return _mentions(test, timed)
        case ast.Subscript(slice=place) if not isinstance(place, ast.Constant):
            return _mentions(place, timed)
        case ast.Call(func=function, args=arguments, keywords=keywords) if _label(function) not in _SMOOTH:
            given = [*arguments, *(keyword.value for keyword in keywords)]
            names = timed if _label(function) in _BOUNDING else counted
            return any(_mentions(each, names) for each in given)
    return False


def _only_run_by(tree: ast.Module) -> set[ast.FunctionDef]:
    """Every `set_hparams`, and the module's functions that only these run, directly or through one another."""
    traced = {node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == _TRACED}
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef) and node not in traced}
    uses = {name: _names(_outside(function, traced)) & functions.keys() for name, function in functions.items()}
    elsewhere = _names(_outside(tree, traced | set(functions.values())))
    wanted = {node for function in traced for node in ast.walk(function)}
    alone = reached = _names(wanted) & functions.keys()
    while reached:  # what these use in turn
        reached = {name for each in reached for name in uses[each]} - alone
        alone = alone | reached
    shared = {
        name for name in alone if name in elsewhere or any(name in uses[user] for user in uses if user not in alone)
    }
    while shared:  # what others use too, and what that uses
        alone = alone - shared
        shared = {name for each in shared for name in uses[each]} & alone
    return traced | {functions[name] for name in alone}


def _names(nodes: Iterable[ast.AST]) -> set[str]:
    return {node.id for node in nodes if isinstance(node, ast.Name)}


def _outside(tree: ast.AST, functions: set[ast.FunctionDef]) -> Iterator[ast.AST]:
    """All nodes that lie in none of the functions."""
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.FunctionDef) and node in functions:
            continue
        yield node
        todo.extend(ast.iter_child_nodes(node))

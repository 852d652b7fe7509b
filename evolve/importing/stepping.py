"""Where a training loop sets hyperparameters and steps its optimizers."""

from __future__ import annotations

import ast

from evolve.importing.effects import Effects
from evolve.importing.errors import NotImportableError
from evolve.importing.hooks import Hooks
from evolve.importing.trees import called, dotted, method, own_calls

_SETTING = ("lr", "momentum", "mu", "weight_decay", "betas")


def steps(statement: ast.stmt) -> bool:
    """Whether a statement steps an optimizer."""
    return any(
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "step"
        and "sched" not in dotted(call.func.value).lower()
        and "prof" not in dotted(call.func.value).lower()
        for call in own_calls(statement)
    )


def sets(statement: ast.stmt, effects: Effects) -> bool:
    """Whether a statement sets hyperparameters."""
    for call in own_calls(statement):
        if isinstance(call.func, ast.Name):
            function = effects.functions().get(call.func.id)
            if function is not None and _stores_settings(function):
                return True
    return _stores_settings(statement)


def _stores_settings(node: ast.AST) -> bool:
    for each in ast.walk(node):
        match each:
            case ast.Subscript(value=owner, slice=ast.Constant(value=key), ctx=ast.Store()):
                if key in _SETTING or "group" in ast.dump(owner):
                    return True
    return False


def optimizers(hooks: Hooks, statements: list[ast.stmt], effects: Effects) -> None:
    """The list of optimizers, if each is stepped in turn and nothing else happens between."""
    parts: list[ast.expr] = []
    plain = True
    kept = [each for each in statements if effects.matters(each)]
    for statement in kept:
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner, attr="step"), args=[], keywords=[])):
                parts.append(owner)
            case ast.For(
                target=ast.Name(id=name),
                iter=items,
                body=[
                    ast.Expr(
                        value=ast.Call(func=ast.Attribute(value=ast.Name(id=one), attr="step"), args=[], keywords=[])
                    )
                ],
                orelse=[],
            ) if name == one:
                whole = isinstance(items, ast.List | ast.Tuple)
                parts += items.elts if isinstance(items, ast.List | ast.Tuple) else [ast.Starred(items, ast.Load())]
                plain = plain and (whole or isinstance(items, ast.Name | ast.Attribute | ast.Call | ast.BinOp))
            case _:
                plain = False
    if not plain:
        hooks.stepping = kept
        parts = _stepped(kept)
    only = parts[0] if len(parts) == 1 else None
    whole_list = isinstance(only, ast.Starred) and isinstance(only.value, ast.Name | ast.Attribute)
    hooks.optimizers = only.value if whole_list else ast.List(parts, ast.Load())  # type: ignore[union-attr]


def _stepped(statements: list[ast.stmt]) -> list[ast.expr]:
    """All that is stepped somewhere in statements, once each."""
    parts: dict[str, ast.expr] = {}
    for statement in statements:
        loops: dict[str, ast.expr] = {}
        for node in ast.walk(statement):
            if isinstance(node, ast.For):
                targets = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
                zipped = isinstance(node.iter, ast.Call) and called(node.iter) == "zip"
                lists = node.iter.args if zipped and isinstance(node.iter, ast.Call) else [node.iter] * len(targets)
                loops |= {t.id: i for t, i in zip(targets, lists, strict=False) if isinstance(t, ast.Name)}
        for call in own_calls(statement):
            if method(call) != "step" or not isinstance(call.func, ast.Attribute):
                continue
            if call.args or call.keywords:
                raise NotImportableError("an optimizer's step() must take no arguments under the contract", [call])
            owner = call.func.value
            if "sched" in dotted(owner).lower():
                continue
            if isinstance(owner, ast.Name) and owner.id in loops:
                items = loops[owner.id]
                parts[ast.dump(items)] = ast.Starred(items, ast.Load())
            else:
                parts[ast.dump(owner)] = owner
    if not parts:
        raise NotImportableError("it cannot be told which optimizers are stepped", statements)
    return list(parts.values())

"""The block of a training loop in which the loss is validated: what it does to the weights before and after."""

from __future__ import annotations

import ast
import copy

from evolve.importing.anatomy import Anatomy
from evolve.importing.effects import Effects
from evolve.importing.hooks import Hooks
from evolve.importing.readout import Readout
from evolve.importing.trees import called, dotted, names_bound, names_loaded, own_calls, walk_own


def validation(hooks: Hooks, block: ast.stmt, evaluators: frozenset[str], effects: Effects) -> None:
    """What the validation block does to the weights before and after its loss."""
    body: list[ast.stmt] = [block]
    guards: list[ast.expr] = []
    quiet = False
    enter: list[ast.stmt] = []
    leave: list[ast.stmt] = []
    conditions: list[ast.expr] = []
    while True:
        read = Readout.of(body, evaluators, effects.functions())
        inner = read.chosen
        hooks.notes += read.notes()
        before, after = ([each for each in side if effects.matters(each)] for side in (read.before, read.after))
        after = [each for each in after if not leaves(each)]
        if conditions:
            before, after = _conditional(
                conditions, before, after, "readout_due" if len(conditions) == 1 else f"readout_due{len(conditions)}"
            )
        enter += _without_grad(before, quiet)
        leave = _without_grad(after, quiet) + leave
        if isinstance(inner, ast.If):
            yes = any(evaluates(each, evaluators) for each in inner.body)
            test = inner.test if yes else ast.copy_location(ast.UnaryOp(ast.Not(), inner.test), inner.test)
            guards.append(test)
            if read.others or (yes and any(evaluates(each, evaluators) for each in inner.orelse)):
                conditions = [*conditions, test]  # at other times it is the other loss that counts
            body = inner.body if yes else inner.orelse
        elif isinstance(inner, ast.With):
            hooks.around += [copy.deepcopy(i) for i in inner.items if not _is_mode(i.context_expr)]
            quiet = quiet or any(_is_mode(i.context_expr) for i in inner.items)
            body = inner.body
        elif isinstance(inner, ast.Try):
            leave = _without_grad([each for each in inner.finalbody if effects.matters(each)], quiet) + leave
            body = inner.body
        else:
            break
    hooks.enter, hooks.leave, hooks.guards = enter, leave, guards


def _conditional(
    conditions: list[ast.expr], before: list[ast.stmt], after: list[ast.stmt], name: str
) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """Statements before and after a validation that take place under conditions, as they are before it."""
    if not before:
        return before, after
    test = conditions[0] if len(conditions) == 1 else ast.BoolOp(ast.And(), list(conditions))
    kept = ast.Assign([ast.Name(name, ast.Store())], test)
    first = ast.If(ast.Name(name, ast.Load()), before, [])
    made: list[ast.stmt] = [ast.fix_missing_locations(ast.copy_location(each, before[0])) for each in (kept, first)]
    if not after:
        return made, after
    last = ast.copy_location(ast.If(ast.Name(name, ast.Load()), after, []), after[0])
    return made, [ast.fix_missing_locations(last)]


def _without_grad(statements: list[ast.stmt], quiet: bool) -> list[ast.stmt]:
    if not (statements and quiet):
        return statements
    context = ast.parse("torch.no_grad()", mode="eval").body
    return [ast.copy_location(ast.With([ast.withitem(context)], statements), statements[0])]


def _is_mode(context: ast.expr) -> bool:
    name = dotted(getattr(context, "func", context)).rpartition(".")[2]
    return name in ("no_grad", "inference_mode", "enable_grad", "autocast", "set_grad_enabled")


def evaluators_of(anatomy: Anatomy, effects: Effects) -> frozenset[str]:
    """Names whose call runs the model: its own, and functions that run it."""
    found = set(anatomy.names)
    known = effects.functions()
    while True:
        more = {
            name
            for name, function in known.items()
            if name not in found and any(called(call) in found for call in own_calls(function))
        }
        if not more:
            return frozenset(found)
        found |= more


def evaluates(statement: ast.stmt, evaluators: frozenset[str]) -> bool:
    """Whether a statement runs the model."""
    return any(called(call) in evaluators for call in own_calls(statement))


def judged(block: ast.stmt, evaluators: frozenset[str]) -> frozenset[str]:
    """Names that hold validation losses, or what was made of them."""
    found: set[str] = set()
    while True:
        size = len(found)
        for node in walk_own(block):
            if not isinstance(node, ast.Assign | ast.AugAssign):
                continue
            runs = any(called(call) in evaluators for call in own_calls(node.value))
            if runs or names_loaded(node.value) & found:
                found |= names_bound(node)
        if len(found) == size:
            return frozenset(found)


def leaves(statement: ast.stmt) -> bool:
    """Whether a statement only leaves the loop."""
    if not isinstance(statement, ast.If) or statement.orelse:
        return False
    return any(isinstance(each, ast.Break | ast.Return) for each in statement.body) and all(
        isinstance(each, ast.Break | ast.Return | ast.Pass) or not list(own_calls(each)) for each in statement.body
    )

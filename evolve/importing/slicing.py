"""Backwards from the hooks and optimizers: what of a script they need."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from evolve.blocks import blocks
from evolve.importing.aliases import aliases
from evolve.importing.effects import Effects, sliced
from evolve.importing.hooks import Hooks
from evolve.importing.trees import Definition, called, dotted, names_bound, own_calls, root, walk_own
from evolve.operators.pruning.scopes import Scopes
from evolve.operators.pruning.vocabulary import CONTAINER_WRITES

_BASICS = frozenset(["set_float32_matmul_precision", "use_deterministic_algorithms"])


class Needs:
    """Free names of statements.

    Args:
        tree: The script.
        chain: The functions whose variables count as the script's own: a main function.
    """

    def __init__(self, tree: ast.Module, chain: Iterable[ast.AST]) -> None:
        self._scopes = Scopes(tree)
        self._outer = {id(tree), *(id(node) for node in chain)}

    def of(self, node: ast.AST) -> set[str]:
        """Names that a node reads from the script's outermost variables."""
        found = set()
        for each in ast.walk(node):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load):
                binding = self._scopes.of.get(each)
                scope = binding.scope if binding is not None else None
                if scope is None or id(scope.node) in self._outer:
                    found.add(each.id)
            elif isinstance(each, ast.Global | ast.Nonlocal):
                found.update(each.names)
        return found


def keep(
    before: list[ast.stmt], inside: list[ast.stmt], hooks: Hooks, effects: Effects, needs: Needs
) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """What is needed of the statements before and after the model is made; the hooks are sliced in place.

    Args:
        before: Statements before the model, in order.
        inside: Statements after it, up to the loop.
        hooks: The loop; its bodies become what matters of them.
        effects: Their `needed` names grow here.
        needs: Tells free names.
    """
    _grow(before, inside, hooks, effects, needs)
    undone = hooks.around or any(effects.matters(each) for each in hooks.leave)
    if not undone and any(effects.matters(each) for each in hooks.enter):
        hooks.stay()
        _grow(before, inside, hooks, effects, needs)
    for body in hooks.bodies():
        body[:] = sliced(body, effects)
    kept = [each for each in before if _is_needed_before(each, effects)]
    return kept, sliced(inside, effects)


def _grow(before: list[ast.stmt], inside: list[ast.stmt], hooks: Hooks, effects: Effects, needs: Needs) -> None:
    """Find all names that are needed."""
    effects.needed = {"model"} | needs.of(hooks.optimizers)
    if isinstance(hooks.scale, ast.expr):
        effects.needed |= needs.of(hooks.scale)
    for item in hooks.around:
        effects.needed |= needs.of(item.context_expr)
    everything = [*before, *inside, *(s for body in hooks.bodies() for s in body)]
    effects.weights = aliases(everything, {"model"}) - hooks.judged - hooks.tainted
    known = {n for s in before for n in names_bound(s) if isinstance(s, Definition | ast.Import | ast.ImportFrom)}
    while True:
        effects.forget()
        effects.known_as = aliases(everything, effects.needed - known)
        size = len(effects.needed)
        for statement in [s for body in hooks.bodies() for s in body] + inside:
            if effects.matters(statement):
                effects.needed |= _needed_by(statement, effects, needs)
        for statement in before:
            if _is_needed_before(statement, effects):
                effects.needed |= needs.of(statement)
        if len(effects.needed) == size:
            break


def _needed_by(statement: ast.stmt, effects: Effects, needs: Needs) -> set[str]:
    """Names that a statement reads where it matters: of a block only what matters inside of it."""
    if isinstance(statement, ast.AugAssign) and isinstance(statement.target, ast.Name):
        return needs.of(statement) | {statement.target.id}
    if not isinstance(statement, ast.If | ast.For | ast.While | ast.With | ast.Try):
        return needs.of(statement)
    inner = [each for block in blocks(statement) for each in block]
    found: set[str] = set()
    for child in ast.iter_child_nodes(statement):
        if not isinstance(child, ast.stmt | ast.ExceptHandler):
            found |= needs.of(child)
    for each in inner:
        jumps = any(isinstance(node, ast.Return | ast.Continue | ast.Break) for node in walk_own(each))
        if jumps or effects.matters(each):
            found |= _needed_by(each, effects, needs)
    return found


def _is_needed_before(statement: ast.stmt, effects: Effects) -> bool:
    """Before the model is made only what later code uses counts, and what changes it."""
    if isinstance(statement, Definition | ast.Import | ast.ImportFrom):
        return bool(names_bound(statement) & effects.needed)
    if any(dotted(call.func).rpartition(".")[2] in _BASICS for call in own_calls(statement)):
        return True
    if isinstance(statement, ast.Assign) and "allow_tf32" in dotted(statement.targets[0]):
        return True
    if names_bound(statement) & effects.needed and not isinstance(statement, ast.If | ast.For | ast.While | ast.With):
        return True
    if isinstance(statement, ast.Expr) and any(_fills(call, effects) for call in own_calls(statement)):
        return True
    reached = effects.needed | effects.known_as
    changed = {
        each.id
        for each in walk_own(statement)
        if isinstance(each, ast.Name) and each.id in reached and _is_changed(statement, each)
    }
    return bool(changed) or (bool(names_bound(statement) & effects.needed) and effects.matters(statement))


def _fills(call: ast.Call, effects: Effects) -> bool:
    """Whether a call changes something needed: an object that it is given, or a global variable."""
    reached = effects.needed | effects.known_as
    given = {each.id for each in [*call.args, *(k.value for k in call.keywords)] if isinstance(each, ast.Name)}
    if called(call) in ("setattr", "delattr"):
        return bool(given & reached)
    function = effects.functions().get(called(call))
    if function is None:
        return False
    shared = {name for node in ast.walk(function) if isinstance(node, ast.Global) for name in node.names}
    own = {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
    return bool(shared & effects.needed) or (
        bool(given & reached) and any(_writes_to(n, own) for n in ast.walk(function))
    )


def _writes_to(node: ast.AST, names: set[str]) -> bool:
    if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
        return root(node) in names
    function = node.func if isinstance(node, ast.Call) else None
    return isinstance(function, ast.Attribute) and function.attr in CONTAINER_WRITES and root(function) in names


def _is_changed(statement: ast.stmt, name: ast.Name) -> bool:
    for node in walk_own(statement):
        if isinstance(node, ast.Subscript | ast.Attribute) and not isinstance(node.ctx, ast.Load):
            base: ast.expr = node
            while isinstance(base, ast.Subscript | ast.Attribute):
                base = base.value
            if base is name:
                return True
        method = node.func if isinstance(node, ast.Call) else None
        if isinstance(method, ast.Attribute) and method.value is name and method.attr in CONTAINER_WRITES:
            return True
    return False

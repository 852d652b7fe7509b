"""Gradients are sums over tokens under the contract; a script may train on means."""

from __future__ import annotations

import ast
import copy

from evolve.importing.anatomy import Anatomy
from evolve.importing.architecture import mean_loss
from evolve.importing.errors import NotImportableError
from evolve.importing.facts import Facts
from evolve.importing.hooks import Hooks
from evolve.importing.outside import UNKNOWN
from evolve.importing.trees import called

_CONTEXT = 1024
_BATCH = 8 * 64 * 1024


def scale(hooks: Hooks, tree: ast.Module, anatomy: Anatomy, facts: Facts) -> ast.expr | str | None:
    """What summed gradients are divided by to be the script's: "tokens" for all of a step's, a number, or None.

    Raises:
        NotImportableError: It cannot be told.
    """
    divisor: ast.expr | None = None
    for each in hooks.divisors:
        divisor = each if divisor is None else ast.copy_location(ast.BinOp(divisor, ast.Mult(), each), each)
    value = _value(divisor, anatomy, facts) if divisor is not None else 1
    tokens = _named(facts, tree, ("batch_size", "batch_tokens", "total_batch_size"), _BATCH)
    passes = tokens // (_CONTEXT * _named(facts, tree, ("mbs", "micro_batch_size", "microbatch_size"), 64))
    if mean_loss(tree):
        if value != passes:
            raise NotImportableError(
                f"the loss is a mean over a microbatch; expected it divided by the {passes} microbatches of a step",
                [divisor] if divisor is not None else [anatomy.loop],
            )
        return "tokens"
    if value == 1:
        return None
    if value == tokens:
        return "tokens"
    if value is UNKNOWN:
        raise NotImportableError(
            "what the loss is divided by cannot be told before the script runs", [divisor or anatomy.loop]
        )
    return ast.Constant(value) if isinstance(value, int | float) else None


def _value(node: ast.expr, anatomy: Anatomy, facts: Facts) -> object:
    """A number that may depend on how many sequences a step has."""
    sequences = _BATCH // _CONTEXT
    node = copy.deepcopy(node)
    for _ in range(4):
        node = _Sizes(anatomy, sequences).visit(node)
    made = ast.Module([ast.Assign([ast.Name("_", ast.Store())], node)], [])
    ast.fix_missing_locations(made)
    values = {n.id: facts.by_name(n.id) for n in ast.walk(node) if isinstance(n, ast.Name)}
    known = [
        ast.Assign([ast.Name(name, ast.Store())], ast.Constant(value))
        for name, value in values.items()
        if isinstance(value, int | float)
    ]
    made.body[:0] = known
    ast.fix_missing_locations(made)
    return Facts(made, {}).value(node)


class _Sizes(ast.NodeTransformer):
    """Puts numbers in the place of what depends on the batch."""

    def __init__(self, anatomy: Anatomy, sequences: int) -> None:
        self._sequences = sequences
        self._made = {
            target.id: each.value
            for each in anatomy.loop.body
            if isinstance(each, ast.Assign)
            for target in each.targets
            if isinstance(target, ast.Name)
        }

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if called(node) == "len":
            return ast.Constant(self._sequences)
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("get_world_size",):
            return ast.Constant(1)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "numel":
            return ast.Constant(self._sequences * _CONTEXT)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "size" and node.args:
            return ast.Constant(self._sequences)
        self.generic_visit(node)
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        made = self._made.get(node.id)
        return copy.deepcopy(made) if made is not None else node


def _named(facts: Facts, tree: ast.Module, names: tuple[str, ...], default: int) -> int:
    for name in names:
        value = facts.by_name(name)
        if isinstance(value, int) and value > 0:
            return value
    return default

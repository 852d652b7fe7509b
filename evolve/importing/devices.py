"""A script says "cuda"; a genome trains where its parameters are."""

from __future__ import annotations

import ast

from evolve.importing.anatomy import Anatomy
from evolve.importing.trees import called, method

_NAME = "device"


def without_cuda(tree: ast.Module, anatomy: Anatomy) -> None:
    """Put the model's own device, in place, wherever a script names a card."""
    made = anatomy.before[anatomy.model]
    name = _NAME
    found = False
    for statement in anatomy.before:
        if statement is made or not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
            continue
        target = statement.targets[0]
        if isinstance(target, ast.Name) and _is_device(statement.value):
            statement.value = ast.fix_missing_locations(ast.copy_location(_device(), statement.value))
            name, found = target.id, True
    replacing = _Devices(name)
    replacing.visit(tree)
    if replacing.used and not found:
        place = tree.body.index(next(each for each in tree.body if made in ast.walk(each)))
        statement = ast.Assign([ast.Name(name, ast.Store())], _device())
        tree.body.insert(place, ast.fix_missing_locations(ast.copy_location(statement, made)))


def _device() -> ast.expr:
    return ast.parse("model.embed.weight.device", mode="eval").body


def _is_device(node: ast.expr) -> bool:
    if isinstance(node, ast.IfExp):
        return _is_device(node.body)
    return called(node) == "torch.device" or _is_card(node)


def _is_card(node: ast.AST) -> bool:
    """Whether an expression is the name of a card."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and (node.value == "cuda" or node.value.startswith("cuda:"))
    if isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.Constant):
        return str(node.values[0].value).startswith("cuda")
    return False


class _Devices(ast.NodeTransformer):
    def __init__(self, name: str) -> None:
        self._name = name
        self.used = False

    def _own(self, node: ast.AST) -> ast.expr:
        self.used = True
        return ast.copy_location(ast.Name(self._name, ast.Load()), node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if called(node) == "torch.device" and node.args and _is_card(node.args[0]):
            return self._own(node)
        if (
            isinstance(node.func, ast.Attribute)
            and method(node) == "cuda"
            and not node.args
            and called(node) != "torch.cuda"
        ):
            self.generic_visit(node)
            node.func.attr, node.args = "to", [self._own(node)]
            return node
        if method(node) == "autocast":
            return node
        for keyword in node.keywords:
            if keyword.arg == "device" and _is_card(keyword.value):
                keyword.value = self._own(keyword.value)
        if method(node) == "to" and node.args and _is_card(node.args[0]):
            node.args[0] = self._own(node.args[0])
        self.generic_visit(node)
        return node

"""A genome read once: its tree, text, scopes and parents, and the questions that every transform asks of them."""

from __future__ import annotations

import ast
from functools import cached_property
from types import UnionType
from typing import TypeAlias, TypeGuard

from evolve.blocks import blocks
from evolve.operators.pruning.scopes import Binding, Scopes
from evolve.operators.pruning.text import Edit, Text
from population.genome import parse

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef

RECIPE = "recipe"
"""Name of the function through which a genome is used."""

HOOKS = ("before_forward", "after_backward", "after_step", "eval_weights")
"""Entries of the recipe's result that may be left out."""

CONTRACT = ("optimizers", "set_hparams", *HOOKS)
"""All entries of the recipe's result."""


class Reading:
    """One genome, parsed and resolved.

    Attributes:
        text: Its text, for edits.
        tree: Its syntax tree.
        scopes: What every name means.
        parent: The node around each node.

    Raises:
        population.genome.GenomeError: The source is not a genome.
    """

    def __init__(self, source: str) -> None:
        self.text = Text(source)
        self.tree = parse(self.text.source)
        self.scopes = Scopes(self.tree)
        self.parent: dict[ast.AST, ast.AST] = {}
        for node in ast.walk(self.tree):
            for child in ast.iter_child_nodes(node):
                if not isinstance(child, ast.expr_context | ast.operator | ast.unaryop | ast.boolop | ast.cmpop):
                    self.parent[child] = node

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node in source order (a parent before its children)."""
        found: list[ast.AST] = []
        stack: list[ast.AST] = [self.tree]
        while stack:
            node = stack.pop()
            found.append(node)
            stack.extend(reversed(list(ast.iter_child_nodes(node))))
        return found

    @cached_property
    def functions(self) -> list[Function]:
        """Every `def`, in source order."""
        return [node for node in self.nodes if isinstance(node, Function)]

    @cached_property
    def methods(self) -> dict[str, list[Function]]:
        """Functions in class bodies, by name."""
        found: dict[str, list[Function]] = {}
        for function in self.functions:
            if isinstance(self.parent[function], ast.ClassDef):
                found.setdefault(function.name, []).append(function)
        return found

    @cached_property
    def recipe(self) -> Function | None:
        """The module's `recipe`, if it has one."""
        named = [n for n in self.tree.body if isinstance(n, Function) and n.name == RECIPE]
        return named[-1] if named else None

    def binding(self, node: ast.AST) -> Binding:
        """The variable that a name, argument or definition means."""
        return self.scopes.of[node]

    def definition(self, node: ast.expr) -> Function | ast.ClassDef | None:
        """The one function or class of the genome that a name means."""
        if not isinstance(node, ast.Name):
            return None
        stores = self.binding(node).stores
        if len(stores) == 1 and isinstance(stores[0], Function | ast.ClassDef):
            return stores[0]
        return None

    def path(self, node: ast.expr) -> str:
        """The full dotted name of something imported (`torch.nn.functional.normalize`) or built in; else "".

        Builtins come as `builtins.len`.
        """
        if isinstance(node, ast.Attribute):
            base = self.path(node.value)
            return f"{base}.{node.attr}" if base and not base.startswith("builtins.") else ""
        if not isinstance(node, ast.Name):
            return ""
        binding = self.binding(node)
        if binding.scope is None:
            return f"builtins.{node.id}"
        if len(binding.stores) != 1 or not isinstance(binding.stores[0], ast.alias):
            return ""
        alias = binding.stores[0]
        statement = self.parent[alias]
        if isinstance(statement, ast.ImportFrom):
            return f"{statement.module}.{alias.name}"
        return alias.name if alias.asname else alias.name.split(".")[0]

    def inside(self, node: ast.AST, *kinds: type[ast.AST] | UnionType) -> ast.AST | None:
        """The nearest node around this one that is of one of these kinds."""
        around = self.parent.get(node)
        while around is not None and not isinstance(around, kinds):
            around = self.parent.get(around)
        return around

    def is_quoted(self, node: ast.AST) -> bool:
        """Whether a node stands in an f-string, where Python before 3.12 does not know positions."""
        return self.inside(node, ast.JoinedStr) is not None

    def statement(self, node: ast.AST) -> ast.stmt:
        """The smallest statement that holds a node, or the node itself."""
        while not isinstance(node, ast.stmt):
            node = self.parent[node]
        return node

    def block(self, statement: ast.stmt) -> list[ast.stmt]:
        """The block that a statement stands in."""
        for body in blocks(self.parent[statement]):
            if any(member is statement for member in body):
                return body
        raise LookupError(f"line {statement.lineno}: the statement stands in no block")

    def replaced(self, node: ast.expr, by: ast.expr) -> Edit:
        """Put one part of an expression in the place of the whole."""
        if isinstance(self.parent[node], ast.Attribute) and isinstance(by, ast.Constant):
            return Edit(*self.text.span(node), f"({self.text.of(by)})")  # `3.real` is no Python
        return self.text.replaced(node, by, bare=self._needs_no_parentheses(node, by))

    def _needs_no_parentheses(self, node: ast.expr, by: ast.expr) -> bool:
        """Whether an expression can stand in another's place as it is."""
        parent = self.parent[node]
        if isinstance(by, ast.NamedExpr | ast.Lambda | ast.Yield | ast.YieldFrom | ast.GeneratorExp | ast.Starred):
            return False
        if isinstance(
            parent, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Return | ast.Expr | ast.keyword | ast.List
        ):
            return True
        if isinstance(parent, ast.Call):
            return parent.func is not node
        tight = isinstance(by, ast.BinOp) and isinstance(by.op, ast.Mult | ast.Div | ast.MatMult | ast.Pow)
        return isinstance(parent, ast.BinOp) and isinstance(parent.op, ast.Add | ast.Sub) and tight

    def name(self, node: ast.AST) -> str:
        """Where a node stands, for people: `Muon.step`, `recipe.set_hparams`, or "" at the top."""
        parts = []
        around: ast.AST | None = node
        while around is not None:
            if isinstance(around, Function | ast.ClassDef):
                parts.append(around.name)
            around = self.parent.get(around)
        return ".".join(reversed(parts))


def is_docstring(statement: ast.stmt) -> bool:
    """Whether a statement is a string standing alone."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def called_name(call: ast.Call) -> str:
    """The last word of what is called, "" without one."""
    function = call.func
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def string(node: ast.AST | None) -> str | None:
    """The value of a string literal, else None."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return None


def is_setdefault(node: ast.AST) -> TypeGuard[ast.Call]:
    """Whether a node is `x.setdefault("key", value)`."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or node.keywords:
        return False
    return node.func.attr == "setdefault" and len(node.args) == 2 and string(node.args[0]) is not None

"""Renames whatever in a genome may bear any name."""

from __future__ import annotations

import ast
import builtins
import random


def renamed(source: str, rng: random.Random) -> str:
    """Every name that is only ever a plain variable, function or class, renamed at random."""
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    plain = {node.id for node in nodes if isinstance(node, ast.Name)}
    plain |= {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    spoken = {node.arg for node in nodes if isinstance(node, ast.keyword)}
    spoken |= {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    spoken |= {node.attr for node in nodes if isinstance(node, ast.Attribute)} | set(dir(builtins))
    spoken |= {
        alias.asname or alias.name
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    if any(isinstance(node, ast.keyword) and node.arg is None for node in nodes):  # a dict may fill any parameter
        spoken |= {node.arg for node in nodes if isinstance(node, ast.arg)}
    spoken |= {"recipe", "model", "train_steps", "info", "__init__", "step"}
    in_classes = {
        line.name
        for node in nodes
        if isinstance(node, ast.ClassDef)
        for line in node.body
        if isinstance(line, ast.FunctionDef)
    }
    names = sorted(plain - spoken - in_classes)
    new = {name: f"n{place}" for place, name in enumerate(rng.sample(names, len(names)))}
    for node in nodes:
        if isinstance(node, ast.Name):
            node.id = new.get(node.id, node.id)
        elif isinstance(node, ast.arg):
            node.arg = new.get(node.arg, node.arg)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            node.name = new.get(node.name, node.name)
        elif isinstance(node, ast.Nonlocal):
            node.names = [new.get(name, name) for name in node.names]
    return ast.unparse(tree)  # fmt: skip

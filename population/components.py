"""The components of a genome: its named parts that can be swapped, tuned or ablated.

Found on the syntax tree alone, so no genome is ever run here. A name is unique within its genome and says
where the part stands (`Muon.step`, `recipe.AdamW.betas[0]`, `MUON_LR`), so that it survives edits elsewhere;
parts that would share a name are numbered in order (`recipe.AdamW.lr`, `recipe.AdamW.lr#2`). This module must
not know what is done to components or why, nor import torch.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from population.component import Component, Hyperparameter, Kind, Names
from population.genome import GenomeError, parse
from population.hyperparameters import find_hyperparameters, hyperparameters, with_values
from population.scales import Scale
from population.syntax import Definition, callee, entries, find_recipe, in_order, line_starts, lines

HOOKS = ("before_forward", "after_backward", "after_step", "eval_weights")
"""Optional entries of the dict that `recipe` returns."""

_IN_PLACE = """
    zero_ fill_ normal_ uniform_ trunc_normal_ orthogonal_ eye_ copy_ mul_ div_ add_ sub_ clamp_ constant_
    ones_ zeros_ xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ sparse_ dirac_
"""
_INITIALIZERS = frozenset(_IN_PLACE.split())


def components(source: str) -> tuple[Component, ...]:
    """All components of a genome, in the order of their first line.

    Raises:
        GenomeError: As `population.genome.parse`.
    """
    tree = parse(source)
    names = Names()
    found = [
        *find_hyperparameters(tree, line_starts(source.encode()), names),
        *_definitions(tree, names),
        *_init_rules(tree, names),
        *_parameter_groups(tree, names),
    ]
    found.sort(key=lambda part: (part.first_line, part.last_line))
    return tuple(found)


def _walk_definitions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Definition]]:
    """Every function and class below a list of statements, with its dotted name, outer ones first."""
    for node in body:
        if isinstance(node, Definition):
            name = f"{prefix}{node.name}"
            yield name, node
            yield from _walk_definitions(node.body, f"{name}.")
        else:
            for field in ("body", "orelse", "finalbody", "handlers", "cases"):
                inner = getattr(node, field, [])
                if isinstance(inner, list):
                    yield from _walk_definitions(inner, prefix)


def _definitions(tree: ast.Module, names: Names) -> Iterator[Component]:
    found = list(_walk_definitions(tree.body, ""))
    schedule = _schedule(tree, found)
    hooks = _hook_names(tree)
    initializers = {node.name for node in init_functions(tree)}
    for name, node in found:
        if isinstance(node, ast.ClassDef):
            kind = Kind.CLASS
        elif name in schedule:
            kind = Kind.SCHEDULE
        elif name.startswith("recipe.") and node.name in hooks:
            kind = Kind.HOOK
        elif name in initializers:
            kind = Kind.INIT_RULE
        else:
            kind = Kind.FUNCTION
        yield Component(kind, names(name), *lines(node))


def _returned(tree: ast.Module) -> dict[str, ast.expr]:
    """The entries of the dict that `recipe` returns, where they are written as a dict or a call of `dict`."""
    recipe = find_recipe(tree)
    returned: dict[str, ast.expr] = {}
    for node in ast.walk(recipe) if recipe else ():
        if isinstance(node, ast.Dict | ast.Call):
            found = dict(entries(node))
            if "optimizers" in found:
                returned |= found
    return returned


def _hook_names(tree: ast.Module) -> set[str]:
    returned = _returned(tree)
    return {value.id for key, value in returned.items() if key in HOOKS and isinstance(value, ast.Name)} | set(HOOKS)


def _schedule(tree: ast.Module, found: list[tuple[str, Definition]]) -> set[str]:
    """Dotted names of `set_hparams` and of the functions that nothing else calls."""
    handed = _returned(tree).get("set_hparams")
    start = handed.id if isinstance(handed, ast.Name) else "set_hparams"
    schedule = {name for name, node in found if node.name == start and not isinstance(node, ast.ClassDef)}
    candidates = {
        name: node
        for name, node in found
        if isinstance(node, ast.FunctionDef) and name.removeprefix("recipe.").count(".") == 0 and name != "recipe"
    }
    users = _users(tree)
    while True:
        more = {
            name
            for name, node in candidates.items()
            if name not in schedule
            and (others := [chain for chain in users.get(node.name, ()) if name not in chain])
            and all(not schedule.isdisjoint(chain) for chain in others)
        }
        if not more:
            return schedule
        schedule |= more


def _users(tree: ast.Module) -> dict[str, list[frozenset[str]]]:
    """For each name, the dotted names of the functions and classes around each place that mentions it."""
    users: dict[str, list[frozenset[str]]] = {}
    stack: list[tuple[ast.AST, str, frozenset[str]]] = [(tree, "", frozenset())]
    while stack:
        node, path, around = stack.pop()
        if isinstance(node, Definition):
            path = f"{path}{node.name}."
            around = around | {path[:-1]}
        elif isinstance(node, ast.Name):
            users.setdefault(node.id, []).append(around)
        stack += [(child, path, around) for child in ast.iter_child_nodes(node)]
    return users


def init_functions(tree: ast.Module) -> list[ast.FunctionDef]:
    """Top-level functions that `recipe` calls for their effect alone, with parameters set in place inside."""
    recipe = find_recipe(tree)
    called = {
        node.value.func.id
        for node in (recipe.body if recipe else ())
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Name)
    }
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in called]
    return [node for node in functions if any(initializer(line) for line in node.body)]


def _init_rules(tree: ast.Module, names: Names) -> Iterator[Component]:
    """What sets parameters in place: statements of `recipe`, whole loops and `no_grad` blocks, single calls.

    The functions among the init rules are found with the other definitions; here come the calls inside them.
    """
    recipe = find_recipe(tree)
    for statement in recipe.body if recipe else ():
        call = initializer(statement)
        if call is not None:
            yield Component(Kind.INIT_RULE, names(f"recipe.init.{call}"), *lines(statement))
    for function in init_functions(tree):
        for node in in_order(function):
            rule = initializer(node) if isinstance(node, ast.Expr) else None
            if isinstance(node, ast.Expr) and rule is not None:
                yield Component(Kind.INIT_RULE, names(f"{function.name}.{rule}"), *lines(node))


def initializer(node: ast.stmt) -> str | None:
    """Name of the first call that makes a statement an init rule, or None."""
    if isinstance(node, Definition | ast.Return):
        return None
    for part in ast.walk(node):
        if isinstance(part, Definition | ast.Lambda):
            return None
        if isinstance(part, ast.Call) and isinstance(part.func, ast.Attribute) and part.func.attr in _INITIALIZERS:
            return part.func.attr
    return None


def _parameter_groups(tree: ast.Module, names: Names) -> Iterator[Component]:
    """Dicts with "params", and optimizers in `recipe` that take their parameters without such dicts."""
    recipe = find_recipe(tree)
    if recipe is None:
        return
    classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    for node in in_order(recipe):
        if not isinstance(node, ast.Dict | ast.Call):
            continue
        written = dict(entries(node))
        if isinstance(node, ast.Call) and callee(node) != "dict":
            optimizer = callee(node) in classes or "optim" in ast.unparse(node.func)
            if optimizer and node.args and not any(_is_group(part) for part in ast.walk(node.args[0])):
                yield Component(
                    Kind.PARAMETER_GROUP,
                    names(f"recipe.{callee(node)}({_short(node.args[0])})"),
                    *lines(node),
                )
        elif _is_group(node):
            yield Component(Kind.PARAMETER_GROUP, names(f"recipe.group({_short(written['params'])})"), *lines(node))


def _is_group(node: ast.AST) -> bool:
    if not isinstance(node, ast.Dict | ast.Call) or (isinstance(node, ast.Call) and callee(node) != "dict"):
        return False
    return any(key == "params" for key, _ in entries(node))


def _short(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 60 else text[:57] + "..."


__all__ = [
    "HOOKS",
    "Component",
    "GenomeError",
    "Hyperparameter",
    "Kind",
    "Scale",
    "components",
    "hyperparameters",
    "with_values",
]

"""What goes from a script while it is folded: printing and the like, and definitions that nobody uses.

Also its own names for the model and for the seed.
"""

from __future__ import annotations

import ast

from evolve.blocks import blocks
from evolve.importing.effects import Effects, definitions
from evolve.importing.trees import Definition, dotted, method

_JUDGED_LATER = frozenset({"requires_grad_", "next"})
"""What others look at: weights that are not trained, tokens that are skipped."""
_SEEDING = ("torch.manual_seed", "torch.random.manual_seed")


def clean(tree: ast.Module) -> None:
    """Remove, in place, calls that change nothing, blocks that are empty then, and unused definitions."""
    everything = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    effects = Effects(definitions(tree), everything)
    meant = _replaced_modes(tree) | _declarations(tree)
    for node in reversed(list(ast.walk(tree))):
        for body in blocks(node):
            body[:] = [each for each in body if not _is_idle(each, effects, meant)] or _filled(node, body)
    while _without_unused(tree):
        pass


def _filled(node: ast.AST, body: list[ast.stmt]) -> list[ast.stmt]:
    return [] if isinstance(node, ast.Module) or body is not getattr(node, "body", None) else [ast.Pass()]


def _replaced_modes(tree: ast.Module) -> frozenset[str]:
    """Those of `eval` and `train` that are given to an object anew: calling them may do anything."""
    stores = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store))
    return frozenset(node.attr for node in stores) & {"eval", "train"}


def _declarations(tree: ast.Module) -> frozenset[str]:
    """What tells of command line arguments, while there is somebody who asks for them."""
    asked = any(method(node) in ("parse_args", "parse_known_args") for node in ast.walk(tree))
    return frozenset({"add_argument", "set_defaults"} if asked else ())


def _is_idle(statement: ast.stmt, effects: Effects, meant: frozenset[str]) -> bool:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
        if dotted(statement.value.func) in _SEEDING or method(statement.value) in meant | _JUDGED_LATER:
            return False
        return not effects.acts(statement.value)
    if isinstance(statement, ast.If | ast.For | ast.While | ast.With):
        inner = [each for block in blocks(statement) for each in block]
        return all(isinstance(each, ast.Pass) for each in inner) and not effects.matters(statement)
    return False


def _without_unused(tree: ast.Module) -> bool:
    """Remove functions and classes that nothing mentions; tells whether there were any."""
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    found = False
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            continue
        for body in blocks(node):
            gone = [each for each in body if isinstance(each, Definition) and each.name not in used]
            if gone:
                body[:] = [each for each in body if each not in gone] or _filled(node, body)
                found = True
    return found


def seeded(tree: ast.Module, names: frozenset[str], seed: int) -> None:
    """Let the trial's rng_seed take the place of the script's own seed, in place.

    Args:
        tree: The script.
        names: Variables that it seeds itself with.
        seed: Its own seed; other literal seeds keep their distance from it.
    """
    first = True
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and dotted(node.func) in _SEEDING and node.args:
            value = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            if isinstance(value, int):
                text = "torch.initial_seed()" if value == seed else f"torch.initial_seed() + {value - seed}"
                node.args[0] = _expression(text, node)
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        if isinstance(node, ast.Assign) and isinstance(target, ast.Name) and target.id in names:
            node.value = _expression("torch.initial_seed()" if first else "0", node)
            first = False


def _expression(text: str, place: ast.AST) -> ast.expr:
    made = ast.parse(text, mode="eval").body
    for node in ast.walk(made):
        ast.copy_location(node, place)
    return made


def in_place(tree: ast.Module) -> None:
    """Write into parameters instead of giving them other memory, in place: `p.data = x` becomes `p.data.copy_(x)`."""
    for node in ast.walk(tree):
        for body in blocks(node):
            for index, each in enumerate(body):
                match each:
                    case ast.Assign(targets=[ast.Attribute(value=ast.Name(), attr="data") as target], value=value):
                        owner = ast.copy_location(ast.Attribute(target.value, "data", ast.Load()), target)
                        copy = ast.copy_location(ast.Attribute(owner, "copy_", ast.Load()), target)
                        call = ast.copy_location(ast.Call(copy, [value], []), each)
                        body[index] = ast.copy_location(ast.Expr(call), each)


def named_model(tree: ast.Module, names: frozenset[str]) -> None:
    """Call the model `model`, in place."""
    others = names - {"model"}
    if others:
        _Model(others).visit(tree)


class _Model(ast.NodeTransformer):
    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        own = {argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)}
        outer, self._names = self._names, self._names - own
        self.generic_visit(node)
        self._names = outer
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self._names:
            node.id = "model"
        return node

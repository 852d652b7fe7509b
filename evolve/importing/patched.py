"""Methods put on the model from outside: what they do besides calling the old one moves to where the loop calls them.

`model.eval = f` and `model.train = f`: the loop's own calls become calls of `f`. `model.forward = f`: what `f` does in
training mode before it calls the old one is done before the forward pass. Anything else is refused: under the contract
nobody calls methods of the model but its forward pass.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable

from evolve.blocks import blocks
from evolve.importing.anatomy import Anatomy
from evolve.importing.errors import NotImportableError
from evolve.importing.trees import called, dotted, method, own_calls, parents, walk_own

_MODES = frozenset({"eval", "train"})
_PASSES = frozenset({"forward", "__call__", "_call_impl", "_compiled_call_impl"})


def is_patched(tree: ast.AST, names: frozenset[str]) -> bool:
    """Whether something replaces a method that torch, or the loop, calls of a module.

    Args:
        tree: The script.
        names: Names of the model.
    """
    return bool(_stores(tree, names))


def compiled_known(tree: ast.Module, names: frozenset[str]) -> None:
    """Decide, in place, whether the model has a compiled pass: `_compiled_call_impl` is None unless it was compiled.

    Args:
        tree: The script.
        names: Names of the model.
    """
    compiled = any(called(node) in {f"{name}.compile" for name in names} for node in ast.walk(tree))
    held = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _asked(node.value, names) == "_compiled_call_impl"
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        match node:
            case ast.Compare(left=left, ops=[ast.Is() | ast.IsNot() as op], comparators=[ast.Constant(value=None)]):
                named = isinstance(left, ast.Name) and left.id in held
                if named or _asked(left, names) == "_compiled_call_impl":
                    node.left = ast.copy_location(ast.Constant(1 if compiled else None), left)
                    node.ops = [op]


def unpatched(tree: ast.Module, anatomy: Anatomy) -> list[str]:
    """Give the model its own methods back, in place, and do in the loop what the others did besides.

    Args:
        tree: The script, folded.
        anatomy: Its parts.

    Returns:
        Notes for the user.

    Raises:
        NotImportableError: What a method does besides has no place under the contract.
    """
    around, names, loop = parents(tree), anatomy.names, anatomy.loop
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    notes = []
    for statement, target in _stores(tree, names):
        owner = target.value
        once = around[statement] is tree or around[statement] in anatomy.chain
        value = statement.value if isinstance(statement, ast.Assign) and len(statement.targets) == 1 else None
        known = functions.get(value.id) if isinstance(value, ast.Name) else None
        if known is None or not once or not (isinstance(owner, ast.Name) and owner.id in names):
            raise _refusal("a method that torch calls is replaced", [statement])
        _removed(statement, around)
        if target.attr in _MODES:
            _call_in_loop(loop, target.attr, known.name, names)
        else:
            _move(tree, loop, target.attr, known, names)
            notes.append(
                f"line {statement.lineno}: what {known.name}() does before the model's forward pass is done once a "
                "step, not once for each microbatch"
            )
    _Original(_names_of(tree, names, _MODES)).visit(tree)
    return notes


def _refusal(what: str, nodes: Iterable[ast.AST]) -> NotImportableError:
    return NotImportableError(
        f"{what}: a genome cannot change what the model does; write what it does to the weights into the training loop",
        nodes,
    )


def _stores(tree: ast.AST, names: frozenset[str]) -> list[tuple[ast.stmt, ast.Attribute]]:
    """Statements that replace the model's modes, or any module's pass."""
    found: list[tuple[ast.stmt, ast.Attribute]] = []
    for node in ast.walk(tree):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and called(node.value) == "setattr":
            match node.value.args:
                case [owner, ast.Constant(value=str() as name), *_]:
                    targets = [ast.Attribute(owner, name, ast.Store())]
        if isinstance(node, ast.Assign | ast.Expr):
            found += [(node, each) for each in targets if isinstance(each, ast.Attribute) and _is_method(each, names)]
    return found


def _is_method(target: ast.Attribute, names: frozenset[str]) -> bool:
    root = dotted(target.value).partition(".")[0]
    return root != "self" and (target.attr in _PASSES or (target.attr in _MODES and root in names))


def _removed(statement: ast.stmt, around: dict[ast.AST, ast.AST]) -> None:
    for body in blocks(around[statement]):
        body[:] = [each for each in body if each is not statement] or [ast.copy_location(ast.Pass(), statement)]


def _call_in_loop(loop: ast.For, name: str, function: str, names: frozenset[str]) -> None:
    """Let the loop call a function where it sets the model's mode."""
    for node in walk_own(loop):
        if isinstance(node, ast.Call) and called(node) in {f"{model}.{name}" for model in names}:
            node.func = ast.copy_location(ast.Name(function, ast.Load()), node.func)


def _move(tree: ast.Module, loop: ast.For, name: str, function: ast.FunctionDef, names: frozenset[str]) -> None:
    """Do before the forward pass what a function does before it calls the old one."""
    *first, last = function.body
    value = last.value if isinstance(last, ast.Return) else None
    given = {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
    reads = {node.id for each in first for node in ast.walk(each) if isinstance(node, ast.Name)}
    passes = {f"{model}.{each}" for model in names for each in _PASSES} | _names_of(tree, names, _PASSES)
    if not isinstance(value, ast.Call) or called(value) not in passes or reads & given:
        raise _refusal(f"the model's {name} is replaced by something that does not just call the old one", [function])
    if not all(_in_training_alone(each, names) for each in first):
        raise _refusal(f"the model's {name} is replaced, for validation too", [function])
    made = copy.deepcopy(function)
    made.returns = None
    made.args = ast.arguments([], [], None, [], [], None, [])
    made.body = [_InTraining(names).visit(each) for each in made.body[:-1]] or [ast.Pass()]
    call = ast.Expr(ast.Call(ast.Name(made.name, ast.Load()), [], []))
    trained = next(i for i, each in enumerate(loop.body) if any(method(c) == "backward" for c in own_calls(each)))
    loop.body.insert(trained, ast.fix_missing_locations(ast.copy_location(call, loop.body[trained])))
    place = parents(tree)[function]
    for body in blocks(place):
        if any(each is function for each in body):
            index = next(i for i, each in enumerate(body) if each is function)
            body[index] = ast.fix_missing_locations(made)


def _in_training_alone(statement: ast.stmt, names: frozenset[str]) -> bool:
    """Whether a statement does nothing in validation."""
    if not isinstance(statement, ast.If) or statement.orelse:
        return False
    test = statement.test
    parts = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
    return any(_is_training(part, names) for part in parts)


def _is_training(node: ast.AST, names: frozenset[str]) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id=owner), attr="training"):
            return owner in names
        case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr="is_grad_enabled")):
            return True
    return False


class _InTraining(ast.NodeTransformer):
    """Makes `model.training` true."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        return ast.copy_location(ast.Constant(True), node) if _is_training(node, self._names) else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        return ast.copy_location(ast.Constant(True), node) if _is_training(node, self._names) else node


def _asked(node: ast.AST, names: frozenset[str]) -> str:
    """Name of the attribute of the model that an expression gives, or ""."""
    match node:
        case ast.Attribute(value=ast.Name(id=owner), attr=name) if owner in names:
            return name
        case ast.Call(func=ast.Name(id="getattr"), args=[ast.Name(id=owner), ast.Constant(value=str() as name), *_]):
            return name if owner in names else ""
    return ""


def _names_of(tree: ast.AST, names: frozenset[str], methods: frozenset[str]) -> set[str]:
    """Variables that hold methods of the model."""
    return {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _asked(node.value, names) in methods
        for target in node.targets
        if isinstance(target, ast.Name)
    }


class _Original(ast.NodeTransformer):
    """Makes calls of the old `eval` and `train` nothing."""

    def __init__(self, held: set[str]) -> None:
        self._held = held

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        return ast.copy_location(ast.Constant(None), node) if called(node) in self._held else node

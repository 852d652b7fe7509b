"""What a script's text must not say, since the contract's loop or the task would do otherwise. Each check raises."""

from __future__ import annotations

import ast
import builtins

from evolve.importing.aliases import aliases
from evolve.importing.anatomy import Anatomy
from evolve.importing.errors import NotImportableError
from evolve.importing.hooks import Hooks
from evolve.importing.slicing import Needs
from evolve.importing.trees import (
    Definition,
    called,
    dotted,
    method,
    names_bound,
    names_loaded,
    parents,
    root,
    walk_own,
)
from evolve.operators.pruning.scopes import Scopes

_DTYPES = frozenset({"bfloat16", "half", "float", "double"})


def check_zeroed(tree: ast.Module, anatomy: Anatomy) -> None:
    """Refuse gradients that are kept from one step to the next.

    Args:
        tree: The script as it was parsed.
        anatomy: Its parts.
    """
    found = [node for node in ast.walk(tree) if _zeroes(node)]
    if not found:
        raise NotImportableError(
            "expected gradients set to None or zero in each step, as by `model.zero_grad()`: the contract's does so",
            [anatomy.loop.iter],
        )
    around = parents(tree)
    guarded = [node for node in found if _depends(node, anatomy, around)]
    if len(guarded) == len(found):
        raise NotImportableError(
            "gradients are set to zero in some steps only: under the contract none are kept for the next step", guarded
        )


def _zeroes(node: ast.AST) -> bool:
    match node:
        case (
            ast.Call(func=ast.Attribute(attr="zero_grad"))
            | ast.Call(func=ast.Attribute(value=ast.Attribute(attr="grad"), attr="zero_"))
        ):
            return True
        case ast.Assign(targets=[ast.Attribute(attr="grad")], value=ast.Constant(value=None)):
            return True
    return False


def _depends(node: ast.AST, anatomy: Anatomy, around: dict[ast.AST, ast.AST]) -> bool:
    """Whether something is done in the loop under a condition on the step."""
    while node is not anatomy.loop and node in around:
        node = around[node]
        if isinstance(node, ast.If) and anatomy.step in names_loaded(node.test):
            return True
    return False


def check_dtypes(tree: ast.Module, anatomy: Anatomy) -> None:
    """Refuse weights of other dtypes than the task's, and weights that share memory."""
    around = parents(tree)
    for node in ast.walk(anatomy.before[anatomy.model]):
        if isinstance(node, ast.Call) and _converts(node):
            raise _other_dtype(node)
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner)) as call) if _converts(call):
                if not _is_embedding(node, owner, method(call), around):
                    raise _other_dtype(node)
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Attribute(value=owner)) as call) if (
                name in anatomy.names and _converts(call) and root(owner) in anatomy.names
            ):
                raise _other_dtype(node)
            case ast.Assign(targets=[ast.Attribute(attr="data")], value=ast.Call(func=ast.Attribute()) as call) if (
                _converts(call)
            ):
                raise _other_dtype(node)
            case ast.Assign(targets=[ast.Attribute(attr="data")], value=ast.Attribute(attr="data")):
                raise NotImportableError(
                    "two tensors share memory from here on: under the contract each parameter keeps its own; copy with "
                    "copy_() if that is what is meant",
                    [node],
                )
            case ast.Call() if called(node) == "torch.set_default_dtype" and dotted(node.args[0]) != "torch.float32":
                raise _other_dtype(node)


def _converts(call: ast.Call) -> bool:
    """Whether a call converts a module's or a tensor's dtype."""
    if not isinstance(call.func, ast.Attribute) or root(call.func) in ("torch", "F"):
        return False
    if method(call) in _DTYPES:
        return not call.args
    given = [*call.args, *(k.value for k in call.keywords if k.arg == "dtype")]
    names = {dotted(each).removeprefix("torch.") for each in given}
    return method(call) == "to" and bool(
        names & {"bfloat16", "float16", "half", "float32", "float", "float64", "double"}
    )


def _is_embedding(statement: ast.AST, owner: ast.expr, name: str, around: dict[ast.AST, ast.AST]) -> bool:
    """Whether it is the embedding that becomes bf16, as in the task."""
    if name != "bfloat16":
        return False
    if dotted(owner).rpartition(".")[2] == "embed":
        return True
    while statement in around:
        statement = around[statement]
        if isinstance(statement, ast.If) and "Embedding" in ast.dump(statement.test):
            return True
    return False


def _other_dtype(node: ast.AST) -> NotImportableError:
    return NotImportableError(
        "the dtypes of weights are the task's: embed.weight is bfloat16, all others are float32, and a genome cannot "
        "change them",
        [node],
    )


def check_trained(tree: ast.Module) -> None:
    """Refuse weights that are not trained, for ever or for a while: under the contract all get gradients.

    Args:
        tree: The script, folded.
    """
    around = parents(tree)
    reached = aliases(tree.body, {"model"})
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=owner, attr="requires_grad_"), args=[ast.Constant(value=False)]):
                pass
            case ast.Assign(targets=[ast.Attribute(value=owner, attr="requires_grad")], value=value) if (
                not isinstance(value, ast.Constant) or value.value is not True
            ):
                pass
            case _:
                continue
        if root(_looped(owner, around)) in reached:
            raise NotImportableError(
                "weights are kept from being trained: under the contract every parameter gets a gradient; write an "
                "optimizer that leaves them as they are",
                [node],
            )


def _looped(node: ast.expr, around: dict[ast.AST, ast.AST]) -> ast.expr:
    """What an expression is a part of: where it is a loop's variable, what the loop goes over."""
    name, outer = root(node), around.get(node)
    while outer is not None:
        if isinstance(outer, ast.For) and name in names_bound(ast.Assign([outer.target], ast.Constant(0))):
            items = outer.iter
            while isinstance(items, ast.Call):
                items = items.func.value if isinstance(items.func, ast.Attribute) else (items.args or [items.func])[0]
            return items
        outer = around.get(outer)
    return node


def check_executed(tree: ast.Module) -> None:
    """Refuse code and variables that only come about when the script runs."""
    around = parents(tree)
    for node in ast.walk(tree):
        if called(node) in ("exec", "execfile", "runpy.run_path"):
            raise NotImportableError("other code is executed here, and cannot be seen in this file", [node])
        if called(node) in ("globals", "vars", "locals"):
            outer = around[node]
            writes = isinstance(outer, ast.Subscript) and not isinstance(outer.ctx, ast.Load)
            if writes or (isinstance(outer, ast.Attribute) and outer.attr in ("update", "setdefault", "pop")):
                raise NotImportableError(
                    f"variables are set through {called(node)}(): expected assignments, whose values can be read",
                    [outer],
                )


def check_sight(hooks: Hooks, statements: list[ast.stmt], needs: Needs) -> None:
    """Refuse what depends on tokens and losses, or changes which optimizers are stepped.

    Args:
        hooks: The loop, sliced.
        statements: What is kept of the statements before it.
        needs: Tells free names.
    """
    for statement in statements:
        if isinstance(statement, Definition) and needs.of(statement) & (hooks.tainted | hooks.judged):
            raise _unseen([statement])
    for body in hooks.bodies():
        fresh = {n for s in body for n in names_bound(s)}
        for statement in body:
            read = names_loaded(statement) | {
                n.target.id
                for n in walk_own(statement)
                if isinstance(n, ast.AugAssign) and isinstance(n.target, ast.Name)
            }
            if read & (hooks.tainted - fresh) or read & hooks.judged:
                raise _unseen([statement])
    _refuse_counted_validations(hooks)
    rebound = {n for body in hooks.bodies() for s in body for n in names_bound(s)} | {
        n for s in statements for each in ast.walk(s) if isinstance(each, ast.Global | ast.Nonlocal) for n in each.names
    }
    if rebound & names_loaded(hooks.optimizers):
        raise NotImportableError(
            "which optimizers are stepped changes while it trains: under the contract they are the same from the first "
            "step on; write one optimizer that does both",
            [s for body in hooks.bodies() for s in body if names_bound(s) & names_loaded(hooks.optimizers)],
        )


def _refuse_counted_validations(hooks: Hooks) -> None:
    """Refuse training on what validations set: the task validates at times of its own."""
    around = [*hooks.enter, *hooks.leave]
    others = [s for body in hooks.bodies() if body is not hooks.enter and body is not hooks.leave for s in body]
    used = {name for statement in others for name in names_loaded(statement)}
    fresh = {name for statement in others for name in names_bound(statement)}
    found = [each for each in around if names_bound(each) & used - fresh]
    if found:
        raise NotImportableError(
            "the training depends on what is set when the loss is validated, which the task does at times of its own; "
            "set it in the loop under a condition on the step",
            found,
        )


def _unseen(nodes: list[ast.stmt]) -> NotImportableError:
    return NotImportableError(
        "a genome sees neither tokens nor losses, be it a training loss or a validation loss: what depends on them "
        "cannot be imported",
        nodes,
    )


def check_defined(source: str) -> None:
    """Refuse a genome in which a name has no meaning: what gives it one was lost."""
    tree = ast.parse(source)
    free = {
        binding.name
        for node, binding in Scopes(tree).of.items()
        if binding.scope is None and isinstance(node, ast.Name) and not hasattr(builtins, binding.name)
    }
    free -= {"__name__", "__file__", "__doc__"}
    if free:
        raise NotImportableError(f"it cannot be told what {', '.join(sorted(free))} will be when the training begins")

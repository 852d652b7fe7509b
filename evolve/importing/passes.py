"""The forward and backward pass of a training loop: that it is the contract's, and what its loss is divided by."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping

from evolve.blocks import blocks
from evolve.importing.anatomy import Anatomy
from evolve.importing.effects import Effects
from evolve.importing.errors import NotImportableError
from evolve.importing.trees import (
    Function,
    called,
    method,
    names_bound,
    names_loaded,
    own_calls,
    root,
    walk_own,
    words,
)
from evolve.operators.pruning.vocabulary import CONTAINER_WRITES

_DEEPEST = 4


def check_training(
    statement: ast.stmt, anatomy: Anatomy, effects: Effects, evaluators: Collection[str]
) -> list[ast.expr]:
    """Check the forward and backward pass.

    Args:
        statement: The statement of the loop with the backward pass in it.
        anatomy: The script's parts.
        effects: Knows which statements act, with every name needed.
        evaluators: Names whose call runs the model.

    Returns:
        What the loss is divided by, one after the other.

    Raises:
        NotImportableError: The contract's loop would train otherwise.
    """
    _refuse_autocast(statement, anatomy)
    backward = [call for call in own_calls(statement) if method(call) == "backward"]
    if len(backward) != 1 or backward[0].args or backward[0].keywords:
        raise NotImportableError("expected one plain backward() per microbatch", backward)
    _refuse_acts(statement, backward[0], anatomy, effects)
    _refuse_microbatch_gradients(statement)
    _refuse_steps(statement, anatomy)
    receiver = backward[0].func
    assert isinstance(receiver, ast.Attribute)
    return _divisors(receiver.value, _trained(statement, anatomy), evaluators, effects.functions())


_HANDLING = words("next to cuda int long view reshape contiguous pin_memory type clone detach size")


def check_batch(body: list[ast.stmt], anatomy: Anatomy) -> None:
    """Refuse other tokens than the task's: some left out, changed, or another loader from some step on.

    Args:
        body: The loop up to the backward pass.
        anatomy: The script's parts.
    """
    fetches = [call for statement in body for call in own_calls(statement) if called(call) == "next"]
    loaders = {name for call in fetches for name in names_loaded(call)} - {"next"}
    tokens = {
        name
        for statement in body
        for node in walk_own(statement)
        if isinstance(node, ast.Assign) and any(each in fetches for each in own_calls(node))
        for name in names_bound(node)
    }
    for statement in body:
        for node in walk_own(statement):
            if isinstance(node, ast.If | ast.While) and anatomy.step in names_loaded(node.test):
                inner = [each for part in blocks(node) for each in part]
                moved = any(called(call) == "next" for each in inner for call in own_calls(each))
                if moved or any(names_bound(each) & (tokens | loaders) for each in inner):
                    raise NotImportableError(_OTHER_TOKENS, [node])
            made = node.value if isinstance(node, ast.Assign) and names_bound(node) & tokens else None
            if isinstance(made, ast.Call) and names_loaded(made) & tokens and method(made) not in _HANDLING:
                raise NotImportableError(_OTHER_TOKENS, [node])


_OTHER_TOKENS = "which tokens are trained on, and in what order, is the task's: what changes them cannot be imported"


def _trained(statement: ast.stmt, anatomy: Anatomy) -> list[ast.stmt]:
    """The statements that make the loss: those of a loop over microbatches, or else all before the backward pass."""
    if isinstance(statement, ast.For | ast.With):
        return [statement]
    body = anatomy.loop.body
    return body[: next((i for i, each in enumerate(body) if each is statement), -1) + 1]


def _refuse_autocast(statement: ast.stmt, anatomy: Anatomy) -> None:
    made = {
        target.id: each
        for each in anatomy.before
        if isinstance(each, ast.Assign) and "autocast" in ast.dump(each.value)
        for target in each.targets
        if isinstance(target, ast.Name)
    }
    for node in walk_own(statement):
        used = (
            isinstance(node, ast.withitem) and isinstance(node.context_expr, ast.Name) and node.context_expr.id in made
        )
        if used or (isinstance(node, ast.Call) and method(node) == "autocast"):
            place = node.context_expr if isinstance(node, ast.withitem) else node
            raise NotImportableError("the forward pass must not run under autocast: the task fixes it", [place])


def _refuse_acts(statement: ast.stmt, backward: ast.Call, anatomy: Anatomy, effects: Effects) -> None:
    """Refuse what else is done for each microbatch; keeping its loss somewhere is none: who reads it is refused."""
    for inner in walk_own(statement):
        if not isinstance(inner, ast.Expr) or not isinstance(inner.value, ast.Call) or inner.value is backward:
            continue
        if effects.acts(inner.value) and not (is_note(inner.value) and not names_loaded(inner.value) & anatomy.names):
            raise NotImportableError(
                "something besides the forward and backward pass happens for each microbatch", [inner]
            )


def is_note(call: ast.Call) -> bool:
    """Whether a call adds to a container: `losses.append(loss)`."""
    return isinstance(call.func, ast.Attribute) and call.func.attr in CONTAINER_WRITES and root(call.func) != ""


def _refuse_microbatch_gradients(statement: ast.stmt) -> None:
    """Refuse what keeps something of the gradients between microbatches."""
    read = any(isinstance(node, ast.Attribute) and node.attr == "grad" for node in walk_own(statement))
    kept = [
        node
        for node in walk_own(statement)
        if isinstance(node, ast.Assign | ast.AugAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Attribute | ast.Subscript)
    ]
    if read and kept:
        raise NotImportableError(
            "gradients of single microbatches are kept: under the contract only their sum over the step is seen", kept
        )


def _refuse_steps(statement: ast.stmt, anatomy: Anatomy) -> None:
    """Refuse tokens that depend on the step: how many microbatches there are, or how they are cut."""
    ran = [each.iter for each in walk_own(statement) if isinstance(each, ast.For)]
    ran += [each.test for each in walk_own(statement) if isinstance(each, ast.If | ast.While) and _skips(each)]
    ran += [call for call in own_calls(statement) if called(call) in anatomy.names]
    for node in ran:
        if anatomy.step in names_loaded(node):
            raise NotImportableError(_OTHER_TOKENS, [node])


def _skips(statement: ast.If | ast.While) -> bool:
    return any(
        isinstance(node, ast.Continue | ast.Break) or (isinstance(node, ast.Call) and method(node) == "backward")
        for node in walk_own(statement)
    )


def _divisors(
    node: ast.expr,
    scope: Iterable[ast.stmt],
    evaluators: Collection[str],
    functions: Mapping[str, Function],
    depth: int = 0,
) -> list[ast.expr]:
    """What a loss was divided by on its way from the model.

    Args:
        node: The expression that is differentiated.
        scope: Statements that may bind names in it.
        evaluators: Names whose call runs the model.
        functions: Functions of the script.
        depth: Names that were followed to come here.

    Raises:
        NotImportableError: It is not the model's loss, or more than that.
    """
    scope = list(scope)
    match node:
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return [*_divisors(left, scope, evaluators, functions, depth), right]
        case ast.BinOp(left=left, op=ast.Mult(), right=ast.Constant(value=1 | 1.0)):
            return _divisors(left, scope, evaluators, functions, depth)
        case ast.Call(func=ast.Attribute(value=value, attr="mean" | "sum"), args=[]):  # of one number: itself
            return _divisors(value, scope, evaluators, functions, depth)
        case ast.Call() if called(node) in functions and depth < _DEEPEST:
            function = functions[called(node)]
            returned = [each.value for s in function.body for each in walk_own(s) if isinstance(each, ast.Return)]
            if len(returned) == 1 and returned[0] is not None:
                return _divisors(returned[0], function.body, evaluators, functions, depth + 1)
        case ast.Call() if called(node) in evaluators:
            return []
        case ast.Name() if depth < _DEEPEST:
            found = _followed(node, scope, evaluators, functions, depth)
            if found is not None:
                return found
    raise NotImportableError(
        "expected backward() of the model's loss as it is, or divided: under the contract nothing is added to it, and "
        "it is not multiplied",
        [node],
    )


def _followed(
    name: ast.Name,
    scope: list[ast.stmt],
    evaluators: Collection[str],
    functions: Mapping[str, Function],
    depth: int,
) -> list[ast.expr] | None:
    """What a variable's loss was divided by, or None if it is no loss alone."""
    made: list[ast.expr] = []
    found: list[ast.expr] = []
    for each in (node for statement in scope for node in walk_own(statement)):
        match each:
            case ast.AugAssign(target=ast.Name(id=target), op=ast.Div(), value=value) if target == name.id:
                found.append(value)
            case ast.AugAssign(target=ast.Name(id=target)) if target == name.id:
                return None
            case ast.Assign(
                targets=[ast.Name(id=target)],
                value=ast.BinOp(left=ast.Name(id=same), op=ast.Div(), right=value),
            ) if target == name.id == same:
                found.append(value)
            case ast.Assign(targets=[target], value=value) if _gets_loss(target) == name.id:
                made.append(value)
    if len(made) != 1 or name.id in names_loaded(made[0]):
        return None
    return [*_divisors(made[0], scope, evaluators, functions, depth + 1), *found]


def _gets_loss(target: ast.expr) -> str:
    """The variable that a loss goes to: of several the first, as in `loss, logits = model(x, y)`."""
    first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else target
    return first.id if isinstance(first, ast.Name) else ""

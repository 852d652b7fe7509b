"""The body of the training loop, statement by statement, as the hooks of the contract.

The loop of the benchmark: validation when due; batch, forward and backward pass; gradients summed over processes;
hyperparameters set; optimizers stepped; gradients to None. What else a script does there lands in the hook that stands
at its place; what cannot is refused.
"""

from __future__ import annotations

import ast

from evolve.importing.anatomy import Anatomy
from evolve.importing.effects import Effects
from evolve.importing.errors import NotImportableError
from evolve.importing.hooks import Hooks
from evolve.importing.passes import check_batch, check_training, is_note
from evolve.importing.stepping import optimizers, sets, steps
from evolve.importing.trees import (
    Definition,
    called,
    dotted,
    method,
    names_bound,
    names_loaded,
    own_calls,
    root,
    walk_own,
)
from evolve.importing.validating import evaluates, evaluators_of, judged, leaves, validation


def mapped(anatomy: Anatomy, effects: Effects) -> Hooks:
    """Map a training loop.

    Args:
        anatomy: The script's parts; settings folded, printing and the like gone.
        effects: Knows which statements act, with every name needed.

    Raises:
        NotImportableError: Something in it has no place under the contract.
    """
    hooks = Hooks()
    body = _unwrapped(anatomy.loop.body)
    _refuse_jumps(body)
    trained = next(i for i, each in enumerate(body) if any(method(c) == "backward" for c in own_calls(each)))
    stepped = [i for i, each in enumerate(body) if i >= trained and steps(each)]
    if not stepped or stepped[0] == trained:
        raise NotImportableError(
            "expected the optimizers' steps after the backward pass, in statements of their own", [body[trained]]
        )
    evaluators = evaluators_of(anatomy, effects)
    validated = [i for i, each in enumerate(body) if i < trained and evaluates(each, evaluators)]
    after = [i for i, each in enumerate(body) if i > trained and evaluates(each, evaluators)]
    if len(validated) > 1:
        raise NotImportableError(
            "expected one place in the loop where the loss is validated", [body[i] for i in validated]
        )
    place = validated[0] if validated else -1
    hooks.tainted = _tainted(body, trained)
    first, last = stepped[0], stepped[-1]
    hooks.start = [each for each in body[: max(place, 0)] if not leaves(each)]
    head = body[place + 1 : trained]
    hooks.before_forward = [each for each in head if not leaves(each) and not _fetches(each, hooks.tainted)]
    if place >= 0:
        validation(hooks, body[place], evaluators, effects)
        hooks.judged = judged(body[place], evaluators)
    check_batch(body[: trained + 1], anatomy)
    hooks.divisors = check_training(body[trained], anatomy, effects, evaluators)
    between = [each for each in body[trained + 1 : first] if not leaves(each)]
    split = next((i for i, each in enumerate(between) if sets(each, effects)), len(between))
    hooks.after_backward, hooks.set_hparams = between[:split], between[split:]
    optimizers(hooks, body[first : last + 1], effects)
    hooks.after_step = [each for i, each in enumerate(body) if i > last and not leaves(each) and i not in after]
    return hooks


def _refuse_jumps(body: list[ast.stmt]) -> None:
    """Refuse steps that are cut short: under the contract each is whole."""
    todo: list[ast.AST] = list(body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Continue):
            raise NotImportableError(
                "expected no `continue` in the training loop: under the contract every step is whole; write what some "
                "steps leave out under an `if`",
                [node],
            )
        if not isinstance(node, ast.For | ast.While | ast.expr | Definition):
            todo += ast.iter_child_nodes(node)


def _unwrapped(body: list[ast.stmt]) -> list[ast.stmt]:
    """Statements of a block, those under contexts that only time or label them included."""
    found: list[ast.stmt] = []
    for statement in body:
        if (isinstance(statement, ast.With) and all(_labels(item.context_expr) for item in statement.items)) or (
            isinstance(statement, ast.Try) and not any(method(c) == "step" for c in own_calls(statement))
        ):
            for block in (statement.body, getattr(statement, "orelse", []), getattr(statement, "finalbody", [])):
                found += _unwrapped(block)
        else:
            found.append(statement)
    return found


def _labels(context: ast.expr) -> bool:
    return any(word in dotted(getattr(context, "func", context)) for word in ("record_function", "profile", "nvtx"))


def _tainted(body: list[ast.stmt], trained: int) -> frozenset[str]:
    """Names that hold tokens or training losses."""
    found: set[str] = set()
    for index, statement in enumerate(body[: trained + 1]):
        if index == trained or any(called(call) == "next" for call in own_calls(statement)):
            found |= names_bound(statement)
    found -= {"i", "_", "j", "k", "name", "p", "n", "param"}
    for node in walk_own(body[trained]):  # containers that are given a loss
        if isinstance(node, ast.Assign | ast.AugAssign) and names_loaded(node.value) & found:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {root(target) for target in targets}
        elif isinstance(node, ast.Call) and is_note(node):
            found.add(root(node.func))
    return frozenset(found)


def _fetches(statement: ast.stmt, tainted: frozenset[str]) -> bool:
    """Whether a statement only handles the batch."""
    if any(called(call) == "next" for call in own_calls(statement)):
        return True
    bound = names_bound(statement)
    return bool(bound) and bound <= tainted and isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign)

"""The body of the training loop, statement by statement, as the hooks of the contract.

The loop of the benchmark: validation when due; batch, forward and backward pass; gradients summed over processes;
hyperparameters set; optimizers stepped; gradients to None. What else a script does there lands in the hook that stands
at its place; what cannot is refused.
"""

from __future__ import annotations

import ast
import copy
from dataclasses import dataclass, field

from evolve.importing.anatomy import Anatomy
from evolve.importing.effects import Effects
from evolve.importing.errors import NotImportableError
from evolve.importing.passes import check_batch, check_training, is_note
from evolve.importing.readout import Readout
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


@dataclass
class Hooks:
    """What a loop does, by place. Each list is the body of a function of the step.

    Attributes:
        start: Before validation, and so after the step before as well as before the first.
        turns: How many turns the loop has, where it is not left by a `break` after that many steps; else "".
        before_forward: Between validation and the forward pass.
        divisors: What the loss is divided by before the backward pass.
        scale: What gradients are divided by, other than a sum's: None, "tokens" or an expression.
        after_backward: Between the backward pass and the first hyperparameter that is set.
        set_hparams: From there to the optimizers.
        schedule: The one function that does all of it, called with the step alone, or "".
        stepping: The optimizers' part where it is more than a step of each in turn, else empty.
        optimizers: Expression for the list of optimizers.
        after_step: What follows.
        enter: In the validation block before the loss.
        leave: After it.
        around: Contexts around the validation loss.
        guards: Conditions under which there is one.
        tainted: Names that hold tokens or training losses.
        judged: Names that hold validation losses.
        notes: What the user should know.
    """

    start: list[ast.stmt] = field(default_factory=list)
    turns: str = ""
    before_forward: list[ast.stmt] = field(default_factory=list)
    divisors: list[ast.expr] = field(default_factory=list)
    scale: ast.expr | str | None = None
    after_backward: list[ast.stmt] = field(default_factory=list)
    set_hparams: list[ast.stmt] = field(default_factory=list)
    schedule: str = ""
    stepping: list[ast.stmt] = field(default_factory=list)
    optimizers: ast.expr = field(default_factory=lambda: ast.List([], ast.Load()))
    after_step: list[ast.stmt] = field(default_factory=list)
    enter: list[ast.stmt] = field(default_factory=list)
    leave: list[ast.stmt] = field(default_factory=list)
    around: list[ast.withitem] = field(default_factory=list)
    guards: list[ast.expr] = field(default_factory=list)
    tainted: frozenset[str] = frozenset()
    judged: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)

    def stay(self) -> None:
        """What validation does to the weights stays: it is done at the start of the step, under its conditions."""
        statements = self.enter
        for guard in reversed(self.guards):
            statements = [ast.copy_location(ast.If(guard, statements, []), guard)]
        self.start, self.enter, self.leave = [*self.start, *statements], [], []

    def bodies(self) -> list[list[ast.stmt]]:
        """All lists of statements."""
        return [
            self.start,
            self.before_forward,
            self.after_backward,
            self.set_hparams,
            self.stepping,
            self.after_step,
            self.enter,
            self.leave,
        ]


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
    stepped = [i for i, each in enumerate(body) if i >= trained and _steps(each)]
    if not stepped or stepped[0] == trained:
        raise NotImportableError(
            "expected the optimizers' steps after the backward pass, in statements of their own", [body[trained]]
        )
    evaluators = _evaluators(anatomy, effects)
    validated = [i for i, each in enumerate(body) if i < trained and _evaluates(each, evaluators)]
    after = [i for i, each in enumerate(body) if i > trained and _evaluates(each, evaluators)]
    if len(validated) > 1:
        raise NotImportableError(
            "expected one place in the loop where the loss is validated", [body[i] for i in validated]
        )
    place = validated[0] if validated else -1
    hooks.tainted = _tainted(body, trained)
    first, last = stepped[0], stepped[-1]
    hooks.start = [each for each in body[: max(place, 0)] if not _leaves(each)]
    head = body[place + 1 : trained]
    hooks.before_forward = [each for each in head if not _leaves(each) and not _fetches(each, hooks.tainted)]
    if place >= 0:
        _validation(hooks, body[place], evaluators, effects)
        hooks.judged = _judged(body[place], evaluators)
    check_batch(body[: trained + 1], anatomy)
    hooks.divisors = check_training(body[trained], anatomy, effects, evaluators)
    between = [each for each in body[trained + 1 : first] if not _leaves(each)]
    split = next((i for i, each in enumerate(between) if _sets(each, effects)), len(between))
    hooks.after_backward, hooks.set_hparams = between[:split], between[split:]
    _optimizers(hooks, body[first : last + 1], effects)
    hooks.after_step = [each for i, each in enumerate(body) if i > last and not _leaves(each) and i not in after]
    return hooks


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


def _steps(statement: ast.stmt) -> bool:
    """Whether a statement steps an optimizer."""
    return any(
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "step"
        and "sched" not in dotted(call.func.value).lower()
        and "prof" not in dotted(call.func.value).lower()
        for call in own_calls(statement)
    )


def _evaluators(anatomy: Anatomy, effects: Effects) -> frozenset[str]:
    """Names whose call runs the model: its own, and functions that run it."""
    found = set(anatomy.names)
    known = effects.functions()
    while True:
        more = {
            name
            for name, function in known.items()
            if name not in found and any(called(call) in found for call in own_calls(function))
        }
        if not more:
            return frozenset(found)
        found |= more


def _evaluates(statement: ast.stmt, evaluators: frozenset[str]) -> bool:
    return any(called(call) in evaluators for call in own_calls(statement))


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


def _judged(block: ast.stmt, evaluators: frozenset[str]) -> frozenset[str]:
    """Names that hold validation losses, or what was made of them."""
    found: set[str] = set()
    while True:
        size = len(found)
        for node in walk_own(block):
            if not isinstance(node, ast.Assign | ast.AugAssign):
                continue
            runs = any(called(call) in evaluators for call in own_calls(node.value))
            if runs or names_loaded(node.value) & found:
                found |= names_bound(node)
        if len(found) == size:
            return frozenset(found)


def _fetches(statement: ast.stmt, tainted: frozenset[str]) -> bool:
    """Whether a statement only handles the batch."""
    if any(called(call) == "next" for call in own_calls(statement)):
        return True
    bound = names_bound(statement)
    return bool(bound) and bound <= tainted and isinstance(statement, ast.Assign | ast.AugAssign | ast.AnnAssign)


def _leaves(statement: ast.stmt) -> bool:
    """Whether a statement only leaves the loop."""
    if not isinstance(statement, ast.If) or statement.orelse:
        return False
    return any(isinstance(each, ast.Break | ast.Return) for each in statement.body) and all(
        isinstance(each, ast.Break | ast.Return | ast.Pass) or not list(own_calls(each)) for each in statement.body
    )


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


# Validation


def _validation(hooks: Hooks, block: ast.stmt, evaluators: frozenset[str], effects: Effects) -> None:
    """What the validation block does to the weights before and after its loss."""
    body: list[ast.stmt] = [block]
    guards: list[ast.expr] = []
    quiet = False
    enter: list[ast.stmt] = []
    leave: list[ast.stmt] = []
    conditions: list[ast.expr] = []
    while True:
        read = Readout.of(body, evaluators, effects.functions())
        inner = read.chosen
        hooks.notes += read.notes()
        before, after = ([each for each in side if effects.matters(each)] for side in (read.before, read.after))
        after = [each for each in after if not _leaves(each)]
        if conditions:
            before, after = _conditional(
                conditions, before, after, "readout_due" if len(conditions) == 1 else f"readout_due{len(conditions)}"
            )
        enter += _without_grad(before, quiet)
        leave = _without_grad(after, quiet) + leave
        if isinstance(inner, ast.If):
            yes = any(_evaluates(each, evaluators) for each in inner.body)
            test = inner.test if yes else ast.copy_location(ast.UnaryOp(ast.Not(), inner.test), inner.test)
            guards.append(test)
            if read.others or (yes and any(_evaluates(each, evaluators) for each in inner.orelse)):
                conditions = [*conditions, test]  # at other times it is the other loss that counts
            body = inner.body if yes else inner.orelse
        elif isinstance(inner, ast.With):
            hooks.around += [copy.deepcopy(i) for i in inner.items if not _is_mode(i.context_expr)]
            quiet = quiet or any(_is_mode(i.context_expr) for i in inner.items)
            body = inner.body
        elif isinstance(inner, ast.Try):
            leave = _without_grad([each for each in inner.finalbody if effects.matters(each)], quiet) + leave
            body = inner.body
        else:
            break
    hooks.enter, hooks.leave, hooks.guards = enter, leave, guards


def _conditional(
    conditions: list[ast.expr], before: list[ast.stmt], after: list[ast.stmt], name: str
) -> tuple[list[ast.stmt], list[ast.stmt]]:
    """Statements before and after a validation that take place under conditions, as they are before it."""
    if not before:
        return before, after
    test = conditions[0] if len(conditions) == 1 else ast.BoolOp(ast.And(), list(conditions))
    kept = ast.Assign([ast.Name(name, ast.Store())], test)
    first = ast.If(ast.Name(name, ast.Load()), before, [])
    made: list[ast.stmt] = [ast.fix_missing_locations(ast.copy_location(each, before[0])) for each in (kept, first)]
    if not after:
        return made, after
    last = ast.copy_location(ast.If(ast.Name(name, ast.Load()), after, []), after[0])
    return made, [ast.fix_missing_locations(last)]


def _without_grad(statements: list[ast.stmt], quiet: bool) -> list[ast.stmt]:
    if not (statements and quiet):
        return statements
    context = ast.parse("torch.no_grad()", mode="eval").body
    return [ast.copy_location(ast.With([ast.withitem(context)], statements), statements[0])]


def _is_mode(context: ast.expr) -> bool:
    name = dotted(getattr(context, "func", context)).rpartition(".")[2]
    return name in ("no_grad", "inference_mode", "enable_grad", "autocast", "set_grad_enabled")


# Optimizers


_SETTING = ("lr", "momentum", "mu", "weight_decay", "betas")


def _sets(statement: ast.stmt, effects: Effects) -> bool:
    """Whether a statement sets hyperparameters."""
    for call in own_calls(statement):
        if isinstance(call.func, ast.Name):
            function = effects.functions().get(call.func.id)
            if function is not None and _stores_settings(function):
                return True
    return _stores_settings(statement)


def _stores_settings(node: ast.AST) -> bool:
    for each in ast.walk(node):
        match each:
            case ast.Subscript(value=owner, slice=ast.Constant(value=key), ctx=ast.Store()):
                if key in _SETTING or "group" in ast.dump(owner):
                    return True
    return False


def _optimizers(hooks: Hooks, statements: list[ast.stmt], effects: Effects) -> None:
    """The list of optimizers, if each is stepped in turn and nothing else happens between."""
    parts: list[ast.expr] = []
    plain = True
    kept = [each for each in statements if effects.matters(each)]
    for statement in kept:
        match statement:
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner, attr="step"), args=[], keywords=[])):
                parts.append(owner)
            case ast.For(
                target=ast.Name(id=name),
                iter=items,
                body=[
                    ast.Expr(
                        value=ast.Call(func=ast.Attribute(value=ast.Name(id=one), attr="step"), args=[], keywords=[])
                    )
                ],
                orelse=[],
            ) if name == one:
                whole = isinstance(items, ast.List | ast.Tuple)
                parts += items.elts if isinstance(items, ast.List | ast.Tuple) else [ast.Starred(items, ast.Load())]
                plain = plain and (whole or isinstance(items, ast.Name | ast.Attribute | ast.Call | ast.BinOp))
            case _:
                plain = False
    if not plain:
        hooks.stepping = kept
        parts = _stepped(kept)
    only = parts[0] if len(parts) == 1 else None
    whole_list = isinstance(only, ast.Starred) and isinstance(only.value, ast.Name | ast.Attribute)
    hooks.optimizers = only.value if whole_list else ast.List(parts, ast.Load())  # type: ignore[union-attr]


def _stepped(statements: list[ast.stmt]) -> list[ast.expr]:
    """All that is stepped somewhere in statements, once each."""
    parts: dict[str, ast.expr] = {}
    for statement in statements:
        loops: dict[str, ast.expr] = {}
        for node in ast.walk(statement):
            if isinstance(node, ast.For):
                targets = node.target.elts if isinstance(node.target, ast.Tuple) else [node.target]
                zipped = isinstance(node.iter, ast.Call) and called(node.iter) == "zip"
                lists = node.iter.args if zipped and isinstance(node.iter, ast.Call) else [node.iter] * len(targets)
                loops |= {t.id: i for t, i in zip(targets, lists, strict=False) if isinstance(t, ast.Name)}
        for call in own_calls(statement):
            if method(call) != "step" or not isinstance(call.func, ast.Attribute):
                continue
            if call.args or call.keywords:
                raise NotImportableError("an optimizer's step() must take no arguments under the contract", [call])
            owner = call.func.value
            if "sched" in dotted(owner).lower():
                continue
            if isinstance(owner, ast.Name) and owner.id in loops:
                items = loops[owner.id]
                parts[ast.dump(items)] = ast.Starred(items, ast.Load())
            else:
                parts[ast.dump(owner)] = owner
    if not parts:
        raise NotImportableError("it cannot be told which optimizers are stepped", statements)
    return list(parts.values())

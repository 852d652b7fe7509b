"""The shape of a benchmark script: what runs once, where the model is made, the training loop, how long it runs."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from evolve.blocks import blocks
from evolve.importing.effects import definitions
from evolve.importing.errors import NotImportableError
from evolve.importing.facts import Facts
from evolve.importing.outside import UNKNOWN
from evolve.importing.trees import called, method, own_calls, parents, same


@dataclass
class Anatomy:
    """The parts of a script; the nodes are those of its tree.

    Attributes:
        chain: Blocks around the training loop, from the outermost inwards: loops over trials, a main function.
        loop: The training loop.
        step: Name of its variable.
        before: All statements that run once before it, in order.
        model: Position of the statement in `before` that makes the model.
        names: Names of the model.
    """

    chain: tuple[ast.AST, ...]
    loop: ast.For
    step: str
    before: list[ast.stmt]
    model: int
    names: frozenset[str]


def dissect(tree: ast.Module) -> Anatomy:
    """Find the parts of a script.

    Raises:
        NotImportableError: It has no training loop of the benchmark's kind, or makes no model of its own.
    """
    around = parents(tree)
    loop = _training_loop(tree)
    if not isinstance(loop.target, ast.Name):
        raise NotImportableError("the training loop must count its steps, as in `for step in range(...)`", [loop])
    chain: list[ast.AST] = []
    before: list[ast.stmt] = []
    node: ast.AST = loop
    while not isinstance(node, ast.Module):
        parent = around[node]
        body = next((block for block in blocks(parent) if any(each is node for each in block)), None)
        if body is None:
            raise NotImportableError("the training loop stands where it cannot be taken from", [loop])
        index = next(i for i, each in enumerate(body) if each is node)
        head = body[:index]
        if isinstance(parent, ast.For):
            head = [*_first(parent), *head]
        elif isinstance(parent, ast.ClassDef | ast.While):
            raise NotImportableError(
                "the training loop was expected at module level, in a function or in a loop over trials", [parent]
            )
        before = head + before
        if not isinstance(parent, ast.Module):
            chain.insert(0, parent)
        node = parent
        if isinstance(node, ast.FunctionDef):
            before = _signature(node, tree) + before
            before = [each for each in tree.body if each is not node and not _starts(each, node.name)] + before
            break
    made = _model(before, tree)
    names = {target.id for target in _targets(before[made]) if isinstance(target, ast.Name)}
    for statement in before[made + 1 :]:
        names |= {name for name in _aliases(statement, names) if name in names or not _is_reused(name, tree)}
    return Anatomy(tuple(chain), loop, loop.target.id, before, made, frozenset(names))


def _training_loop(tree: ast.Module) -> ast.For:
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.For)
        and any(method(call) == "backward" for call in own_calls(node))
        and any(_is_step(call) for call in own_calls(node))
    ]
    if not found:
        hidden = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and method(node) == "backward"]
        raise NotImportableError(
            "expected a training loop `for step in range(...)` with backward() and the optimizers' step() in it, as in "
            "the benchmark's train_gpt_simple.py",
            hidden[:3],
        )
    inner = [each for each in found if not any(other in ast.walk(each) for other in found if other is not each)]
    return max(inner, key=lambda node: (node.end_lineno or 0) - node.lineno)  # others warm up or try things out


def _is_step(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr == "step" and not called(call).startswith("sched")


def _first(loop: ast.For) -> list[ast.stmt]:
    """The first trial's variables."""
    if isinstance(loop.target, ast.Name) and loop.target.id == "_":
        return []
    value: ast.expr = ast.Subscript(
        ast.Call(ast.Name("list", ast.Load()), [loop.iter], []), ast.Constant(0), ast.Load()
    )
    if isinstance(loop.iter, ast.Call) and called(loop.iter) == "range":
        value = loop.iter.args[0] if len(loop.iter.args) > 1 else ast.Constant(0)
    elif isinstance(loop.iter, ast.List | ast.Tuple) and loop.iter.elts:
        value = loop.iter.elts[0]
    statement = ast.Assign([loop.target], value)
    ast.copy_location(statement, loop)
    return [ast.fix_missing_locations(statement)]


def _signature(function: ast.FunctionDef, tree: ast.Module) -> list[ast.stmt]:
    """What a main function is given, as assignments."""
    call = next((c for c in ast.walk(tree) if isinstance(c, ast.Call) and called(c) == function.name), None)
    arguments = [argument.arg for argument in [*function.args.posonlyargs, *function.args.args]]
    defaults = dict(zip(arguments[len(arguments) - len(function.args.defaults) :], function.args.defaults, strict=True))
    for argument, default in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True):
        defaults |= {argument.arg: default} if default is not None else {}
    given: dict[str, ast.expr] = dict(defaults)
    if call is not None:
        given |= dict(zip(arguments, call.args, strict=False)) | {k.arg: k.value for k in call.keywords if k.arg}
    found: list[ast.stmt] = []
    for name in [*arguments, *(argument.arg for argument in function.args.kwonlyargs)]:
        if name not in given:
            raise NotImportableError(f"what {function.name}() gets as {name!r} cannot be told", [function])
        if isinstance(given[name], ast.Name) and given[name].id == name:  # type: ignore[attr-defined]
            continue
        statement = ast.Assign([ast.Name(name, ast.Store())], given[name])
        found.append(ast.fix_missing_locations(ast.copy_location(statement, function)))
    return found


def _starts(statement: ast.stmt, name: str) -> bool:
    """Whether a statement does nothing but call the main function."""
    own = statement.body if isinstance(statement, ast.If) else [statement]
    return any(called(call) == name for each in own if isinstance(each, ast.Expr) for call in own_calls(each))


def _targets(statement: ast.stmt) -> list[ast.expr]:
    if isinstance(statement, ast.Assign):
        return statement.targets
    return [statement.target] if isinstance(statement, ast.AnnAssign) else []


def _model(before: list[ast.stmt], tree: ast.Module) -> int:
    known = definitions(tree)
    roots = {
        name
        for name, definition in known.items()
        if isinstance(definition, ast.ClassDef)
        and any(isinstance(each, ast.FunctionDef) and each.name == "forward" for each in definition.body)
        and any(
            isinstance(each, ast.Attribute | ast.Name) and "Embedding" in ast.dump(each)
            for each in ast.walk(definition)
        )
    }
    makers = roots | {
        name
        for name, definition in known.items()
        if isinstance(definition, ast.FunctionDef) and any(called(call) in roots for call in own_calls(definition))
    }
    for index, statement in enumerate(before):
        if _targets(statement) and any(called(call) in makers for call in own_calls(statement)):
            return index
    raise NotImportableError(
        "expected a statement that makes the model before the training loop, as in `model = GPT(...)`, with the class "
        "in the same file"
    )


_WRAPPERS = ("compile", "DDP", "DistributedDataParallel", "cuda", "to", "train", "eval", "bfloat16", "float")


def _aliases(statement: ast.stmt, names: set[str]) -> set[str]:
    """Names under which a statement gives the model again."""
    if not isinstance(statement, ast.Assign) or not all(isinstance(t, ast.Name) for t in statement.targets):
        return set()
    value = statement.value
    while True:
        if isinstance(value, ast.Call) and method(value) in _WRAPPERS:
            plain = isinstance(value.func, ast.Attribute) and called(value).partition(".")[0] != "torch"
            value = value.func.value if plain and isinstance(value.func, ast.Attribute) else (value.args or [value])[0]
            if isinstance(value, ast.Call) and method(value) not in _WRAPPERS:
                return set()
        elif isinstance(value, ast.Attribute) and value.attr in ("module", "_orig_mod"):
            value = value.value
        else:
            break
    if isinstance(value, ast.Name) and value.id in names:
        return {target.id for target in statement.targets if isinstance(target, ast.Name)}
    return set()


def _is_reused(name: str, tree: ast.Module) -> bool:
    """Whether a variable of that name is something else, too: a loop's own, or a function's."""
    stores = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)]
    assigned = {id(t) for n in ast.walk(tree) if isinstance(n, ast.Assign) for t in n.targets}
    return any(id(each) not in assigned for each in stores)


def is_alias(statement: ast.stmt, names: frozenset[str]) -> bool:
    """Whether a statement only gives the model another name, or wraps it."""
    return bool(_aliases(statement, set(names)) & names)


@dataclass(frozen=True)
class Length:
    """How long a script trains.

    Attributes:
        horizon: The expression that bounds the loop (`train_steps`), or None where it is a number alone.
        bound: Its value.
        stop: Steps that are taken.
        turns: Turns that the loop would take if nothing left it.
    """

    horizon: ast.expr | None
    bound: int
    stop: int
    turns: int


def length(anatomy: Anatomy, facts: Facts) -> Length:
    """How long a script trains.

    Raises:
        NotImportableError: It cannot be told before it runs.
    """
    loop = anatomy.loop
    call = next((c for c in ast.walk(loop.iter) if isinstance(c, ast.Call) and called(c) in ("range", "trange")), None)
    if call is None or not call.args or len(call.args) > 2:
        raise NotImportableError("expected a training loop over `range(...)`", [loop.iter])
    stop_node = call.args[-1]
    start = facts.value(call.args[0]) if len(call.args) == 2 else 0
    horizon, extra = _without_one(stop_node)
    bound = facts.value(horizon)
    if isinstance(start, int) and start != 0:
        raise NotImportableError(
            f"expected a training loop that counts its steps from 0; it counts from {start}", [loop.iter]
        )
    if not isinstance(bound, int) or isinstance(bound, bool) or start != 0:
        raise NotImportableError(
            "the number of steps cannot be told before the script runs: give the settings it comes from with --env"
            + _unset(facts),
            [loop.iter],
        )
    stop = bound + extra
    for limit in _breaks(anatomy, facts):
        stop = min(stop, limit)
    plain = horizon if isinstance(horizon, ast.Name | ast.Attribute) else None
    return Length(plain, bound, stop, bound + extra)


def _unset(facts: Facts) -> str:
    """Settings that were asked for and have no value, those named like steps alone if there are any."""
    names = sorted(name for name, value in facts.read.items() if value is None)
    named = [name for name in names if "step" in name.lower() or "iter" in name.lower()]
    return "".join(f" {name}=..." for name in (named or names)[:8])


def _without_one(node: ast.expr) -> tuple[ast.expr, int]:
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=ast.Constant(value=1)):
            return left, 1
    return node, 0


def _breaks(anatomy: Anatomy, facts: Facts) -> list[int]:
    """Numbers of steps at which the loop is left."""
    found = []
    body = anatomy.loop.body
    trained = next(i for i, each in enumerate(body) if any(method(c) == "backward" for c in own_calls(each)))
    for index, statement in enumerate(body):
        if isinstance(statement, ast.If) and any(isinstance(each, ast.Break | ast.Return) for each in statement.body):
            limit = _limit(statement.test, anatomy, facts)
            if limit is not None:
                found.append(limit + (index > trained))
    return found


def _limit(test: ast.expr, anatomy: Anatomy, facts: Facts) -> int | None:
    """The first step for which a test holds."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        limits = [found for part in test.values if (found := _limit(part, anatomy, facts)) is not None]
        return min(limits) if limits else None
    if isinstance(test, ast.Name):
        for statement in anatomy.loop.body:
            if isinstance(statement, ast.Assign) and same(statement.targets[0], ast.Name(test.id, ast.Store())):
                return _limit(statement.value, anatomy, facts)
        return None
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq | ast.GtE | ast.Gt):
        left, right = test.left, test.comparators[0]
        if isinstance(right, ast.Name) and right.id == anatomy.step:
            left, right = right, left
        base, extra = _without_one(left)
        value = facts.value(right)
        if (
            isinstance(base, ast.Name)
            and base.id == anatomy.step
            and isinstance(value, int | float)
            and value is not UNKNOWN
        ):
            return int(value) - extra + isinstance(test.ops[0], ast.Gt)
    return None

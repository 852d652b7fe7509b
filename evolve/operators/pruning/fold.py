"""Fold what constants decide: `if`, conditional expressions, `while False`, parts of conditions.

Loops of no turn or one, too, and arithmetic on literals, where the result is no longer to write.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from evolve.operators.pruning.constants import UNKNOWN, Constants, computed
from evolve.operators.pruning.cuts import without_statements
from evolve.operators.pruning.reading import Function, Reading
from evolve.operators.pruning.text import Edit


def fold(reading: Reading) -> Iterator[list[Edit]]:
    """Edits that keep the side that constants choose, one at a time: what is inside may be decided too."""
    constants = Constants(reading)
    for node in reading.nodes:
        if reading.is_quoted(node):
            continue
        if isinstance(node, ast.If | ast.IfExp | ast.While | ast.Assert | ast.BoolOp):
            yield _folded(reading, constants, node)
        elif isinstance(node, ast.For):
            yield _fold_loop(reading, constants, node)
        elif isinstance(node, ast.BinOp):
            yield _fold_literals(reading, node)


def _fold_loop(reading: Reading, constants: Constants, node: ast.For) -> list[Edit]:
    """A loop over `range` that never turns, or turns once and does not count."""
    counts = isinstance(node.iter, ast.Call) and reading.path(node.iter.func) == "builtins.range"
    if not counts or node.orelse or not isinstance(node.iter, ast.Call) or node.iter.keywords:
        return []
    given = [constants.value(argument) for argument in node.iter.args]
    bounds = [bound for bound in given if isinstance(bound, int)]
    if not bounds or len(bounds) < len(given) or 0 in bounds[2:]:
        return []
    turns = len(range(*bounds[:3]))
    if turns == 0:
        return without_statements(reading, [node]) if may_go([node]) else []
    names = [part for part in ast.walk(node.target) if isinstance(part, ast.Name)]
    counted = any(reading.binding(name).loads or len(reading.binding(name).stores) > 1 for name in names)
    if turns == 1 and not counted and not _leaves_loop(node.body):
        return [reading.text.spliced(node, node.body)]
    return []


def _leaves_loop(statements: list[ast.stmt]) -> bool:
    """Whether `break` or `continue` may mean the loop around these statements."""
    stack: list[ast.AST] = list(statements)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Break | ast.Continue):
            return True
        if not isinstance(node, Function | ast.For | ast.While):
            stack.extend(ast.iter_child_nodes(node))
    return False


def _fold_literals(reading: Reading, node: ast.BinOp) -> list[Edit]:
    """Arithmetic on two numbers, written as its result; `1 / 3` and `10**6` stay, being the shorter ones."""
    value = computed(node.op, _literal(node.left), _literal(node.right))
    if value is UNKNOWN or len(repr(value)) >= len(reading.text.of(node)):
        return []
    negative = repr(value).startswith("-")
    return [reading.text.replaced(node, f"({value!r})" if negative else repr(value))]


def _literal(node: ast.expr) -> object:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        value = node.operand.value
        return -value if isinstance(value, int | float) and not isinstance(value, bool) else UNKNOWN
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool):
        return node.value
    return UNKNOWN


def _folded(
    reading: Reading, constants: Constants, node: ast.If | ast.IfExp | ast.While | ast.Assert | ast.BoolOp
) -> list[Edit]:
    if isinstance(node, ast.BoolOp):
        return _fold_choice(reading, node, constants)
    value = constants.value(node.test)
    match node:
        case ast.If():
            return _fold_if(reading, node, value)
        case ast.IfExp() if value is not UNKNOWN:
            return [reading.replaced(node, node.body if value else node.orelse)]
        case ast.While(orelse=[]) if value is not UNKNOWN and not value and may_go([node]):
            return without_statements(reading, [node])
        case ast.Assert() if value is not UNKNOWN and value:
            return without_statements(reading, [node])
        case _:
            return []


def _fold_if(reading: Reading, node: ast.If, value: object) -> list[Edit]:
    if value is UNKNOWN:
        return []
    kept, gone = (node.body, node.orelse) if value else (node.orelse, node.body)
    return keep_side(reading, node, kept, gone)


def keep_side(reading: Reading, node: ast.If, kept: list[ast.stmt], gone: list[ast.stmt]) -> list[Edit]:
    """Edits that leave one side of an `if`; none if the other may not go (it declares names, or yields)."""
    if not may_go(gone):
        return []
    text = reading.text
    parent = reading.parent[node]
    start, end = text.span(node)
    is_elif = text.source.startswith("elif", start) and isinstance(parent, ast.If)
    if not kept:
        if not is_elif:
            return without_statements(reading, [node])
        assert isinstance(parent, ast.If)
        return [Edit(text.span(parent.body[-1])[1], end)]
    if kept is node.orelse and text.source.startswith("elif", text.span(kept[0])[0]):
        word = "elif" if is_elif else "if"
        return [Edit(start, text.span(kept[0])[0] + len("elif"), word)]
    if not is_elif:
        return [text.spliced(node, kept)]
    header = text.source.index("\n", start) if kept is node.body else None
    if header is None:  # `elif False: ... else: ...` leaves the `else` where it is
        last = text.span(node.body[-1])[1]
        return [Edit(start, text.source.index("else", last))]
    body_start, body_end = text.span(node.test)[1], text.span(node.body[-1])[1]
    colon = text.source.index(":", body_start)
    return [Edit(start, colon, "else"), Edit(body_end, end)]


def _fold_choice(reading: Reading, node: ast.BoolOp, constants: Constants) -> list[Edit]:
    """Drop parts of `and` and `or` that never decide; the last one may only go where truth alone counts."""
    values = [constants.value(part) for part in node.values]
    neutral = isinstance(node.op, ast.And)
    for index, (part, value) in enumerate(zip(node.values, values, strict=True)):
        if value is UNKNOWN:
            continue
        last = index == len(values) - 1
        if bool(value) is not neutral and not last:
            start, _ = reading.text.span(node)
            end = reading.text.span(part)[1]
            return [Edit(start, reading.text.span(node)[1], reading.text.source[start:end])]
        if bool(value) is neutral and (not last or _is_condition(reading, node)):
            kept = [p for p in node.values if p is not part]
            word = " and " if neutral else " or "
            joined = word.join(_operand(reading, p) for p in kept)
            return [Edit(*reading.text.span(node), joined)]
    return []


def _operand(reading: Reading, node: ast.expr) -> str:
    text = reading.text.of(node)
    return f"({text})" if isinstance(node, ast.BoolOp | ast.IfExp | ast.Lambda | ast.NamedExpr) else text


def _is_condition(reading: Reading, node: ast.expr) -> bool:
    parent = reading.parent[node]
    if isinstance(parent, ast.If | ast.While | ast.IfExp | ast.Assert):
        return parent.test is node
    return isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not)


def may_go(statements: list[ast.stmt]) -> bool:
    """Whether removing statements leaves the meaning of the rest alone: no declarations of scope, no `yield`."""
    stack: list[ast.AST] = list(statements)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Global | ast.Nonlocal | ast.Yield | ast.YieldFrom):
            return False
        if not isinstance(node, Function | ast.Lambda):
            stack.extend(ast.iter_child_nodes(node))
    return True

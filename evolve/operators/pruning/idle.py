"""Drop statements that do nothing: `pass`, what is never reached, empty branches and loops, names set to themselves."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from evolve.blocks import blocks
from evolve.operators.pruning.cuts import without_statements
from evolve.operators.pruning.fold import keep_side, may_go
from evolve.operators.pruning.purity import Purity
from evolve.operators.pruning.reading import Reading, is_docstring
from evolve.operators.pruning.text import Edit

_LEAVES = (ast.Return, ast.Raise, ast.Continue, ast.Break)


def idle(reading: Reading) -> Iterator[list[Edit]]:
    """Edits that remove what does nothing."""
    purity = Purity(reading)
    gone: list[ast.stmt] = []
    for node in reading.nodes:
        for block in blocks(node):
            gone += _idle_in(reading, purity, block)
    if gone:
        yield without_statements(reading, gone)
    for node in reading.nodes:
        if isinstance(node, ast.If) and node.orelse and _is_empty(node.orelse) and not _is_elif(reading, node.orelse):
            start = reading.text.span(node.body[-1])[1]
            yield [Edit(start, reading.text.span(node)[1])]
        elif isinstance(node, ast.If):
            yield _one_of_two(reading, purity, node)


def _idle_in(reading: Reading, purity: Purity, block: list[ast.stmt]) -> list[ast.stmt]:
    gone: list[ast.stmt] = []
    for index, statement in enumerate(block):
        if isinstance(statement, ast.Pass) and len(block) > 1:
            if len(gone) < len(block) - 1:
                gone.append(statement)
        elif _does_nothing(reading, purity, statement):
            gone.append(statement)
        elif isinstance(statement, _LEAVES) and index + 1 < len(block):
            rest = [s for s in block[index + 1 :] if s not in gone]
            return gone + rest if may_go(rest) else gone
    return gone


def _does_nothing(reading: Reading, purity: Purity, statement: ast.stmt) -> bool:
    match statement:
        case ast.If(test=test, body=body, orelse=orelse):
            return _is_empty(body) and _is_empty(orelse) and purity.is_pure(test)
        case ast.For(iter=iterable, body=body, orelse=orelse):
            pure = purity.is_pure(iterable) and not purity.is_iterator(iterable) and _is_known_iterable(iterable)
            return pure and _is_empty(body) and _is_empty(orelse) and _rebound_before_use(reading, statement)
        case ast.With(items=items, body=body):
            plain = all(i.optional_vars is None and purity.is_pure(i.context_expr) for i in items)
            return plain and _is_empty(body)
        case ast.Assign(targets=[ast.Name(id=target)], value=ast.Name(id=value)):
            return target == value and _same_scope(reading, statement)
        case _:
            return False


def _same_scope(reading: Reading, statement: ast.Assign) -> bool:
    target, value = statement.targets[0], statement.value
    return reading.binding(target) is reading.binding(value) and reading.inside(statement, ast.ClassDef) is None


def _is_known_iterable(node: ast.expr) -> bool:
    """Whether walking through an expression uses nothing up: lists of a genome, ranges, parameters of a module."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        inner = all(_is_known_iterable(a) for a in node.args)
        return node.func.id == "range" or (node.func.id in {"zip", "enumerate", "reversed", "list"} and inner)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in {
            "parameters",
            "named_parameters",
            "modules",
            "named_modules",
            "items",
            "values",
            "keys",
        }
    return isinstance(node, ast.Attribute | ast.Subscript | ast.List | ast.Tuple | ast.Name)


def _rebound_before_use(reading: Reading, loop: ast.For) -> bool:
    """Whether every use of the loop's variables stands inside a loop that binds them anew."""
    bindings = {reading.binding(n) for n in ast.walk(loop.target) if isinstance(n, ast.Name)}
    for binding in sorted(bindings, key=lambda b: b.name):
        for load in binding.loads:
            around = reading.inside(load, ast.For)
            while around is not None and not _binds(reading, around, binding):
                around = reading.inside(around, ast.For)
            if around is None or around is loop:
                return False
    return True


def _binds(reading: Reading, loop: ast.AST, binding: object) -> bool:
    target = loop.target if isinstance(loop, ast.For) else None
    names = ast.walk(target) if target is not None else iter(())
    return any(isinstance(n, ast.Name) and reading.binding(n) is binding for n in names)


def _is_empty(block: list[ast.stmt]) -> bool:
    return all(isinstance(statement, ast.Pass) or is_docstring(statement) for statement in block)


def _is_elif(reading: Reading, block: list[ast.stmt]) -> bool:
    return reading.text.source.startswith("elif", reading.text.span(block[0])[0])


def _one_of_two(reading: Reading, purity: Purity, node: ast.If) -> list[Edit]:
    """Edits that keep one of two equal sides."""
    sides = [[ast.dump(statement) for statement in side] for side in (node.body, node.orelse)]
    if sides[0] != sides[1] or not purity.is_pure(node.test):
        return []
    return keep_side(reading, node, node.body, node.orelse)

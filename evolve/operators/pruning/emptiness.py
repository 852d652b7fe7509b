"""States that are tested for being empty: `if not state: ...` runs once because something is written to them.

Without the writes that nobody reads, such a test might come out differently. This module says which of them must stay.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from evolve.operators.pruning.calls import callees
from evolve.operators.pruning.keys import dict_entries
from evolve.operators.pruning.reading import Function, Reading, is_setdefault, string
from evolve.operators.pruning.scopes import Binding

_ASKING = frozenset({"builtins.len", "builtins.bool", "builtins.any", "builtins.all"})
_KEYED = frozenset({"get", "setdefault", "update"})
_DEEPEST = 4
"""Calls through which a state is followed."""


def keys_to_pin(
    reading: Reading, tests: Sequence[ast.If], asleep: Sequence[ast.stmt], is_live: Callable[[str], bool]
) -> list[str]:
    """Keys that count as read although nothing reads them.

    Args:
        reading: The genome.
        tests: The `if` statements that are needed.
        asleep: The statements that nothing needs so far.
        is_live: Whether a key is read.

    Returns:
        For a test whose block fills the state: one of its keys, if none is read. Of writes that may come before such
        a test: all their keys.
    """
    if _asks_otherwise(reading):
        names = [name for statement in asleep for name in _written(reading, statement, None) if not is_live(name)]
        if names:
            return names
    for test in tests:
        for subject in _tested(test.test):
            inside = [name for statement in test.body for name in _written(reading, statement, subject)]
            if inside and not any(is_live(name) for name in inside):
                return inside[:1]
            updated = any(_is_updated(statement, subject) for statement in test.body)
            if not (inside or updated or _is_passed_on(test, subject)):
                continue
            for statement in asleep:
                names = [name for name in _written(reading, statement, None) if not is_live(name)]
                if names and _may_share_states(reading, statement, test) and not _comes_after(reading, statement, test):
                    return names
    return []


def _asks_otherwise(reading: Reading) -> bool:
    """Whether a state is asked for being empty in any way but `if not state: ...` with a block that fills it.

    Then every write to a state may be what decides, in this step or in the next.
    """
    for node in reading.nodes:
        if isinstance(node, ast.Name | ast.Subscript) and _is_asked(reading, node) and _may_be_state(reading, node):
            test = reading.statement(node)
            in_test = isinstance(test, ast.If) and any(node is part for part in ast.walk(test.test))
            if not in_test or not _fills(reading, test, node):
                return True
    return False


def _fills(reading: Reading, statement: ast.stmt, subject: ast.expr) -> bool:
    """Whether a statement is `if not state: ...` or `if len(state) == 0: ...` with a block that fills the state."""
    if not isinstance(statement, ast.If):
        return False
    test = statement.test
    empty = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
    counted = isinstance(test, ast.Compare) and ast.unparse(test) == f"len({ast.unparse(subject)}) == 0"
    always = [inner for inner in statement.body if not isinstance(inner, ast.If)]
    filled = any(_written(reading, inner, subject) or _is_updated(inner, subject) for inner in always)
    return (empty or counted) and (filled or _is_passed_on(statement, subject))


def _is_updated(statement: ast.stmt, subject: ast.expr) -> bool:
    """Whether a statement is `state.update(...)` with some entries."""
    call = statement.value if isinstance(statement, ast.Expr) else None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr != "update":
        return False
    return ast.dump(call.func.value) == ast.dump(subject) and any(keyword.arg for keyword in call.keywords)


def _is_asked(reading: Reading, node: ast.expr) -> bool:
    """Whether an expression stands where its truth, its length or its equality counts."""
    parent = reading.parent[node]
    if isinstance(parent, ast.If | ast.While | ast.IfExp | ast.Assert):
        return node is parent.test
    if isinstance(parent, ast.comprehension):
        return node in parent.ifs
    if isinstance(parent, ast.Compare):
        by_key = all(isinstance(op, ast.In | ast.NotIn) for op in parent.ops)
        return node is parent.left or not by_key
    if isinstance(parent, ast.Call):
        return node in parent.args and reading.path(parent.func) in _ASKING
    return isinstance(parent, ast.BoolOp) or (isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.Not))


def _may_be_state(reading: Reading, node: ast.Name | ast.Subscript, depth: int = 0) -> bool:
    """Whether an expression may be a parameter's state: taken from `.state`, or an argument that is used as a dict."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.value, ast.Attribute) and node.value.attr == "state"
    binding = reading.binding(node)
    if any(isinstance(store, ast.arg) for store in binding.stores):
        return any(_is_dict_use(reading.parent[load]) for load in binding.loads) or _gets_states(
            reading, binding, depth
        )
    sources = (reading.parent.get(store) for store in binding.stores if isinstance(store, ast.Name))
    return any(source is not None and _mentions_states(source) for source in sources)


def _gets_states(reading: Reading, argument: Binding, depth: int) -> bool:
    """Whether a call of the function whose argument this is gives it a state."""
    if depth > _DEEPEST:
        return True
    given: list[ast.expr] = []
    for store in argument.stores:
        known = callees(reading).get(store)
        given += (known.values(store) if known is not None and isinstance(store, ast.arg) else None) or []
    return any(
        isinstance(value, ast.Name | ast.Subscript)
        and (not isinstance(value, ast.Name) or reading.binding(value) is not argument)
        and _may_be_state(reading, value, depth + 1)
        for value in given
    )


def _is_dict_use(node: ast.AST) -> bool:
    if isinstance(node, ast.Subscript):
        return string(node.slice) is not None
    return isinstance(node, ast.Attribute) and node.attr in _KEYED


def _mentions_states(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Attribute) and part.attr == "state" for part in _headers(node))


def _headers(node: ast.AST) -> list[ast.AST]:
    """What a node is made of, the blocks of a loop left out."""
    if isinstance(node, ast.For):
        return list(ast.walk(node.iter))
    return list(ast.walk(node))


def _written(reading: Reading, statement: ast.stmt, subject: ast.expr | None) -> list[str]:
    """The literal keys that a statement writes to a dict: the one that `subject` names, or any that may be a state."""
    found = []
    for node in ast.walk(statement):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and _means(reading, node.value, subject):
            found += [name] if (name := string(node.slice)) is not None else []
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if not _means(reading, node.func.value, subject):
                continue
            entries = dict_entries(reading, node)
            found += [entry.key for entry in entries or []]
            if is_setdefault(node) and (name := string(node.args[0])) is not None:
                found.append(name)
    return found


def _means(reading: Reading, owner: ast.expr, subject: ast.expr | None) -> bool:
    if subject is not None:
        return ast.dump(owner) == ast.dump(subject)
    return not (isinstance(owner, ast.Name) and _is_group(reading, owner))


def _is_group(reading: Reading, name: ast.Name) -> bool:
    """Whether a variable runs through something other than states: parameter groups have keys from the start."""
    loops = [reading.parent.get(store) for store in reading.binding(name).stores]
    return all(isinstance(loop, ast.For | ast.comprehension) and "state" not in ast.dump(loop.iter) for loop in loops)


def _tested(test: ast.expr) -> list[ast.expr]:
    """The expressions whose being empty a condition may ask about."""
    found = [test]
    for node in ast.walk(test):
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            found.append(node.operand)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "len" and node.args:
            found.append(node.args[0])
        elif isinstance(node, ast.Compare):
            found.append(node.left)
    return [subject for subject in found if isinstance(subject, ast.Name | ast.Subscript)]


def _is_passed_on(test: ast.If, subject: ast.expr) -> bool:
    """Whether the block hands the state to a function, which may fill it."""
    calls = (node for statement in test.body for node in ast.walk(statement) if isinstance(node, ast.Call))
    return any(ast.dump(argument) == ast.dump(subject) for call in calls for argument in call.args)


def _may_share_states(reading: Reading, statement: ast.stmt, test: ast.If) -> bool:
    """Whether a write and a test may see one state: not in two optimizers, neither of which knows the other."""
    owner, tester = reading.inside(statement, ast.ClassDef), reading.inside(test, Function)
    if not isinstance(owner, ast.ClassDef) or any(reading.definition(base) is not None for base in owner.bases):
        return True
    inside = list(ast.walk(owner))
    calls = [node for node in inside if isinstance(node, ast.Call)]
    uses = isinstance(tester, Function) and any(_calls(reading, call, tester) for call in calls)
    return test in inside or uses


def _comes_after(reading: Reading, statement: ast.stmt, test: ast.If) -> bool:
    """Whether a statement runs only after a test has: inside or below it, or below a call of its function."""
    function, tester = reading.inside(statement, Function), reading.inside(test, Function)
    if function is tester:
        return statement.lineno >= test.lineno
    if not isinstance(function, Function) or not isinstance(tester, Function):
        return False
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and _calls(reading, node, tester)]
    return any((call.end_lineno or call.lineno) < statement.lineno for call in calls)


def _calls(reading: Reading, call: ast.Call, function: Function) -> bool:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr == function.name and function in reading.methods.get(function.name, [])
    return reading.definition(call.func) is function

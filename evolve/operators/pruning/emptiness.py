"""States that are tested for being empty: `if not state: ...` runs once because something is written to them.

Without the writes that nobody reads, such a test might come out differently. This module says which of them must stay.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from evolve.operators.pruning.keys import dict_entries
from evolve.operators.pruning.reading import Function, Reading, string


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
    for test in tests:
        for subject in _tested(test.test):
            inside = [name for statement in test.body for name in _written(reading, statement, subject)]
            if inside and not any(is_live(name) for name in inside):
                return inside[:1]
            if not inside and not _is_passed_on(test, subject):
                continue
            for statement in asleep:
                names = [name for name in _written(reading, statement, None) if not is_live(name)]
                apart = not _may_share_states(reading, statement, test) or _comes_after(reading, statement, test)
                if names and not apart:
                    return names
    return []


def _written(reading: Reading, statement: ast.stmt, subject: ast.expr | None) -> list[str]:
    """The literal keys that a statement writes to a dict: the one that `subject` names, or any that may be a state."""
    found = []
    for node in ast.walk(statement):
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store) and _means(reading, node.value, subject):
            found += [name] if (name := string(node.slice)) is not None else []
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            entries = dict_entries(reading, node) if _means(reading, node.func.value, subject) else None
            found += [entry.key for entry in entries or []]
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

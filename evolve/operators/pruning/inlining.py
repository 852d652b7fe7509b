"""Put what a trivial wrapper calls in the place of its calls: `def f(x, n): return g(x, n)`, `def f(x): return x`.

A wrapper is trivial when its body is one call (or one argument), made of its arguments, constants and names that mean
the same everywhere. All its calls are known, and no argument is evaluated more often, or in another order, than before.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from evolve.operators.pruning.calls import Known, known_functions
from evolve.operators.pruning.purity import Purity
from evolve.operators.pruning.reading import Function, Reading, is_docstring
from evolve.operators.pruning.text import Edit


def inlined(reading: Reading) -> Iterator[list[Edit]]:
    """Edits that replace one call of a trivial wrapper by what it does."""
    purity = Purity(reading)
    for known in known_functions(reading):
        body = _body(reading, known)
        if body is None:
            continue
        for call in known.calls:
            inside = any(around is known.function for around in _around(reading, call))
            if not inside and not reading.is_quoted(call) and (edit := _inlined(reading, purity, known, body, call)):
                yield [edit]


def _body(reading: Reading, known: Known) -> ast.expr | None:
    """What a trivial wrapper evaluates to; None for a function that is none."""
    function = known.function
    if function.decorator_list or known.bound or isinstance(function, ast.AsyncFunctionDef):
        return None
    statements = [statement for statement in function.body if not is_docstring(statement)]
    if len(statements) != 1:
        return None
    only = statements[0]
    value = only.value if isinstance(only, ast.Return | ast.Expr) else None
    if value is None or (isinstance(only, ast.Expr) and not isinstance(value, ast.Call)):
        return None
    if isinstance(only, ast.Expr) and not all(isinstance(reading.parent[call], ast.Expr) for call in known.calls):
        return None
    arguments = {argument.arg for argument in known.arguments()}
    if isinstance(value, ast.Name):
        return value if value.id in arguments else None
    plain = _is_plain_call(reading, function, value, arguments) and not _comes_back(reading, function, value)
    return value if plain else None


def _comes_back(reading: Reading, function: Function, value: ast.expr) -> bool:
    """Whether what a wrapper calls calls the wrapper, or is it."""
    target = reading.definition(value.func) if isinstance(value, ast.Call) else None
    loads = reading.binding(function).loads
    return target is function or (target is not None and any(node in loads for node in ast.walk(target)))


def _is_plain_call(reading: Reading, function: Function, value: ast.expr, arguments: set[str]) -> bool:
    """Whether an expression is one call of arguments, constants and names of the module."""
    if not isinstance(value, ast.Call) or any(isinstance(argument, ast.Starred) for argument in value.args):
        return False
    parts = [*value.args, *(keyword.value for keyword in value.keywords)]
    if any(keyword.arg is None for keyword in value.keywords):
        return False
    target = value.func.value if isinstance(value.func, ast.Attribute) else value.func
    simple = all(isinstance(part, ast.Name | ast.Constant) for part in [*parts, target])
    names = [part for part in [*parts, target] if isinstance(part, ast.Name)]
    used = [name.id for name in names if name.id in arguments]
    return simple and len(set(used)) == len(used) and all(_is_everywhere(reading, n) or n.id in used for n in names)


def _is_everywhere(reading: Reading, name: ast.Name) -> bool:
    """Whether a name is a builtin's, or the module's and set there once."""
    binding = reading.binding(name)
    return binding.scope is None or (binding.scope is reading.scopes.module and len(binding.stores) == 1)


def _inlined(reading: Reading, purity: Purity, known: Known, body: ast.expr, call: ast.Call) -> Edit | None:
    if known.unpacked[call]:
        return None
    given: dict[str, ast.expr] = {}
    for argument in known.arguments():
        found = known.given(call, argument)
        value = found.value if found is not None else known.default(argument)
        if value is None or not purity.is_pure(value) or (found is None and not isinstance(value, ast.Constant)):
            return None
        given[argument.arg] = value
    if isinstance(body, ast.Name):
        return reading.replaced(call, given[body.id])
    if _is_shadowed(reading, body, call, set(given)):
        return None
    return reading.text.replaced(call, _filled(reading, body, given), bare=True)


def _is_shadowed(reading: Reading, body: ast.expr, call: ast.Call, arguments: set[str]) -> bool:
    """Whether a name of the module means something else where the call stands."""
    names = {node.id for node in ast.walk(body) if isinstance(node, ast.Name) and node.id not in arguments}
    scopes = [reading.scopes.scope_of.get(around) for around in _around(reading, call)]
    inner = [scope for scope in scopes if scope is not None and scope is not reading.scopes.module]
    return any(name in scope.names for scope in inner for name in names)


def _filled(reading: Reading, body: ast.expr, given: dict[str, ast.expr]) -> str:
    """The text of a body with its arguments replaced by what a call gives."""
    text = reading.text
    start, end = text.span(body)
    parts, position = [], start
    names = [node for node in ast.walk(body) if isinstance(node, ast.Name) and node.id in given]
    for name in sorted(names, key=lambda node: text.span(node)):
        first, after = text.span(name)
        value = given[name.id]
        inside = isinstance(reading.parent[name], ast.Attribute)
        bare = isinstance(value, ast.Name | ast.Attribute | ast.Subscript | ast.Call)
        bare = bare or (isinstance(value, ast.Constant) and not inside)  # `3.real` is no Python
        whole = not inside and not isinstance(value, ast.NamedExpr)
        written = text.of(value) if bare or (whole and "\n" not in text.of(value)) else f"({text.of(value)})"
        parts += [text.source[position:first], written]
        position = after
    return "".join([*parts, text.source[position:end]])


def _around(reading: Reading, node: ast.AST) -> Iterator[ast.AST]:
    around = reading.parent.get(node)
    while around is not None:
        yield around
        around = reading.parent.get(around)

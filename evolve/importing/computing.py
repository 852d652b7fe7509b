"""What the interpreter of settings knows: Python's operators, and the functions and methods that only compute."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable
from typing import Any

from evolve.importing.trees import words

BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
}
"""Operators between two values."""
UNARY: dict[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}
"""Operators on one value."""
COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
    ast.Is: lambda a, b: a is b if _single(a) or _single(b) else a == b and type(a) is type(b),
    ast.IsNot: lambda a, b: a is not b if _single(a) or _single(b) else not (a == b and type(a) is type(b)),
}
"""Comparisons; identity only where it is certain."""
BUILTINS: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (
        int,
        float,
        str,
        bool,
        len,
        min,
        max,
        abs,
        round,
        sum,
        sorted,
        set,
        frozenset,
        list,
        tuple,
        dict,
        any,
        all,
    )
} | {
    "enumerate": lambda *a: list(enumerate(*a)),
    "zip": lambda *a, **_: list(zip(*a, strict=False)),
    "reversed": lambda a: list(reversed(a)),
    "isinstance": isinstance,
    "map": lambda f, *a: [f(*each) for each in zip(*a, strict=False)],
    "filter": lambda f, a: [each for each in a if (f or bool)(each)],
}
"""Built-in functions that only compute."""
TYPES = {"int": int, "float": float, "str": str, "bool": bool, "list": list, "tuple": tuple, "set": set, "dict": dict}
"""Types that may be passed on."""
METHODS: dict[type, frozenset[str]] = {
    str: (
        words(
            """
strip lstrip rstrip lower upper split rsplit splitlines startswith endswith replace join isdigit
partition rpartition removeprefix removesuffix title capitalize casefold count find isnumeric
"""
        )
    ),
    dict: frozenset(["get", "keys", "values", "items", "copy"]),
    list: frozenset(["index", "count", "copy"]),
    tuple: frozenset(["index", "count"]),
    set: frozenset(["union", "intersection", "difference", "issubset", "issuperset", "copy"]),
    frozenset: frozenset(["union", "intersection", "difference", "issubset", "issuperset", "copy"]),
    float: frozenset(["is_integer"]),
    int: frozenset(["bit_length"]),
}
"""Methods that leave their receiver alone, by its type."""
MATH = {
    name: getattr(math, name)
    for name in dir(math)
    if not name.startswith("_") and name not in ("factorial", "comb", "perm")
}
"""What `math` has, but for what may take forever."""


def _single(value: object) -> bool:
    return value is None or isinstance(value, bool)


def without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    """A body without the string that documents it."""
    first = body[0] if body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return body[1:]
    return body


def makes_new(node: ast.expr) -> bool:
    """Whether an expression's value is an object that did not exist before."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            return node.func.attr in ("parse_args", "parse_known_args", "copy")
        return isinstance(node.func, ast.Name) and node.func.id in ("dict", "list", "set", "sorted")
    return isinstance(node, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp | ast.SetComp)


_ERRORS: dict[str, type[Exception]] = {"ValueError": ValueError, "SyntaxError": SyntaxError, "Exception": Exception}


def caught_by(kind: ast.expr | None) -> tuple[type[Exception], ...]:
    """Exceptions that an `except` names, of those that a text which is no value raises."""
    if kind is None:
        return (Exception,)
    named = kind.elts if isinstance(kind, ast.Tuple) else [kind]
    return tuple(_ERRORS[each.id] for each in named if isinstance(each, ast.Name) and each.id in _ERRORS)


_QUIET = words(
    """
len abs min max int float bool str isinstance getattr hasattr set list sorted any all tuple
"""
)


def is_harmless(node: ast.expr) -> bool:
    """Whether evaluating an expression certainly has no effect."""
    for part in ast.walk(node):
        if isinstance(part, ast.NamedExpr | ast.Await | ast.Yield | ast.YieldFrom):
            return False
        if isinstance(part, ast.Call):
            quiet = isinstance(part.func, ast.Name) and part.func.id in _QUIET
            asks = isinstance(part.func, ast.Attribute) and part.func.attr in words(
                """
get_rank get_world_size is_initialized startswith endswith get item isfinite all any keys values
items size dim numel lower strip is_floating_point perf_counter time isnan isinf abs
"""
            )
            if not (quiet or asks):
                return False
    return True

"""Functions that are handed to functions of Python, which call them: `map(f, xs)`, `max(xs, key=f)`, `filter(f, xs)`.

Must not know what the functions do; it says which expressions are called.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

_FIRST = frozenset(
    {"builtins.map", "builtins.filter", "builtins.iter"}
    | {f"itertools.{name}" for name in ("starmap", "takewhile", "dropwhile", "filterfalse")}
)
_SECOND = frozenset({"itertools.accumulate", "itertools.groupby"})
_NAMED = frozenset({"key", "func"})


def called_back(path: str, call: ast.Call) -> Iterator[ast.expr]:
    """What a call may call in its turn.

    Args:
        path: The full name of what is called.
        call: The call.
    """
    place = 0 if path in _FIRST else 1 if path in _SECOND else None
    if path == "builtins.iter" and len(call.args) < 2:
        place = None  # an iterable, not a function
    if place is not None and len(call.args) > place:
        yield call.args[place]
    for keyword in call.keywords:
        if keyword.arg in _NAMED:
            yield keyword.value

"""What a script is given from outside: the environment, the command line."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from evolve.importing.interpret import Namespace, UnknownError
from evolve.importing.trees import called, dotted, method, string

PLUMBING = {
    "LOCAL_RANK": "0",
    "RANK": "0",
    "WORLD_SIZE": "1",
    "LOCAL_WORLD_SIZE": "1",
    "MASTER_ADDR": "localhost",
    "MASTER_PORT": "0",
}
"""What `torchrun` sets, for one process."""
UNKNOWN = object()
"""A value that cannot be told."""
_KINDS: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}


def preset(tree: ast.Module) -> dict[str, str | None]:
    """Environment variables that a script sets itself: their one value, or None where that cannot be told."""
    found: dict[str, str | None] = {}
    for node in ast.walk(tree):
        key: ast.expr | None = None
        value: ast.expr | None = None
        match node:
            case ast.Assign(targets=[ast.Subscript(value=owner, slice=key)], value=value) if dotted(owner) in (
                "os.environ",
                "environ",
            ):
                pass
            case ast.Call(args=[key, value]) if called(node) in (
                "os.environ.setdefault",
                "environ.setdefault",
                "os.putenv",
            ):
                pass
            case _:
                continue
        name = string(key)
        if name is not None and name not in PLUMBING:
            found[name] = None if name in found else string(value)
    return found


def arguments(
    tree: ast.Module, given: Mapping[str, str], value: Callable[[ast.expr], Any], read: dict[str, Any]
) -> Namespace:
    """The defaults of a parser's arguments, and what was given in their place.

    Args:
        tree: The script.
        given: Settings by name, as texts.
        value: Gives the value of an expression, or UNKNOWN.
        read: Names of settings that were looked up; grows here.

    Raises:
        UnknownError: There are none.
    """
    values: dict[str, Any] = {}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and method(node) in ("add_argument", "set_defaults")):
            continue
        keywords = {k.arg: k.value for k in node.keywords if k.arg}
        if method(node) == "set_defaults":
            values |= {name: value(each) for name, each in keywords.items()}
            continue
        flags = [flag for flag in map(string, node.args) if flag]
        long = [flag for flag in flags if flag.startswith("--")] or flags
        name = string(keywords.get("dest")) or (long[0].lstrip("-").replace("-", "_") if long else "")
        action = string(keywords.get("action"))
        default = value(keywords["default"]) if "default" in keywords else None
        if "default" not in keywords and action in ("store_true", "store_false"):
            default = action == "store_false"
        kind = _KINDS.get(dotted(keywords.get("type", ast.Constant(None))))
        if "type" in keywords and kind is None and (name in given or isinstance(default, str)):
            values[name], read[name] = UNKNOWN, None  # a function of its own makes something of the text
            continue
        if name in given:
            text = given[name]
            switch = action in ("store_true", "store_false") or "BooleanOptional" in dotted(
                keywords.get("action", node)
            )
            flag = text.lower() in ("1", "true", "yes") if switch else text
            default = kind(text) if kind else flag
            if action == "append":
                earlier = list(value(keywords["default"]) or ()) if "default" in keywords else []
                default = [*earlier, *(kind(each) if kind else each for each in text.split("\n"))]
        elif kind and isinstance(default, str):
            default = kind(default)
        values[name] = default
        read[name] = None if default is UNKNOWN else default
    if not values:
        raise UnknownError
    return Namespace({name: value for name, value in values.items() if value is not UNKNOWN})

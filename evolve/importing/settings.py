"""What steers a script from outside: the environment, the command line, and what its log says of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

from evolve.importing.facts import Facts
from evolve.importing.outside import UNKNOWN
from evolve.importing.trees import dotted, own_calls, walk_own

_USING = re.compile(r"^Using (\w+)=(.*)$", re.MULTILINE)
_LONGEST = 400


def from_log(tree: ast.Module, facts: Facts, log: str) -> dict[str, Any]:
    """Values that a log shows of a script's constants.

    Its `Using name=value` lines, and every line that the script would print with the value of a constant in it.

    Args:
        tree: The script.
        facts: What is known without the log; a shown value must be of the same kind.
        log: What follows the source in the log.
    """
    head = log[:200_000]
    found: dict[str, Any] = {}
    shown: dict[str, str] = {}
    lines = set(head.splitlines())
    for statement in tree.body:
        for node in walk_own(statement):
            if isinstance(node, ast.JoinedStr):
                shown |= _matched(node, lines)
    usings = {name.lower(): value for name, value in _USING.findall(head)}
    constants = _constants(tree, facts)
    for name, node in constants.items():
        text = shown.get(name)
        if text is None and _is_steered(facts, node):
            text = usings.get(name.lower().lstrip("_"))
        before = facts.value(node)
        if text is None or before is UNKNOWN:
            continue
        value = _parsed(text, before)
        if value is not UNKNOWN and value != before:
            found[name] = value
    return found


def _is_steered(facts: Facts, node: ast.expr) -> bool:
    if facts.is_steered(node):
        return True
    return any(
        isinstance(each, ast.Name) and _is_steered(facts, made)
        for each in ast.walk(node)
        if isinstance(each, ast.Name) and (made := _made(facts, each)) is not None
    )


def _made(facts: Facts, name: ast.Name) -> ast.expr | None:
    binding = facts.scopes.of.get(name)
    if binding is None or len(binding.stores) != 1:
        return None
    statement = facts.parent.get(binding.stores[0])
    return statement.value if isinstance(statement, ast.Assign) else None


def _constants(tree: ast.Module, facts: Facts) -> dict[str, ast.expr]:
    found = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            binding = facts.scopes.of.get(node.targets[0])
            if binding is not None and len(binding.stores) == 1:  # a log may show any value of one that changes
                found[node.targets[0].id] = node.value
    return found


def _matched(node: ast.JoinedStr, lines: set[str]) -> dict[str, str]:
    """Names in an f-string and what a line of the log has in their places."""
    pattern, names = "", []
    for piece in node.values:
        if isinstance(piece, ast.Constant):
            pattern += re.escape(str(piece.value))
        elif isinstance(piece, ast.FormattedValue) and isinstance(piece.value, ast.Name) and piece.format_spec is None:
            names.append(piece.value.id)
            pattern += r"(.+)" if piece is node.values[-1] else r"([^\s,;]+)"
        else:
            return {}
    if not names or len(pattern) > _LONGEST or len(names) > 8 or len(pattern) < 6:
        return {}
    compiled = re.compile(pattern)
    for line in lines:
        match = compiled.fullmatch(line) if len(line) < 2000 else None
        if match:
            return dict(zip(names, match.groups(), strict=True))
    return {}


def _parsed(text: str, like: Any) -> Any:
    """A value of the same kind as another, from its text; a number may stand at the end of a sentence."""
    if isinstance(like, str):
        return text
    found = _number(text, like)
    return _number(text.rstrip("."), like) if found is UNKNOWN else found


def _number(text: str, like: Any) -> Any:
    try:
        if isinstance(like, bool):
            return {"True": True, "False": False, "1": True, "0": False}.get(text, UNKNOWN)
        if isinstance(like, float):
            return float(text)
        if isinstance(like, int):
            return int(text)
        value = ast.literal_eval(text)
        return value if type(value) is type(like) else UNKNOWN
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return UNKNOWN


def seeds(before: list[ast.stmt], facts: Facts, model: int) -> tuple[frozenset[str], int]:
    """Names that a script seeds itself with, and the seed that it has when it makes its model (0 if none)."""
    names: set[str] = set()
    seed, later = None, None
    for index, statement in enumerate(before):
        for call in own_calls(statement):
            if dotted(call.func) not in ("torch.manual_seed", "torch.random.manual_seed") or not call.args:
                continue
            value = facts.value(call.args[0])
            if isinstance(value, int):
                seed, later = (value, later) if index < model else (seed, value if later is None else later)
            names |= {
                each.id
                for each in ast.walk(call.args[0])
                if isinstance(each, ast.Name) and isinstance(facts.value(each), int) and "rank" not in each.id.lower()
            }
    return frozenset(names), seed if seed is not None else later if later is not None else 0


def overrides(pairs: tuple[str, ...]) -> Mapping[str, str]:
    """`K=V` texts as a mapping; the values of a K that is given several times are its lines."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, _, value = pair.partition("=")
        found[name] = f"{found[name]}\n{value}" if name in found else value
    return found

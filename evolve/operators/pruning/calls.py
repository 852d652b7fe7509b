"""Functions of a genome whose every call is known, and which expression each call gives to each argument."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from evolve.operators.pruning.keys import Keys, dict_entries
from evolve.operators.pruning.purity import plain_values
from evolve.operators.pruning.reading import RECIPE, Function, Reading
from evolve.operators.pruning.text import Element
from evolve.operators.pruning.vocabulary import OPTIMIZER_API, PLAIN_DECORATORS, PURE_METHODS


@dataclass(frozen=True, eq=False)
class Given:
    """What one call writes for one argument.

    Attributes:
        value: The expression.
        member: Where it stands: a positional value, a keyword, or an entry of a dict that the call unpacks.
        owner: The call or the dict.
    """

    value: ast.expr
    member: Element
    owner: ast.AST


@dataclass(frozen=True, eq=False)
class Known:
    """A function that is only ever called, never passed around.

    Attributes:
        function: Its definition.
        calls: Every call, in source order.
        bound: Leading arguments that a call does not write (`self`).
        unpacked: For calls with `**x`: the entries of x, by key.
    """

    function: Function
    calls: tuple[ast.Call, ...]
    bound: int
    unpacked: Mapping[ast.Call, Mapping[str, Given]]

    def arguments(self) -> list[ast.arg]:
        """The arguments that calls write, in source order."""
        signature = self.function.args
        return signature.args[self.bound :] + signature.kwonlyargs

    def default(self, argument: ast.arg) -> ast.expr | None:
        """The argument's default."""
        signature = self.function.args
        if argument in signature.args:
            index = signature.args.index(argument) - len(signature.args) + len(signature.defaults)
            return signature.defaults[index] if index >= 0 else None
        return signature.kw_defaults[signature.kwonlyargs.index(argument)]

    def given(self, call: ast.Call, argument: ast.arg) -> Given | None:
        """What one call writes for an argument, if it writes anything."""
        positional = self.function.args.args[self.bound :]
        if argument in positional and positional.index(argument) < len(call.args):
            value = call.args[positional.index(argument)]
            return Given(value, value, call)
        for keyword in call.keywords:
            if keyword.arg == argument.arg:
                return Given(keyword.value, keyword, call)
        return self.unpacked[call].get(argument.arg)

    def values(self, argument: ast.arg) -> list[ast.expr] | None:
        """Every expression that the argument ever gets; None if a call gives nothing and there is no default."""
        found = []
        for call in self.calls:
            given = self.given(call, argument)
            value = given.value if given is not None else self.default(argument)
            if value is None:
                return None
            found.append(value)
        return found


@lru_cache(maxsize=4)
def known_functions(reading: Reading) -> tuple[Known, ...]:
    """All functions whose calls are all known, in source order."""
    found = []
    for function in reading.functions:
        calls = _calls(reading, function)
        if not calls or not _plain(reading, function):
            continue
        unpacked = {call: entries for call in calls if (entries := _unpacked(reading, call)) is not None}
        if len(unpacked) == len(calls):
            bound = 1 if isinstance(reading.parent[function], ast.ClassDef) and not _static(function) else 0
            found.append(Known(function, tuple(calls), bound, unpacked))
    return tuple(found)


@lru_cache(maxsize=4)
def callees(reading: Reading) -> Mapping[ast.AST, Known]:
    """The function of each argument whose every value is known."""
    return {argument: known for known in known_functions(reading) for argument in known.arguments()}


@lru_cache(maxsize=4)
def keys_of(reading: Reading) -> Keys:
    """What is known about the string keys of a genome, dicts unpacked into known calls explained."""
    calls = (call for known in known_functions(reading) for call in known.calls)
    return Keys(reading, [keyword for call in calls for keyword in call.keywords if keyword.arg is None])


def _plain(reading: Reading, function: Function) -> bool:
    decorators = [d.func if isinstance(d, ast.Call) else d for d in function.decorator_list]
    plain = all(reading.path(d) in PLAIN_DECORATORS or _is_static(d) for d in decorators)
    signature = function.args
    return plain and signature.vararg is None and signature.kwarg is None and not signature.posonlyargs


def _static(function: Function) -> bool:
    return any(_is_static(d) for d in function.decorator_list)


def _is_static(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Name) and decorator.id == "staticmethod"


def _unpacked(reading: Reading, call: ast.Call) -> dict[str, Given] | None:
    """The entries of all dicts that a call unpacks; None if they are not written out for this call alone."""
    if any(isinstance(argument, ast.Starred) for argument in call.args) or reading.is_quoted(call):
        return None
    found: dict[str, Given] = {}
    for keyword in call.keywords:
        if keyword.arg is None:
            owner = keyword.value
            if isinstance(owner, ast.Name):
                binding = reading.binding(owner)
                values = plain_values(reading, binding)
                if values is None or len(values) != 1 or len(binding.loads) != 1:
                    return None
                owner = values[0]
            entries = dict_entries(reading, owner)
            if entries is None or getattr(owner, "args", []):
                return None
            found |= {entry.key: Given(entry.value, entry.element, owner) for entry in entries}
    return found


def _calls(reading: Reading, function: Function) -> list[ast.Call] | None:
    """Every call of a function; None if it can also be reached in another way."""
    owner = reading.parent[function]
    if isinstance(owner, ast.ClassDef):
        if function.name == "__init__":
            return _name_calls(reading, owner)
        return _method_calls(reading, function)
    if function.name == RECIPE and owner is reading.tree:
        return None
    return _name_calls(reading, function)


def _name_calls(reading: Reading, definition: Function | ast.ClassDef) -> list[ast.Call] | None:
    binding = reading.binding(definition)
    if len(binding.stores) != 1 or isinstance(reading.parent[definition], ast.ClassDef):
        return None
    calls = []
    for load in binding.loads:
        call = reading.parent[load]
        if not isinstance(call, ast.Call) or call.func is not load:
            return None
        calls.append(call)
    return calls


def _method_calls(reading: Reading, function: Function) -> list[ast.Call] | None:
    name = function.name
    common = name.startswith("__") or name in OPTIMIZER_API or name in PURE_METHODS or name.endswith("_")
    if common or name in {"update", "append", "pop", "setdefault", "extend"} or len(reading.methods[name]) != 1:
        return None
    calls = []
    for node in _mentions(reading, name):
        call = reading.parent[node]
        if not isinstance(node, ast.Attribute) or not isinstance(call, ast.Call) or call.func is not node:
            return None
        calls.append(call)
    return calls


def _mentions(reading: Reading, name: str) -> Iterator[ast.AST]:
    """Every place that may mean an attribute of this name."""
    for node in reading.nodes:
        if (isinstance(node, ast.Attribute) and node.attr == name) or (
            isinstance(node, ast.Constant) and node.value == name
        ):
            yield node

"""String keys of states, parameter groups and other dicts: who writes them, and where a reader could be hidden.

A key is one thing for the whole genome, whatever the dict: two dicts that share a key share its fate.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import TypeGuard

from evolve.operators.pruning.purity import plain_values
from evolve.operators.pruning.reading import Function, Reading, is_setdefault, string
from evolve.operators.pruning.scopes import Binding
from evolve.operators.pruning.text import Element

_WALKS = frozenset({"items", "keys", "values", "copy", "popitem"})
_KEYED = frozenset({"get", "setdefault", "update", "pop"})
_REFLECTION = frozenset(
    {"globals", "locals", "vars", "dir", "eval", "exec", "compile", "__import__", "setattr", "delattr"}
)


@dataclass(frozen=True, eq=False)
class Entry:
    """One entry of a dict display, a `dict(...)` call or an `.update(...)` call.

    Attributes:
        key: The key.
        value: Its value.
        element: The entry as a member of a comma-separated list.
    """

    key: str
    value: ast.expr
    element: Element


def dict_entries(reading: Reading, node: ast.expr) -> list[Entry] | None:
    """The entries of something that makes or fills a dict with literal keys; None if it is nothing of that kind."""
    if isinstance(node, ast.Dict):
        if not all(string(key) is not None for key in node.keys):
            return None
        return [Entry(string(k) or "", v, (k, v)) for k, v in zip(node.keys, node.values, strict=True) if k is not None]
    if not isinstance(node, ast.Call) or not node.keywords or any(k.arg is None for k in node.keywords):
        return None
    makes = reading.path(node.func) == "builtins.dict" and len(node.args) <= 1
    if makes or (not node.args and _is_dict_update(reading, node)):
        return [Entry(k.arg or "", k.value, k) for k in node.keywords]
    return None


def _is_dict_update(reading: Reading, call: ast.Call) -> bool:
    """Whether `x.update(a=1)` cannot be a method of the genome's own: none of that name takes these arguments."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr != "update":
        return False
    given = {keyword.arg for keyword in call.keywords}
    signatures = [method.args for method in reading.methods.get("update", [])]
    return not any(s.kwarg or given <= {a.arg for a in [*s.args, *s.kwonlyargs]} for s in signatures)


def is_reflective(reading: Reading) -> bool:
    """Whether a genome can name things in ways that no analysis follows."""
    for node in reading.nodes:
        if isinstance(node, ast.Name) and node.id in _REFLECTION and reading.binding(node).scope is None:
            return True
        if isinstance(node, ast.Attribute) and node.attr in {"__dict__", "__globals__", "__getattribute__"}:
            return True
        if isinstance(node, ast.Call) and reading.path(node.func) in {"builtins.getattr", "builtins.hasattr"}:
            named = len(node.args) > 1 and string(node.args[1]) is not None
            if not named:
                return True
        if isinstance(node, ast.FunctionDef) and node.name in {
            "__getattr__",
            "__getattribute__",
            "__setattr__",
        }:
            return True
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return True
    return False


class Keys:
    """What is known about the string keys of a genome.

    Attributes:
        hidden_readers: Whether some code may read keys that it does not name.
        pinned: Keys that count as read.
    """

    def __init__(self, reading: Reading, explained: Collection[ast.keyword]) -> None:
        """Look for hidden readers.

        Args:
            reading: The genome.
            explained: Dicts unpacked into calls (`**x`) whose entries are known to be arguments.
        """
        self._reading = reading
        self._explained = explained
        self.pinned: set[str] = set()
        self._built: list[re.Pattern[str]] = []
        self._keyed = self._keyed_names()
        for node in reading.nodes:  # `for side in "LR"` names the keys "L" and "R"
            self.pinned.update(_walked_characters(reading, node))
        names = (load for binding in self._keyed for load in binding.loads)
        self.hidden_readers = any(self._hides_readers(node) for node in reading.nodes) or not all(
            self._is_harmless(load) for load in [*names, *(n for n in reading.nodes if _is_state(n))]
        )

    def values(self, key: str) -> list[ast.expr] | None:
        """Every value that is ever stored under a key by name; None if none is, or one in another way."""
        return self._values.get(key)

    @cached_property
    def _values(self) -> dict[str, list[ast.expr] | None]:
        found: dict[str, list[ast.expr] | None] = {}

        def note(key: str, value: ast.expr | None) -> None:
            known = found.setdefault(key, [])
            if value is None or known is None:
                found[key] = None
            else:
                known.append(value)

        for node in self._reading.nodes:
            if isinstance(node, ast.Dict | ast.Call):
                for entry in dict_entries(self._reading, node) or []:
                    note(entry.key, entry.value)
                if is_setdefault(node):
                    note(string(node.args[0]) or "", node.args[1])
            elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
                key, statement = string(node.slice), self._reading.parent[node]
                if key is not None and not isinstance(statement, ast.AugAssign):
                    plain = isinstance(statement, ast.Assign) and node in statement.targets
                    note(key, statement.value if plain and isinstance(statement, ast.Assign) else None)
        return found

    def may_lose_entries(self, node: ast.expr) -> bool:
        """Whether whoever gets this dict reads it by literal keys only, as far as `hidden_readers` can tell."""
        reading = self._reading
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):  # state.update(...)
            return isinstance(reading.parent[node], ast.Expr)
        around = reading.parent[node]
        while isinstance(
            around,
            ast.List | ast.Tuple | ast.ListComp | ast.GeneratorExp | ast.IfExp | ast.Starred | ast.BinOp | ast.keyword,
        ):
            around = reading.parent[around]
        if isinstance(around, ast.Assign | ast.AnnAssign):
            return True
        if isinstance(around, ast.Return):
            function = reading.inside(around, ast.FunctionDef)
            return isinstance(function, Function) and function is not reading.recipe
        return isinstance(around, ast.Call) and self._takes_dicts(around)

    def _takes_dicts(self, call: ast.Call) -> bool:
        """Whether a call's target is code of the genome, an optimizer, or a list."""
        function = call.func
        if self._reading.definition(function) is not None:
            return True
        path = self._reading.path(function)
        if path.startswith("torch.optim.") or path in {"builtins.list", "builtins.tuple"}:
            return True
        if not isinstance(function, ast.Attribute):
            return False
        is_super = isinstance(function.value, ast.Call) and self._reading.path(function.value.func) == "builtins.super"
        own = function.attr in self._reading.methods
        return is_super or own or function.attr in {"append", "extend", "add_param_group", "setdefault"}

    # Hidden readers

    def _keyed_names(self) -> list[Binding]:
        """Variables that are used as dicts with literal keys, arguments that they are passed on to included."""
        found: list[Binding] = []

        def note(node: ast.AST) -> None:
            if isinstance(node, ast.Name) and self._reading.binding(node) not in found:
                found.append(self._reading.binding(node))

        for node in self._reading.nodes:
            if (isinstance(node, ast.Subscript) and string(node.slice) is not None) or (
                isinstance(node, ast.Attribute) and node.attr in _KEYED
            ):
                note(node.value)
            elif isinstance(node, ast.Assign) and (
                _is_state(node.value) or dict_entries(self._reading, node.value) is not None
            ):
                for target in node.targets:
                    note(target)
            elif _is_state(node):
                found += [self._reading.binding(argument) for argument in self._receivers(node)]
        found = list(dict.fromkeys(found))
        for binding in found:  # grows while it is walked
            for load in binding.loads:
                for argument in self._receivers(load):
                    if self._reading.binding(argument) not in found:
                        found.append(self._reading.binding(argument))
        return found

    def _receivers(self, load: ast.Name | ast.Subscript) -> list[ast.arg]:
        """The arguments of the genome's functions that a name, or a state, is passed on to."""
        parent = self._reading.parent[load]
        keyword = parent if isinstance(parent, ast.keyword) else None
        call = self._reading.parent[parent] if keyword else parent
        if not isinstance(call, ast.Call):
            return []
        found = []
        for function, bound in self._targets(call):
            positional = function.args.args[bound:]
            if keyword:
                found += [a for a in [*positional, *function.args.kwonlyargs] if a.arg == keyword.arg]
            else:
                found += [positional[i] for i, value in enumerate(call.args) if value is load and i < len(positional)]
        return found

    def _targets(self, call: ast.Call) -> list[tuple[Function, int]]:
        """The functions of the genome that a call may mean, with the number of arguments that it does not write."""
        definition = self._reading.definition(call.func)
        if isinstance(definition, Function):
            return [(definition, 0)]
        if isinstance(definition, ast.ClassDef):
            return [(f, 1) for f in definition.body if isinstance(f, Function) and f.name == "__init__"]
        if isinstance(call.func, ast.Attribute):
            return [(method, 1) for method in self._reading.methods.get(call.func.attr, [])]
        return []

    def _is_kept_as_it_is(self, load: ast.expr, statement: ast.Assign) -> bool:
        """Whether an assignment gives a dict no name under which it is read otherwise."""
        targets = statement.targets
        if all(isinstance(target, ast.Name) for target in targets):
            return _is_state(load)  # the name is one of those that are looked at
        attributes = {target.attr for target in targets if isinstance(target, ast.Attribute)}
        reads = (n for n in self._reading.nodes if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load))
        return all(
            not isinstance(self._reading.parent[read], ast.Assign) and self._is_harmless(read)
            for read in reads
            if read.attr in attributes
        )

    def _is_harmless(self, load: ast.expr) -> bool:
        """Whether a use of a dict reads no key that it does not name."""
        parent = self._reading.parent[load]
        match parent:
            case ast.Subscript() | ast.Attribute() | ast.Compare() | ast.UnaryOp() | ast.BoolOp() | ast.If():
                return True
            case ast.comprehension():
                return load in parent.ifs
            case ast.List() | ast.Tuple():
                return not self._holds_state(load)
            case ast.Return() | ast.IfExp() | ast.Expr():
                return True
            case ast.Call():
                return load is parent.func or self._is_known_call(parent)
            case ast.keyword():
                call = self._reading.parent[parent]
                known = parent.arg is not None and isinstance(call, ast.Call) and self._is_known_call(call)
                return known or parent in self._explained
            case ast.Assign():
                return self._is_kept_as_it_is(load, parent)
            case _:
                return False

    def _holds_state(self, load: ast.expr) -> bool:
        """Whether a state is put somewhere from where it may be read under any name."""
        values = plain_values(self._reading, self._reading.binding(load)) if isinstance(load, ast.Name) else [load]
        return any(_is_state(value) for value in values or [])

    def _is_known_call(self, call: ast.Call) -> bool:
        path = self._reading.path(call.func)
        if path in {"builtins.list", "builtins.tuple"}:
            return False  # a list of its keys
        return path in {
            "builtins.len",
            "builtins.isinstance",
            "builtins.bool",
            "builtins.dict",
        } or self._takes_dicts(call)

    def _hides_readers(self, node: ast.AST) -> bool:
        reading = self._reading
        match node:
            case (
                ast.Call(func=ast.Attribute(value=ast.Constant(value=str())))
                | ast.Subscript(value=ast.Constant(value=str()))
            ):
                return True  # a string made from others may be a key
            case ast.Call(func=ast.Name(id="chr" | "str" | "repr" | "format" | "ascii" | "hex" | "oct" | "bin")):
                return not isinstance(reading.statement(node), ast.Raise | ast.Assert)
            case ast.Call(func=ast.Attribute(value=receiver, attr=name)) if name in _WALKS:
                return not self._has_no_literal_keys(receiver)
            case ast.keyword(arg=None, value=value):
                return node not in self._explained and not self._pins(value)
            case ast.Dict():
                return not all(self._pins(v) for k, v in zip(node.keys, node.values, strict=True) if k is None)
            case ast.Attribute(attr="defaults" | "state_dict" | "load_state_dict", ctx=ast.Load()):
                return True
            case ast.JoinedStr() | ast.BinOp() if not isinstance(reading.statement(node), ast.Raise | ast.Assert):
                return not self._notes_built(node)
            case _:
                return False

    def _notes_built(self, node: ast.JoinedStr | ast.BinOp) -> bool:
        """Note which keys a string made from others may be: those with its literal parts; False if it has none."""
        if isinstance(node, ast.JoinedStr):
            parts = [string(part) for part in node.values]
        else:
            parts = [string(node.left), string(node.right)]
            if parts == [None, None]:
                return True  # arithmetic
            if not isinstance(node.op, ast.Add):
                return False
        self._built.append(re.compile("".join(".*" if part is None else re.escape(part) for part in parts), re.DOTALL))
        return any(parts)

    def may_be_built(self, key: str) -> bool:
        """Whether a string that is put together somewhere may be this key."""
        return any(pattern.fullmatch(key) for pattern in self._built)

    def _has_no_literal_keys(self, receiver: ast.expr) -> bool:
        """Whether a dict that is walked through has no keys that are written as literals."""
        if isinstance(receiver, ast.Attribute):
            return receiver.attr == "state"  # its keys are parameters
        entries = dict_entries(self._reading, receiver)
        if entries is not None:
            self.pinned.update(entry.key for entry in entries)
            return True
        if not isinstance(receiver, ast.Name):
            return False
        binding = self._reading.binding(receiver)
        values = plain_values(self._reading, binding)
        if values is None or (binding in self._keyed and any(self._is_filled(load) for load in binding.loads)):
            return False
        return all(self._pins(value) or _is_keyless(value) for value in values)

    def _is_filled(self, load: ast.Name) -> bool:
        parent = self._reading.parent[load]
        if isinstance(parent, ast.Subscript) and isinstance(parent.ctx, ast.Store):
            return string(parent.slice) is not None
        return isinstance(parent, ast.Attribute) and parent.attr == "update"

    def _pins(self, value: ast.expr) -> bool:
        """Whether all keys of a dict that is unpacked are known; they count as read from now on."""
        if isinstance(value, ast.Name):
            binding = self._reading.binding(value)
            if any(self._is_kwargs(store) for store in binding.stores):
                return True
            values = plain_values(self._reading, binding)
            return values is not None and all(self._pins(v) for v in values if v is not value)
        entries = dict_entries(self._reading, value)
        if entries is None:
            return False
        self.pinned.update(entry.key for entry in entries)
        return True

    def _is_kwargs(self, store: ast.AST) -> bool:
        signature = self._reading.parent.get(store)
        return isinstance(signature, ast.arguments) and signature.kwarg is store


def _is_state(node: ast.AST) -> TypeGuard[ast.Subscript]:
    """Whether an expression is `optimizer.state[p]`, to be read; given to a name, it is that name that counts."""
    if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Load):
        return False
    return isinstance(node.value, ast.Attribute) and node.value.attr == "state"


def _is_keyless(value: ast.expr) -> bool:
    if isinstance(value, ast.Dict):
        return not value.keys
    if isinstance(value, ast.DictComp | ast.List | ast.ListComp):
        return True
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name | ast.Attribute):
        name = value.func.id if isinstance(value.func, ast.Name) else value.func.attr
        return name in {"dict", "defaultdict", "OrderedDict"} and not value.keywords
    return False


def _walked_characters(reading: Reading, node: ast.AST) -> str:
    """The characters of a string literal that something may walk through."""
    parent = reading.parent.get(node)
    walked = isinstance(parent, ast.Call) or (isinstance(parent, ast.For | ast.comprehension) and parent.iter is node)
    return (string(node) or "") if walked else ""

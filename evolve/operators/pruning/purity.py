"""What evaluating an expression does besides giving a value: nothing, a write to known objects, or who knows.

A draw from the random stream, the consumption of an iterator and a write through an alias are effects. The assumption
throughout is that the genome runs: an expression is not kept for the exception that it might raise.
"""

from __future__ import annotations

import ast

from evolve.operators.pruning.callbacks import called_back
from evolve.operators.pruning.iterators import Iterators
from evolve.operators.pruning.reading import Function, Reading, called_name, is_setdefault, string
from evolve.operators.pruning.scopes import Binding
from evolve.operators.pruning.vocabulary import (
    CONTAINER_WRITES,
    CREATORS,
    NOT_VALUES,
    PURE_BUILTINS,
    PURE_METHODS,
    PURE_MODULES,
    PURE_OTHERS,
    PURE_TORCH,
    RANDOM_IN_PLACE,
    VIEWS,
)

_OPAQUE = (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)
_AMBIGUOUS = frozenset({"add", "sort", "subtract"})
"""Methods that write to a container and give None, and of tensors, where they give the result and write nothing."""
_TRUTH_ALONE = (ast.Expr, ast.BoolOp, ast.UnaryOp, ast.If, ast.IfExp, ast.comprehension, ast.Compare)


class Purity:
    """The effects of a genome's expressions."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._functions: dict[ast.AST, bool] = {}
        self._iterators = Iterators(reading)
        self._properties = _properties(reading)
        self._plain: dict[str, bool] = {}
        self._fills_when_asked = [n for n in reading.nodes if isinstance(n, ast.Call) and _is_defaultdict(reading, n)]
        self._state_is_inspected = any(
            isinstance(node, ast.Attribute)
            and node.attr == "state"
            and not isinstance(reading.parent[node], ast.Subscript)
            for node in reading.nodes
        )

    def is_pure(self, node: ast.AST | None) -> bool:
        """Whether evaluating a node has no effect at all."""
        return node is None or self.writes(node) == []

    def writes(self, node: ast.AST) -> list[ast.expr] | None:
        """Expressions whose objects are written to when a node is evaluated; None if the effects are not known."""
        if isinstance(node, _OPAQUE):
            return None
        if isinstance(node, ast.Lambda):
            defaults = [*node.args.defaults, *node.args.kw_defaults]
            return [] if all(self.is_pure(default) for default in defaults) else None
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Attribute) and not self._is_plain_attribute(node.attr):
            return None
        if isinstance(node, ast.Subscript) and self._state_is_inspected and _name(node.value) == "state":
            return None  # looking up an optimizer's state creates it
        found: list[ast.expr] = []
        match node:
            case ast.comprehension(iter=walked) | ast.Starred(value=walked):
                found += [walked] if isinstance(walked, ast.expr) and self.is_iterator(walked) else []
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and self._fills_when_asked:
            if not all(self._makes_plain_default(call) for call in self._fills_when_asked):
                return None
            found.append(node.value)
        for child in ast.iter_child_nodes(node):
            inner = self.writes(child)
            if inner is None:
                return None
            found += inner
        return found

    def _call(self, node: ast.Call) -> list[ast.expr] | None:
        found: list[ast.expr] = []
        for argument in [*node.args, *node.keywords]:
            if isinstance(argument, ast.keyword) and argument.arg == "out":
                return None
            inner = self.writes(argument)
            if inner is None:
                return None
            found += inner
            value = argument.value if isinstance(argument, ast.keyword | ast.Starred) else argument
            if isinstance(value, ast.expr) and self.is_iterator(value):
                found.append(value)
        called = self._called(node)
        return None if called is None else found + called

    def _called(self, node: ast.Call) -> list[ast.expr] | None:
        """Effects of the call itself, its arguments evaluated."""
        function = node.func
        path = self._reading.path(function)
        last = path.rpartition(".")[2]
        calls_back = path or called_name(node) == "sort"
        if calls_back and not all(self._is_pure_when_called(each) for each in called_back(path, node)):
            return None
        asks = path in {"builtins.getattr", "builtins.hasattr"} and len(node.args) > 1
        if asks and not self._is_plain_attribute(string(node.args[1]) or ""):
            return None
        if path.startswith("builtins."):
            return [] if last in PURE_BUILTINS else None
        if path:
            if path in PURE_OTHERS or path.partition(".")[0] in PURE_MODULES:
                return []
            if path.startswith("torch.") and last in PURE_TORCH and "distributed" not in path:
                return []
            whole = ".init." in path or ".utils." in path  # draws at random, or reaches through what it is given
            if path.startswith("torch.") and is_in_place(last) and node.args and not whole:
                return [node.args[0]]
            return None
        if isinstance(function, ast.Name):
            definition = self._reading.definition(function)
            return [] if isinstance(definition, Function) and self._is_pure_function(definition) else None
        if isinstance(function, ast.Attribute):
            if is_setdefault(node):  # writes, and gives, what the dict holds under the key
                receiver = self.writes(function.value)
                return None if receiver is None else [*receiver, node]
            return self._method(function)
        return None

    def _method(self, function: ast.Attribute) -> list[ast.expr] | None:
        receiver = self.writes(function.value)
        if receiver is None or function.attr in self._reading.methods:
            return None
        if function.attr in _AMBIGUOUS and self._may_be_containers(function):
            return [*receiver, function.value]
        if function.attr in PURE_METHODS:
            return receiver
        if is_in_place(function.attr) or function.attr in CONTAINER_WRITES:
            return [*receiver, function.value]
        return None

    def _may_be_containers(self, function: ast.Attribute) -> bool:
        """Whether a call's result goes nowhere, or counts by its truth alone, as a container's None does."""
        call = self._reading.parent[function]
        around = self._reading.parent.get(call)
        if isinstance(around, ast.ListComp):
            around = self._reading.parent.get(around)
            return isinstance(around, ast.Expr)
        return isinstance(around, _TRUTH_ALONE)

    def _is_plain_attribute(self, name: str) -> bool:
        """Whether reading attributes of this name runs no code that does anything."""
        if name not in self._plain:
            self._plain[name] = True  # until shown otherwise: a property may read another object's of its name
            self._plain[name] = all(self._is_local(s, p) for p in self._properties.get(name, []) for s in p.body)
        return self._plain[name]

    def _is_pure_when_called(self, node: ast.expr) -> bool:
        """Whether calling what an expression gives has no effect."""
        if isinstance(node, ast.Constant):
            return True
        if isinstance(node, ast.Lambda):
            return self.is_pure(node) and self.is_pure(node.body)
        definition = self._reading.definition(node)
        if isinstance(definition, Function):
            return self._is_pure_function(definition)
        path = self._reading.path(node)
        last = path.rpartition(".")[2]
        if path.startswith("builtins."):
            return last in PURE_BUILTINS
        torchs = path.startswith("torch.") and last in PURE_TORCH and "distributed" not in path
        return torchs or path in PURE_OTHERS or path.partition(".")[0] in PURE_MODULES

    def _makes_plain_default(self, call: ast.Call) -> bool:
        """Whether what a `defaultdict` calls for a key that it lacks has no effect."""
        return all(self._is_pure_when_called(factory) for factory in call.args[:1])

    # Functions of the genome

    def _is_pure_function(self, function: Function) -> bool:
        if function not in self._functions:
            self._functions[function] = True  # until shown otherwise: recursion
            plain = all(
                self._reading.path(d.func if isinstance(d, ast.Call) else d).startswith("torch.")
                for d in function.decorator_list
            )
            self._functions[function] = plain and all(self._is_local(s, function) for s in function.body)
        return self._functions[function]

    def _is_local(self, node: ast.stmt, function: Function) -> bool:
        """Whether a statement touches nothing but the function's own variables and new objects."""
        if isinstance(node, ast.FunctionDef | ast.Pass | ast.Break | ast.Continue | ast.Raise):
            return True
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Expr | ast.Return | ast.Assert):
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            value = node.test if isinstance(node, ast.Assert) else node.value
            writes: list[ast.expr] | None = [] if value is None else self.writes(value)
            if writes is None:
                return False
            for target in targets:
                if isinstance(node, ast.AugAssign):
                    writes = [*writes, node.target]
                for leaf in ast.walk(target) if target is not None else ():
                    if isinstance(leaf, ast.Attribute | ast.Subscript) and isinstance(leaf.ctx, ast.Store):
                        writes = [*writes, leaf.value]
                    elif (
                        isinstance(leaf, ast.Name)
                        and isinstance(leaf.ctx, ast.Store)
                        and not self._owns(leaf, function)
                    ):
                        return False
            return all(self._is_new(root, function) for root in writes)
        if isinstance(node, ast.If | ast.While):
            return self.is_pure(node.test) and all(self._is_local(s, function) for s in [*node.body, *node.orelse])
        if isinstance(node, ast.For):
            owned = all(self._owns(n, function) for n in ast.walk(node.target) if isinstance(n, ast.Name))
            pure = self.is_pure(node.iter) and not self.is_iterator(node.iter)
            return owned and pure and all(self._is_local(s, function) for s in [*node.body, *node.orelse])
        return False

    def _owns(self, name: ast.Name, function: Function) -> bool:
        scope = self._reading.binding(name).scope
        return scope is not None and scope.node is function

    def _is_new(self, root: ast.expr, function: Function) -> bool:
        """Whether an object that is written to was made by this very function."""
        base = base_object(root)
        if isinstance(base, ast.Name):
            binding = self._reading.binding(base)
            values = plain_values(self._reading, binding)
            owned = binding.scope is not None and binding.scope.node is function
            return owned and values is not None and all(is_fresh(value) for value in values)
        return is_fresh(base)

    # Iterators

    def is_iterator(self, node: ast.expr) -> bool:
        """Whether an expression names an object that is used up when it is walked through."""
        return self._iterators.is_held(node)


def _properties(reading: Reading) -> dict[str, list[Function]]:
    """Methods that run when an attribute is read, by name."""
    found: dict[str, list[Function]] = {}
    for name, methods in reading.methods.items():
        own = [m for m in methods if any(_is_property(reading, decorator) for decorator in m.decorator_list)]
        if own:
            found[name] = own
    for node in reading.nodes:  # `rate = property(method)`
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and _is_property(reading, node.value.func):
            given = [each for a in node.value.args if isinstance(each := reading.definition(a), Function)]
            found |= {target.id: given for target in node.targets if isinstance(target, ast.Name)}
    return found


def _is_property(reading: Reading, decorator: ast.expr) -> bool:
    if isinstance(decorator, ast.Attribute) and decorator.attr in {"getter", "setter", "deleter"}:
        return True
    return reading.path(decorator) in {"builtins.property", "functools.cached_property"}


def _is_defaultdict(reading: Reading, call: ast.Call) -> bool:
    return reading.path(call.func) == "collections.defaultdict"


def is_in_place(name: str) -> bool:
    """Whether a method of this name writes to its receiver, and does no more."""
    return name.endswith("_") and not name.startswith("_") and name not in RANDOM_IN_PLACE | NOT_VALUES


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def base_object(node: ast.expr) -> ast.expr:
    """The expression whose object is written to when `node` is: in-place results and views are looked through."""
    while True:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if not (is_in_place(node.func.attr) or node.func.attr in VIEWS) or node.func.attr == "get":
                return node  # what a dict holds is no part of it
            node = node.func.value
        elif isinstance(node, ast.Attribute) and node.attr in VIEWS:
            node = node.value
        else:
            return node


def is_fresh(node: ast.expr) -> bool:
    """Whether an expression makes a new object that nobody else can hold (its members aside)."""
    if isinstance(node, ast.Constant | ast.BinOp | ast.UnaryOp | ast.Compare | ast.JoinedStr):
        return True
    if isinstance(node, ast.List | ast.Dict | ast.Set | ast.Tuple | ast.ListComp | ast.DictComp | ast.SetComp):
        return True
    if isinstance(node, ast.Call):
        name = called_name(node)
        if isinstance(node.func, ast.Name):
            return name in {
                "list",
                "dict",
                "set",
                "float",
                "int",
                "bool",
                "sorted",
                "defaultdict",
                "deque",
                "len",
            }
        if isinstance(node.func, ast.Attribute) and name == "copy" and _name(node.func.value) == "copy":
            return False  # `copy.copy` of a tensor shares its memory
        return name in CREATORS or (name in PURE_METHODS and name not in VIEWS | {"values", "items", "keys", "item"})
    return False


def is_new_tensor(node: ast.expr) -> bool:
    """Whether an expression makes a new tensor, so that its parts are new as well."""
    return isinstance(node, ast.Call) and called_name(node) in CREATORS


def plain_values(reading: Reading, binding: Binding) -> list[ast.expr] | None:
    """All values that a variable is ever given by plain assignments; None if it gets others.

    Augmented assignments do not count: they give a new object, or the old one.
    """
    values: list[ast.expr] = []
    for store in binding.stores:
        statement = reading.parent.get(store)
        if isinstance(statement, ast.AugAssign):
            continue
        value = assigned(statement, store)
        if value is not None:
            values.append(value)
        elif isinstance(statement, ast.Tuple) and isinstance(reading.parent[statement], ast.Assign):
            pair = paired(reading.parent[statement], store)
            if pair is None:
                return None
            values.append(pair)
        else:
            return None
    return values or None


def assigned(statement: ast.AST | None, target: ast.AST) -> ast.expr | None:
    """The value that a plain assignment gives to a target as a whole, and, but for constants, to no other."""
    if isinstance(statement, ast.Assign) and target in statement.targets:
        alone = len(statement.targets) == 1 or isinstance(statement.value, ast.Constant)
        return statement.value if alone else None
    return statement.value if isinstance(statement, ast.AnnAssign) else None


def paired(statement: ast.AST, target: ast.AST) -> ast.expr | None:
    """The value that `a, b = x, y` gives to one of its targets."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    names, value = statement.targets[0], statement.value
    if not isinstance(names, ast.Tuple) or not isinstance(value, ast.Tuple) or len(names.elts) != len(value.elts):
        return None
    if any(isinstance(part, ast.Starred) for part in [*names.elts, *value.elts]):
        return None
    return next((v for n, v in zip(names.elts, value.elts, strict=True) if n is target), None)

"""What is known of a script's values before it runs: constants, and settings from outside."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from evolve.importing.computing import is_harmless
from evolve.importing.interpret import PARSER, Interpreter, Namespace, UnknownError
from evolve.importing.outside import PLUMBING, UNKNOWN, arguments, preset
from evolve.importing.trees import called, dotted, follows, method, parents
from evolve.operators.pruning.scopes import Scopes

_WRITES = frozenset(
    [
        "append",
        "extend",
        "insert",
        "add",
        "update",
        "clear",
        "pop",
        "popitem",
        "remove",
        "discard",
        "setdefault",
        "sort",
        "reverse",
    ]
)
_WORLD: dict[str, Any] = {
    "dist.get_rank": 0,
    "dist.get_world_size": 1,
    "torch.distributed.get_rank": 0,
    "torch.distributed.get_world_size": 1,
    "torch.cuda.is_available": True,
    "dist.is_initialized": True,
    "torch.distributed.is_initialized": True,
}
_DEEPEST = 4
_LONGEST_LITERAL = 1000


class Facts:
    """Values of a script's names and expressions.

    Args:
        tree: The script.
        given: Settings by name, as texts.
        hidden: Names whose values must not be used: the seed.
        shown: Values by name that a log tells.
        chain: The blocks that are run once, from the module inwards.

    Attributes:
        read: Names of settings that were looked up, with the text or value found.
    """

    def __init__(
        self,
        tree: ast.Module,
        given: Mapping[str, str],
        hidden: frozenset[str] = frozenset(),
        shown: Mapping[str, Any] | None = None,
        chain: tuple[ast.AST, ...] = (),
    ) -> None:
        self.tree = tree
        self.given, self.hidden, self.shown = given, hidden, dict(shown or {})
        self.scopes = Scopes(tree)
        self.parent = parents(tree)
        self._chain = (tree, *chain)
        self.read: dict[str, Any] = {}
        own = {name: text for name, text in preset(tree).items() if name not in given}
        self._unsure = frozenset(name for name, text in own.items() if text is None)
        self._environment = {**PLUMBING, **{name: text for name, text in own.items() if text is not None}, **given}
        self._cache: dict[int, Any] = {}
        self._busy: set[int] = set()

    def value(self, node: ast.expr) -> Any:
        """The value of an expression, or UNKNOWN."""
        try:
            return Interpreter(self._lookup, self._special, self._function).value(node)
        except UnknownError:
            return UNKNOWN

    def truth(self, node: ast.expr) -> Any:
        """Whether an expression is true where truth alone counts, or UNKNOWN."""
        if isinstance(node, ast.BoolOp):
            stops = isinstance(node.op, ast.Or)
            found: Any = not stops
            for part in node.values:
                value = self.truth(part)
                if value is stops:
                    return stops
                if value is UNKNOWN:
                    found = UNKNOWN
                    if not is_harmless(part):
                        break
            return found
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            value = self.truth(node.operand)
            return UNKNOWN if value is UNKNOWN else not value
        value = self.value(node)
        return UNKNOWN if value is UNKNOWN or isinstance(value, Namespace) else bool(value)

    def is_outermost(self, statement: ast.stmt) -> bool:
        """Whether a statement stands at module level, or where code is run once."""
        return self.parent.get(statement) in self._chain

    def is_decided_call(self, node: ast.AST) -> bool:
        """Whether an expression calls one of the script's own functions."""
        return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and self._function(node.func) is not None

    def by_name(self, name: str) -> Any:
        """The value of one of the script's outermost variables, or UNKNOWN."""
        binding = self.scopes.module.names.get(name)
        load = next(iter(binding.loads), None) if binding is not None else None
        return UNKNOWN if load is None else self.value(load)

    def is_steered(self, node: ast.AST) -> bool:
        """Whether an expression reads the environment or the command line."""
        for part in ast.walk(node):
            if dotted(part) in ("os.environ", "sys.argv") or called(part) == "os.getenv" or method(part) in _PARSED:
                return True
            if isinstance(part, ast.Attribute) and isinstance(part.value, ast.Name) and self._is_namespace(part.value):
                return True
        return False

    def _is_namespace(self, name: ast.Name) -> bool:
        try:
            return isinstance(self._lookup(name), Namespace)
        except UnknownError:
            return False

    # Names

    def _lookup(self, node: ast.Name) -> Any:
        binding = self.scopes.of.get(node)
        if binding is None or node.id in self.hidden:
            raise UnknownError
        if binding.scope is None:
            if node.id == "__name__":
                return "__main__"
            raise UnknownError
        key = id(binding)
        if key in self._busy:
            raise UnknownError
        if key not in self._cache:
            self._busy.add(key)
            try:
                self._cache[key] = self._repeated(binding) if self._is_repeated(binding) else self._bound(binding)
            except (UnknownError, ArithmeticError, TypeError, ValueError, LookupError, AttributeError):
                self._cache[key] = UNKNOWN
            finally:
                self._busy.discard(key)
        if self._cache[key] is UNKNOWN:
            raise UnknownError
        return self._cache[key]

    def _bound(self, binding: Any) -> Any:
        if not binding.stores or binding.scope.node not in self._chain:
            raise UnknownError
        first, *others = (self._stored(binding, store) for store in binding.stores)
        if others and (not _is_plain(first) or any(type(each) is not type(first) or each != first for each in others)):
            raise UnknownError
        return first

    def _stored(self, binding: Any, store: ast.AST) -> Any:
        """The value that one assignment gives a variable."""
        statement = self.parent.get(store)
        if isinstance(statement, ast.Tuple):
            value = self._paired(statement, store)
            statement = self.parent.get(statement)
        else:
            value = getattr(statement, "value", None)
        if not isinstance(statement, ast.Assign | ast.AnnAssign) or value is None:
            raise UnknownError
        if self.parent.get(statement) not in self._chain:
            raise UnknownError
        if binding.name in self.shown:
            return self.shown[binding.name]
        result = Interpreter(self._lookup, self._special, self._function).value(value)
        if isinstance(result, list | dict | set | Namespace):
            named = [
                self.scopes.of.get(each) for each in getattr(statement, "targets", []) if isinstance(each, ast.Name)
            ]
            if any(self._is_changed(each) for each in [binding, *named] if each is not None):
                raise UnknownError
        return result

    def _is_repeated(self, binding: Any) -> bool:
        """Whether a variable has one store, done anew in each turn of a loop that is run once, before all loads."""
        if len(binding.stores) != 1 or binding.scope.node not in self._chain:
            return False
        statement = self.parent.get(binding.stores[0])
        if not isinstance(statement, ast.Assign | ast.AnnAssign):
            return False
        loop = self.parent.get(statement)
        if not isinstance(loop, ast.For | ast.While) or loop in self._chain or self.parent.get(loop) not in self._chain:
            return False
        return all(follows(load, statement, loop.body, self.parent) for load in binding.loads)

    def _repeated(self, binding: Any) -> Any:
        """The value of such a variable, if each turn gives it the same one."""
        statement = self.parent.get(binding.stores[0])
        assert isinstance(statement, ast.Assign | ast.AnnAssign)
        direct = isinstance(statement, ast.AnnAssign) or binding.stores[0] in statement.targets
        if statement.value is None or not direct:
            raise UnknownError
        result = Interpreter(self._lookup, self._special, self._function).value(statement.value)
        if not isinstance(result, int | float | str | None):
            raise UnknownError
        return result

    def _paired(self, targets: ast.Tuple, store: ast.AST) -> ast.expr | None:
        statement = self.parent.get(targets)
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Tuple):  # noqa: SIM102
            if len(statement.value.elts) == len(targets.elts):
                return next(v for t, v in zip(targets.elts, statement.value.elts, strict=True) if t is store)
        if isinstance(statement, ast.Assign) and method(statement.value) == "parse_known_args":
            return statement.value if targets.elts[0] is store else None
        return None

    def _is_changed(self, binding: Any, depth: int = 0) -> bool:
        return depth > _DEEPEST or any(self._is_write(load, depth) for load in binding.loads)

    def _is_write(self, load: ast.AST, depth: int) -> bool:
        """Whether what is done with an object changes it, or gives it another name that does."""
        around = self.parent.get(load)
        while isinstance(around, ast.Subscript | ast.Attribute):
            if not isinstance(around.ctx, ast.Load):
                return True
            if isinstance(around, ast.Attribute) and (around.attr in _WRITES or around.attr == "__dict__"):
                return True
            load, around = around, self.parent.get(around)
        if isinstance(around, ast.AugAssign):
            return True
        if isinstance(around, ast.Assign) and around.value is load:
            named = [self.scopes.of.get(each) for each in around.targets if isinstance(each, ast.Name)]
            return any(each is not None and self._is_changed(each, depth + 1) for each in named)
        call = self.parent.get(around) if isinstance(around, ast.keyword) else around
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            return call.func.id in ("setattr", "delattr", "vars") or self._writes(call.func)
        return False

    def _writes(self, name: ast.Name, depth: int = 0) -> bool:
        """Whether a function of the script writes to what it is given; deep down, it may."""
        function = self._function(name)
        if function is None or depth > _DEEPEST:
            return function is not None
        given = {each.arg for each in ast.walk(function.args) if isinstance(each, ast.arg)}
        for node in ast.walk(function):
            base = node.value if isinstance(node, ast.Attribute | ast.Subscript) else None
            if isinstance(base, ast.Name) and base.id in given:
                assert isinstance(node, ast.Attribute | ast.Subscript)
                if not isinstance(node.ctx, ast.Load) or (isinstance(node, ast.Attribute) and node.attr in _WRITES):
                    return True
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id != name.id:
                passed = {each.id for each in node.args if isinstance(each, ast.Name)}
                if passed & given and self._writes(node.func, depth + 1):
                    return True
        return False

    def _function(self, name: ast.Name) -> ast.FunctionDef | None:
        binding = self.scopes.of.get(name)
        if binding is None or len(binding.stores) != 1:
            return None
        store = binding.stores[0]
        return store if isinstance(store, ast.FunctionDef) and not _is_generator(store) else None

    # Settings

    def _special(self, node: ast.expr, run: Interpreter) -> Any:
        match node:
            case ast.Call():
                return self._special_call(node, run)
            case ast.Subscript(value=ast.Attribute() as owner, slice=index) if dotted(owner) == "os.environ":
                return self._setting(run.evaluate(index), UNKNOWN)
            case ast.Attribute() if dotted(node) == "os.environ" and not self._unsure:
                return self._environment
            case ast.Attribute() if dotted(node) == "sys.argv":
                return ["script.py"]
            case ast.Compare(left=left, ops=[ast.In()], comparators=[ast.Attribute() as owner]) if (
                dotted(owner) == "os.environ"
            ):
                return run.evaluate(left) in self._environment
        raise UnknownError

    def _special_call(self, node: ast.Call, run: Interpreter) -> Any:
        path = called(node)
        if path in ("os.environ.get", "os.getenv", "environ.get", "getenv") and node.args:
            rest = [*node.args[1:], *(k.value for k in node.keywords)]
            default = run.evaluate(rest[0]) if rest else None
            return self._setting(run.evaluate(node.args[0]), default)
        if path == "ast.literal_eval" and len(node.args) == 1:
            text = run.evaluate(node.args[0])
            if not isinstance(text, str) or len(text) > _LONGEST_LITERAL:
                raise UnknownError
            return ast.literal_eval(text)
        if path in _WORLD and not node.args:
            return _WORLD[path]
        if isinstance(node.func, ast.Attribute) and node.func.attr in _PARSED:
            given = [*node.args, *(k.value for k in node.keywords)]
            if given and run.evaluate(given[0]) not in ([], None):  # not what the user gives
                raise UnknownError
            return arguments(self.tree, self.given, self.value, self.read)
        if method(node) in ("ArgumentParser", "add_argument_group", "add_mutually_exclusive_group"):
            return PARSER
        if isinstance(node.func, ast.Name) and not node.args and not node.keywords:
            return self._instance(node.func, run)
        if path in ("Namespace", "SimpleNamespace", "argparse.Namespace", "types.SimpleNamespace") and not node.args:
            return Namespace({k.arg: run.evaluate(k.value) for k in node.keywords if k.arg})
        raise UnknownError

    def _setting(self, name: Any, default: Any) -> Any:
        if name in self._unsure:
            raise UnknownError
        found = self._environment.get(name, default)
        if name not in PLUMBING:
            self.read[name] = None if found is UNKNOWN else found
        if found is UNKNOWN:
            raise UnknownError
        return found

    def _instance(self, name: ast.Name, run: Interpreter) -> Any:
        """An instance of a class that is nothing but settings."""
        binding = self.scopes.of.get(name)
        definition = binding.stores[0] if binding and len(binding.stores) == 1 else None
        if not isinstance(definition, ast.ClassDef) or definition.bases:
            raise UnknownError
        decorated = any(
            dotted(getattr(d, "func", d)).rpartition(".")[2] != "dataclass" for d in definition.decorator_list
        )
        if decorated or self._is_changed(binding):
            raise UnknownError
        values: dict[str, Any] = {}
        for statement in definition.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=key)], value=value):
                    values[key] = self.value(value)
                case ast.AnnAssign(target=ast.Name(id=key), value=ast.expr() as value):
                    values[key] = self.value(value)
                case ast.AnnAssign() | ast.Pass() | ast.Expr(value=ast.Constant()):
                    pass
                case _:
                    raise UnknownError
        return Namespace({key: value for key, value in values.items() if value is not UNKNOWN})


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


_PARSED = frozenset(["parse_args", "parse_known_args"])


def _is_generator(function: ast.FunctionDef) -> bool:
    return any(isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(function))

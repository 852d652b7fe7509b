"""A small interpreter for what settings are made of: numbers, texts, containers of them, functions that handle them.

It knows no torch, no files and no clock, and stops after a fixed amount of work: evaluating an expression of a hostile
script costs a bounded time and memory and has no effect. Whatever it does not know it gives up on.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from evolve.importing.computing import (
    BINARY,
    BUILTINS,
    COMPARE,
    MATH,
    METHODS,
    TYPES,
    UNARY,
    caught_by,
    is_harmless,
    makes_new,
    without_docstring,
)

_MOST_WORK = 20_000
_MOST_SIZE = 10_000


class UnknownError(Exception):
    """The value cannot be told beforehand."""


class Namespace:
    """An object with attributes: parsed arguments, or an instance of a class of settings."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self.values = dict(values)


PARSER = object()
"""Any parser of command line arguments: what it parses is known to those who know all of the script."""


class Interpreter:
    """Evaluates expressions.

    Args:
        lookup: Gives the value of a name, or raises UnknownError.
        special: Gives the value of an expression that only the caller understands, or raises UnknownError.
        functions: Gives the definition that a called name means, or None.
    """

    def __init__(
        self,
        lookup: Callable[[ast.Name], Any],
        special: Callable[[ast.expr, Interpreter], Any],
        functions: Callable[[ast.Name], ast.FunctionDef | None],
    ) -> None:
        self._lookup, self._special, self._functions = lookup, special, functions
        self._locals: list[dict[str, Any]] = []
        self._work = 0

    def value(self, node: ast.expr) -> Any:
        """The value of an expression.

        Raises:
            UnknownError: It cannot be told.
        """
        self._work = 0
        self._locals = []
        try:
            return self.evaluate(node)
        except UnknownError:
            raise
        except (
            ArithmeticError,
            TypeError,
            ValueError,
            LookupError,
            AttributeError,
            RecursionError,
            MemoryError,
            SyntaxError,
        ) as error:
            raise UnknownError from error

    def evaluate(self, node: ast.expr) -> Any:
        """As `value`, for expressions inside of one."""
        self._work += 1
        if self._work > _MOST_WORK:
            raise UnknownError
        try:
            return self._special(node, self)
        except UnknownError:
            pass
        result = self._plain(node)
        if isinstance(result, str | list | tuple | set | dict) and len(result) > _MOST_SIZE:
            raise UnknownError
        return result

    def _plain(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() | None):
                return node.value
            case ast.Name(id=name):
                for frame in reversed(self._locals):
                    if name in frame:
                        return frame[name]
                if self._locals and self._locals[0].get("\0own") and name in self._locals[0]["\0own"]:
                    raise UnknownError
                return self._lookup(node)
            case ast.List(elts=parts):
                return [self.evaluate(part) for part in self._unstarred(parts)]
            case ast.Tuple(elts=parts):
                return tuple(self.evaluate(part) for part in self._unstarred(parts))
            case ast.Set(elts=parts):
                return {self.evaluate(part) for part in self._unstarred(parts)}
            case ast.Dict(keys=keys, values=values):
                found: dict[Any, Any] = {}
                for key, each in zip(keys, values, strict=True):
                    found |= {self.evaluate(key): self.evaluate(each)} if key else self._mapping(each)
                return found
            case ast.UnaryOp(op=op, operand=inner):
                return UNARY[type(op)](self.evaluate(inner))
            case ast.BinOp(left=left, op=op, right=right):
                return self._binary(op, self.evaluate(left), self.evaluate(right))
            case ast.BoolOp():
                return self._choice(node)
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self._compare(left, ops, others)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self.evaluate(body if self.evaluate(test) else orelse)
            case ast.Subscript(value=value, slice=index):
                return self._item(self.evaluate(value), index)
            case ast.Attribute(value=value, attr=attr):
                return self._attribute(value, attr)
            case ast.JoinedStr(values=values):
                return "".join(self._piece(piece) for piece in values)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehension(node)
            case ast.Call():
                return self._call(node)
        raise UnknownError

    def _unstarred(self, parts: list[ast.expr]) -> list[ast.expr]:
        if any(isinstance(part, ast.Starred) for part in parts):
            raise UnknownError
        return parts

    def _mapping(self, node: ast.expr) -> dict[Any, Any]:
        value = self.evaluate(node)
        if not isinstance(value, dict):
            raise UnknownError
        return value

    def _binary(self, op: ast.operator, left: Any, right: Any) -> Any:
        if type(op) not in BINARY:
            raise UnknownError
        numbers = isinstance(left, int | float) and isinstance(right, int | float)
        if isinstance(op, ast.Pow) and not (numbers and abs(left) < 1e6 and abs(right) < 64):
            raise UnknownError
        if isinstance(op, ast.Mult) and not (numbers or (_size(left) * _size(right) < _MOST_SIZE)):
            raise UnknownError
        if isinstance(op, ast.Mod) and isinstance(left, str):
            raise UnknownError
        if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > _MOST_SIZE:
            raise UnknownError
        return BINARY[type(op)](left, right)

    def _choice(self, node: ast.BoolOp) -> Any:
        """Also where an unknown part cannot matter: `unknown and False`."""
        stops = isinstance(node.op, ast.Or)
        unknown = False
        value: Any = None
        for part in node.values:
            try:
                value = self.evaluate(part)
            except UnknownError:
                if not is_harmless(part):
                    raise
                unknown = True
                continue
            if bool(value) is stops:
                if unknown and not isinstance(value, bool):
                    raise UnknownError
                return value
        if unknown:
            raise UnknownError
        return value

    def _compare(self, left: ast.expr, ops: list[ast.cmpop], others: list[ast.expr]) -> Any:
        if len(ops) == 1 and isinstance(ops[0], ast.In | ast.NotIn) and is_harmless(left):
            container = self.evaluate(others[0])
            if isinstance(container, list | tuple | set | frozenset | dict) and not container:
                return isinstance(ops[0], ast.NotIn)
        before = self.evaluate(left)
        for op, other in zip(ops, others, strict=True):
            after = self.evaluate(other)
            if not COMPARE[type(op)](before, after):
                return False
            before = after
        return True

    def _item(self, value: Any, index: ast.expr) -> Any:
        if isinstance(index, ast.Slice):
            parts = [self.evaluate(each) if each else None for each in (index.lower, index.upper, index.step)]
            return value[slice(*parts)]
        if not isinstance(value, dict | list | tuple | str):
            raise UnknownError
        return value[self.evaluate(index)]

    def _attribute(self, value: ast.expr, attr: str) -> Any:
        if isinstance(value, ast.Name) and value.id == "math" and attr in MATH:
            return MATH[attr]
        owner = self.evaluate(value)
        if isinstance(owner, Namespace) and attr in owner.values:
            return owner.values[attr]
        raise UnknownError

    def _piece(self, piece: ast.expr) -> str:
        if isinstance(piece, ast.Constant):
            return str(piece.value)
        if isinstance(piece, ast.FormattedValue) and piece.conversion == -1:
            spec = self.evaluate(piece.format_spec) if piece.format_spec else ""
            if len(spec) > 8:
                raise UnknownError
            return format(self.evaluate(piece.value), spec)
        raise UnknownError

    def _comprehension(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Any:
        found: list[Any] = []

        def run(index: int) -> None:
            if index == len(node.generators):
                if isinstance(node, ast.DictComp):
                    found.append((self.evaluate(node.key), self.evaluate(node.value)))
                else:
                    found.append(self.evaluate(node.elt))
                return
            generator = node.generators[index]
            for item in self._iterate(generator.iter):
                self._locals.append({})
                self._bind(generator.target, item)
                if all(self.evaluate(test) for test in generator.ifs):
                    run(index + 1)
                self._locals.pop()

        depth = len(self._locals)
        try:
            run(0)
        finally:
            del self._locals[depth:]
        if isinstance(node, ast.DictComp):
            return dict(found)
        return set(found) if isinstance(node, ast.SetComp) else found

    def _iterate(self, node: ast.expr) -> Any:
        value = self.evaluate(node)
        if isinstance(value, range | list | tuple | set | frozenset | dict | str):
            return value
        raise UnknownError

    def _bind(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self._locals[-1][target.id] = value
        elif isinstance(target, ast.Tuple | ast.List):
            parts = list(value)
            if len(parts) != len(target.elts):
                raise UnknownError
            for each, part in zip(target.elts, parts, strict=True):
                self._bind(each, part)
        elif isinstance(target, ast.Attribute):
            self._made_here(target.value, Namespace).values[target.attr] = value
        elif isinstance(target, ast.Subscript):
            self._made_here(target.value, dict | list)[self.evaluate(target.slice)] = value
        else:
            raise UnknownError

    def _made_here(self, name: ast.expr, kind: Any) -> Any:
        """An object that the running function made itself, and so may change: nobody else knows of it yet."""
        if not isinstance(name, ast.Name):
            raise UnknownError
        found = self.evaluate(name)
        made = self._locals[0].get("\0made", ()) if self._locals else ()
        if not isinstance(found, kind) or not any(found is each for each in made):
            raise UnknownError
        return found

    def _call(self, node: ast.Call) -> Any:
        spread = any(k.arg is None for k in node.keywords) and not (
            isinstance(node.func, ast.Name) and node.func.id == "dict"
        )
        if spread or any(isinstance(argument, ast.Starred) for argument in node.args):
            raise UnknownError
        if isinstance(node.func, ast.Name):
            definition = self._functions(node.func)
            if definition is not None:
                return self._own(definition, node)
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func)
        arguments = [self._argument(argument) for argument in node.args]
        named = {k.arg: self._argument(k.value) for k in node.keywords if k.arg}
        if isinstance(node.func, ast.Name) and self._is_builtin(node.func):
            if node.func.id == "range":
                found = range(*arguments)
                if len(found) > _MOST_SIZE:
                    raise UnknownError
                return found
            if node.func.id == "dict":
                if len(arguments) > 1 or not all(isinstance(each, dict | list) for each in arguments):
                    raise UnknownError
                for keyword in node.keywords:
                    named |= {} if keyword.arg else self._mapping(keyword.value)
            if node.func.id in BUILTINS:
                return BUILTINS[node.func.id](*arguments, **named)
        raise UnknownError

    def _argument(self, node: ast.expr) -> Any:
        if isinstance(node, ast.Name) and node.id in TYPES and self._is_builtin(node):
            return TYPES[node.id]
        return self.evaluate(node)

    def _is_builtin(self, node: ast.Name) -> bool:
        if any(node.id in frame for frame in self._locals):
            return False
        try:
            self._lookup(node)
        except UnknownError:
            return True
        return False

    def _method(self, node: ast.Call, function: ast.Attribute) -> Any:
        arguments = [self._argument(argument) for argument in node.args]
        named = {k.arg: self._argument(k.value) for k in node.keywords if k.arg}
        if isinstance(function.value, ast.Name) and function.value.id == "math" and function.attr in MATH:
            return MATH[function.attr](*arguments)
        owner = self.evaluate(function.value)
        if function.attr not in METHODS.get(type(owner), frozenset()):
            raise UnknownError
        result = getattr(owner, function.attr)(*arguments, **named)
        return list(result) if isinstance(owner, dict) and function.attr in ("keys", "values", "items") else result

    # Functions of the script

    def _own(self, definition: ast.FunctionDef, node: ast.Call) -> Any:
        body = without_docstring(definition.body)
        if definition.decorator_list:
            raise UnknownError
        if (
            body
            and isinstance(body[0], ast.Return)
            and (body[0].value is None or isinstance(body[0].value, ast.Constant))
        ):
            return body[0].value.value if isinstance(body[0].value, ast.Constant) else None
        signature = definition.args
        if signature.vararg or signature.kwarg or len(self._locals) > 30:
            raise UnknownError
        frame: dict[str, Any] = {}
        names = [argument.arg for argument in [*signature.posonlyargs, *signature.args]]
        defaults = dict(zip(names[len(names) - len(signature.defaults) :], signature.defaults, strict=True))
        defaults |= {a.arg: d for a, d in zip(signature.kwonlyargs, signature.kw_defaults, strict=True) if d}
        given = dict(zip(names, node.args, strict=False)) | {k.arg: k.value for k in node.keywords if k.arg}
        for name in [*names, *(argument.arg for argument in signature.kwonlyargs)]:
            if name in given:
                frame[name] = self._argument(given[name])
            elif name in defaults:
                frame[name] = self._outside(defaults[name])
            else:
                raise UnknownError
        frame["\0own"] = {
            n.id for s in body for n in ast.walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        outer, self._locals = self._locals, [frame]
        try:
            return self._run(body)[1]
        finally:
            self._locals = outer

    def _outside(self, node: ast.expr) -> Any:
        """The value of an expression that knows no variables of the running function, as that of a default."""
        inner, self._locals = self._locals, []
        try:
            return self.evaluate(node)
        finally:
            self._locals = inner

    def _run(self, body: list[ast.stmt]) -> tuple[bool, Any]:
        """Whether a block returned, and what."""
        for statement in body:
            self._work += 1
            match statement:
                case ast.Return(value=value):
                    return True, self.evaluate(value) if value else None
                case ast.If(test=test, body=yes, orelse=no):
                    done, result = self._run(yes if self.evaluate(test) else no)
                    if done:
                        return True, result
                case ast.Assign(targets=[ast.Tuple(elts=[target, *_])], value=value) if _parses_known(value):
                    self._bind(target, self._noted(value))
                case ast.Assign(targets=[target], value=value):
                    self._bind(target, self._noted(value))
                case ast.AnnAssign(target=ast.Name() as target, value=ast.expr() as value):
                    self._bind(target, self.evaluate(value))
                case ast.AugAssign(target=ast.Name() as target, op=op, value=value):
                    load = ast.copy_location(ast.Name(target.id, ast.Load()), target)
                    self._bind(target, self._binary(op, self.evaluate(load), self.evaluate(value)))
                case ast.For(target=target, iter=items, body=inner, orelse=[]):
                    for item in self._iterate(items):
                        self._bind(target, item)
                        done, result = self._run(inner)
                        if done:
                            return True, result
                case ast.Expr(
                    value=ast.Call(func=ast.Attribute(value=ast.Name() as owner, attr=attr), args=[item])
                ) if attr in ("append", "add", "extend", "update"):
                    container = self.evaluate(owner)
                    if not any(container is value for frame in self._locals for value in frame.values()):
                        raise UnknownError
                    getattr(container, attr)(self.evaluate(item))
                case ast.Try(body=tried, handlers=[handler], orelse=[], finalbody=[]):
                    done, result = self._try(tried, handler)
                    if done:
                        return True, result
                case ast.Expr(
                    value=ast.Call(func=ast.Attribute(value=owner, attr="add_argument" | "set_defaults"))
                ) if self.evaluate(owner) is PARSER:
                    pass
                case ast.Pass() | ast.Assert() | ast.Expr(value=ast.Constant()):
                    pass  # an assertion that fails ends the script: there is nothing to import then
                case _:
                    raise UnknownError
        return False, None

    def _try(self, body: list[ast.stmt], handler: ast.ExceptHandler) -> tuple[bool, Any]:
        """A block whose only failures that count are texts that are no values."""
        try:
            return self._run(body)
        except (ValueError, SyntaxError) as error:
            if handler.name or not isinstance(error, caught_by(handler.type)):
                raise UnknownError from error
            return self._run(handler.body)

    def _noted(self, node: ast.expr) -> Any:
        """The value of an expression; the running function may change it if the expression has just made it."""
        found = self.evaluate(node)
        if makes_new(node):
            self._locals[0].setdefault("\0made", []).append(found)
        return found


def _parses_known(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "parse_known_args"


def _size(value: Any) -> int:
    return len(value) if hasattr(value, "__len__") else abs(value) if isinstance(value, int) else _MOST_SIZE

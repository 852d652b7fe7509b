"""The static check of a genome, before anything runs: is this one self-contained optimizer source?

Covered: size, syntax, imports, names and attributes that reach files, processes, frames or generated code,
the signature of `recipe`. Not covered: what only shows when it runs (`evaluator.contract`), and sources that
set out to deceive: those meet the sandbox, and never see tokens or losses in any case. Needs neither torch
nor libcst.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from evaluator import allowed

_DUNDER = re.compile(r"__\w+__")
_FORMAT_REACH = re.compile(r"\{[^{}]*__")
_SIGNATURE = "def recipe(model, train_steps): (a third, keyword-only parameter `info` is optional)"
_TOO_DEEP = f"the genome is nested too deeply, at most {allowed.MAX_DEPTH} levels are allowed; split long expressions"


Violation = tuple[str, str]
"""Name of a rule, and a message."""


class Rejected(Exception):
    """A genome breaks a rule of the contract.

    Args:
        rule: Short name of the rule.
        message: One sentence that tells the author how to comply.
    """

    def __init__(self, rule: str, message: str) -> None:
        super().__init__(f"{rule}: {message}")
        self.rule = rule
        self.message = message


@lru_cache(maxsize=64)
def check(source: str) -> None:
    """Check a genome's source; one that has passed lately passes at once.

    Args:
        source: The genome's text.

    Raises:
        Rejected: It breaks a rule; the first one found, in the order of the text where there are several.
    """
    try:
        _check_tree(_parse(source))
    except RecursionError as error:
        raise Rejected("parses", _TOO_DEEP) from error


@lru_cache(maxsize=64)
def iso_steps(source: str) -> int | None:
    """The one number of steps that a genome is written for, or None if it is for any.

    A genome says so by the type of the recipe's second argument: `def recipe(model, train_steps: Literal[2900])`.

    Args:
        source: A genome that passes `check`.
    """
    recipes = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name == "recipe"]
    arguments = [*recipes[-1].args.posonlyargs, *recipes[-1].args.args] if recipes else []
    match arguments[1].annotation if len(arguments) > 1 else None:
        case ast.Subscript(value=ast.Name(id="Literal"), slice=ast.Constant(value=int() as steps)):
            return steps
    return None


def _check_tree(tree: ast.Module) -> None:
    _check_recipe(tree)
    modules = _module_names(tree)
    _mark(tree)
    found = [
        (getattr(node, "lineno", 0), rule, message)
        for node in ast.walk(tree)
        if type(node) in _RULES
        for rule, message in _RULES[type(node)](node, modules)
    ]
    if found:
        line, rule, message = min(found, key=lambda violation: violation[0])
        raise Rejected(rule, f"line {line}: {message}")


def _parse(source: str) -> ast.Module:
    size = len(source.encode("utf-8", errors="surrogatepass"))
    if size > allowed.MAX_SOURCE_BYTES:
        raise Rejected(
            "size",
            f"a genome may have {allowed.MAX_SOURCE_BYTES} bytes, this one has {size}; remove what it does not need",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "<genome>", "exec", dont_inherit=True)
            tree = ast.parse(source)
    except (SyntaxError, ValueError, OverflowError) as error:
        raise Rejected("parses", f"the genome must be valid Python: {error}") from error
    except (RecursionError, MemoryError) as error:
        raise Rejected("parses", _TOO_DEEP) from error
    if _is_deep(tree):
        raise Rejected("parses", _TOO_DEEP)
    return tree


def _is_deep(tree: ast.Module) -> bool:
    """Whether a tree has more levels than are allowed, counted without recursion."""
    level: list[ast.AST] = [tree]
    for _ in range(allowed.MAX_DEPTH):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return bool(level)


def _mark(tree: ast.Module) -> None:
    """Note on a node what only its parent knows: a name that is called, a string that stands alone."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            node.func.is_called = True  # type: ignore[attr-defined]
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            node.value.is_docstring = True  # type: ignore[attr-defined]


def _check_recipe(tree: ast.Module) -> None:
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "recipe"]
    if not found:
        raise Rejected("recipe", f"the genome must define, at the top level, {_SIGNATURE}")
    recipe = found[-1]
    arguments = recipe.args
    positional = [*arguments.posonlyargs, *arguments.args]
    needed = len(positional) - len(arguments.defaults)
    keywords = [
        argument.arg
        for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
        if default is None and argument.arg != "info"
    ]
    if needed > 2 or len(positional) < 2 or keywords or any(a.arg == "info" for a in positional):
        raise Rejected("recipe", f"line {recipe.lineno}: recipe must have the signature {_SIGNATURE}")
    model = positional[0].arg
    for node in ast.walk(recipe):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == model:
            raise Rejected(
                "no-forward",
                f"line {node.lineno}: {model}(...) cannot be called: it is a skeleton of parameters without "
                "a forward pass; gradients come with after_backward(step) and optimizer.step()",
            )


def _module_names(tree: ast.Module) -> frozenset[str]:
    """Names that import statements bind: modules, and what comes from them."""
    return frozenset(
        alias.asname or alias.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    )


def _import(node: ast.Import, modules: frozenset[str]) -> Iterator[Violation]:
    for alias in node.names:
        yield from _module(alias.name)


def _import_from(node: ast.ImportFrom, modules: frozenset[str]) -> Iterator[Violation]:
    module = node.module or ""
    if node.level:
        yield "imports", "a genome is one self-contained file: no relative imports"
        return
    yield from _module(module)
    for alias in node.names:
        if alias.name == "*":
            yield "imports", f"name what you need from {module} instead of importing *"
        elif alias.name in allowed.MODULE_MEMBERS or (module == "torch" and alias.name in allowed.TORCH_MEMBERS):
            yield "imports", _module_member(f"{module}.{alias.name}")
        else:
            yield from _member(alias.name)


def _name(node: ast.Name, modules: frozenset[str]) -> Iterator[Violation]:
    if node.id in allowed.COMPUTED_NAMES and isinstance(node.ctx, ast.Load) and not getattr(node, "is_called", False):
        yield "computed-names", f'{node.id} may only be called, as in {node.id}(x, "name"): not passed on or renamed'
    if node.id in allowed.NAMES:
        yield "names", f"{node.id} may not be used: {allowed.NAMES[node.id]}"
    yield from _dunder(node.id)


def _attribute(node: ast.Attribute, modules: frozenset[str]) -> Iterator[Violation]:
    yield from _member(node.attr)
    if node.attr in allowed.INTERPRETER:
        yield "attributes", _module_member(f".{node.attr}")
        return
    if node.attr in ("format", "format_map") and not isinstance(node.value, ast.Constant):
        yield "attributes", f".{node.attr} may only be used on a literal string; better use an f-string"
    root = node.value
    while isinstance(root, ast.Attribute):
        root = root.value
    if isinstance(root, ast.Name) and root.id in modules:
        of_torch = root is node.value and root.id == "torch" and node.attr in allowed.TORCH_MEMBERS
        if of_torch or node.attr in allowed.MODULE_MEMBERS:
            yield "attributes", _module_member(f"{ast.unparse(node.value)}.{node.attr}")


def _call(node: ast.Call, modules: frozenset[str]) -> Iterator[Violation]:
    if not isinstance(node.func, ast.Name) or node.func.id not in allowed.COMPUTED_NAMES:
        return
    name = node.args[1] if len(node.args) > 1 else None
    if isinstance(name, ast.Constant) and isinstance(name.value, str):
        yield from _member(name.value)
    else:
        function = node.func.id
        yield "computed-names", f'{function} needs a constant name, as in {function}(x, "name")'


def _match_class(node: ast.MatchClass, modules: frozenset[str]) -> Iterator[Violation]:
    for name in node.kwd_attrs:
        yield from _member(name)
        if name in allowed.INTERPRETER:
            yield "attributes", _module_member(f".{name}")


def _literal(node: ast.List | ast.Tuple | ast.Set | ast.Dict, modules: frozenset[str]) -> Iterator[Violation]:
    items = node.values if isinstance(node, ast.Dict) else node.elts
    numbers = sum(1 for item in items for each in ast.walk(item) if isinstance(each, ast.Constant))
    if numbers > allowed.MOST_ITEMS:
        yield "literals", f"a literal with {numbers} values looks like data: a genome computes what it needs"


def _definition(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, modules: frozenset[str]
) -> Iterator[Violation]:
    yield from _dunder(node.name)


def _constant(node: ast.Constant, modules: frozenset[str]) -> Iterator[Violation]:
    if isinstance(node.value, str) and _FORMAT_REACH.search(node.value):
        yield "attributes", "a format string may not reach double-underscore attributes"
    long = isinstance(node.value, str | bytes) and len(node.value) > allowed.MOST_CHARACTERS
    wide = isinstance(node.value, int) and node.value.bit_length() > allowed.MOST_BITS
    if (long and not getattr(node, "is_docstring", False)) or wide:
        yield "literals", "a literal as long as this looks like data: a genome computes what it needs"


_RULES: dict[type[ast.AST], Callable[[Any, frozenset[str]], Iterator[Violation]]] = {
    ast.Import: _import,
    ast.ImportFrom: _import_from,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Call: _call,
    ast.FunctionDef: _definition,
    ast.AsyncFunctionDef: _definition,
    ast.ClassDef: _definition,
    ast.Constant: _constant,
    ast.MatchClass: _match_class,
    ast.List: _literal,
    ast.Tuple: _literal,
    ast.Set: _literal,
    ast.Dict: _literal,
}
"""Which rule looks at which kind of node."""


def _module(name: str) -> Iterator[Violation]:
    top = name.split(".")[0]
    if name in allowed.MODULES:
        return
    if top in allowed.THIRD_PARTY_OPTIMIZERS:
        yield (
            "imports",
            (
                f"{name} may not be imported: a genome is self-contained, so write the optimizer out as a "
                "class of its own"
            ),
        )
    else:
        modules = ", ".join(sorted(module for module in allowed.MODULES if "." not in module))
        yield (
            "imports",
            f"{name} may not be imported; allowed are {modules} and the numerical submodules of torch",
        )


def _module_member(name: str) -> str:
    return f"{name} may not be used: a genome has no files, no processes and no compiler"


def _member(name: str) -> Iterator[Violation]:
    if name in allowed.ATTRIBUTES:
        yield "attributes", f".{name} may not be used: {allowed.ATTRIBUTES[name]}"
    yield from _dunder(name)


def _dunder(name: str) -> Iterator[Violation]:
    if name.startswith("__") and _DUNDER.fullmatch(name) and name not in allowed.DUNDERS:
        yield "dunders", f"{name} may not be used: it reaches interpreter internals"

"""The components of a genome: its named parts that can be swapped, tuned or ablated.

Found on the syntax tree alone, so no genome is ever run here. A name is unique within its genome and says
where the part stands (`Muon.step`, `recipe.AdamW.betas[0]`, `MUON_LR`), so that it survives edits elsewhere;
parts that would share a name are numbered in order (`recipe.AdamW.lr`, `recipe.AdamW.lr#2`). This module must
not know what is done to components or why, nor import torch.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from population.genome import GenomeError, parse
from population.hyperparameters import Scale, guess_scale, is_structural, literal_value, spelled

HOOKS = ("before_forward", "after_backward", "after_step", "eval_weights")
"""Optional entries of the dict that `recipe` returns."""

_IN_PLACE = """
    zero_ fill_ normal_ uniform_ trunc_normal_ orthogonal_ eye_ copy_ mul_ div_ add_ sub_ clamp_ constant_
    ones_ zeros_ xavier_uniform_ xavier_normal_ kaiming_uniform_ kaiming_normal_ sparse_ dirac_
"""
_INITIALIZERS = frozenset(_IN_PLACE.split())
_NEWLINE = re.compile(rb"\r\n|\r|\n")
_CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*$")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


class Kind(StrEnum):
    """What a component is."""

    FUNCTION = "function"
    CLASS = "class"
    PARAMETER_GROUP = "parameter group"
    HOOK = "hook"
    SCHEDULE = "schedule"
    INIT_RULE = "init rule"
    HYPERPARAMETER = "hyperparameter"


@dataclass(frozen=True)
class Component:
    """A named part of a genome.

    Attributes:
        kind: What it is.
        name: Unique within the genome.
        first_line: Its first line (decorators included), counted from 1.
        last_line: Its last line, inclusive.
    """

    kind: Kind
    name: str
    first_line: int
    last_line: int


@dataclass(frozen=True)
class Hyperparameter(Component):
    """A number or flag written in a genome.

    Attributes:
        value: The number; a bool for a flag.
        scale: What kind of number it is.
        integer: Whether only whole numbers make sense.
        span: First byte and byte after the last of its literal, in the UTF-8 source.
    """

    value: float
    scale: Scale
    integer: bool
    span: tuple[int, int]


def components(source: str) -> tuple[Component, ...]:
    """All components of a genome, in the order of their first line.

    Raises:
        GenomeError: As `population.genome.parse`.
    """
    tree = parse(source)
    names = _Names()
    found = [
        *_hyperparameters(tree, _line_starts(source.encode()), names),
        *_definitions(tree, names),
        *_init_rules(tree, names),
        *_parameter_groups(tree, names),
    ]
    found.sort(key=lambda part: (part.first_line, part.last_line))
    return tuple(found)


def hyperparameters(source: str) -> tuple[Hyperparameter, ...]:
    """The hyperparameters among the components, in order.

    Raises:
        GenomeError: As `population.genome.parse`.
    """
    return tuple(_hyperparameters(parse(source), _line_starts(source.encode()), _Names()))


def with_values(source: str, values: Mapping[str, float]) -> str:
    """The source with other values for some hyperparameters, every other byte as it was.

    Args:
        source: A genome.
        values: New value by name of the hyperparameter; rounded where only whole numbers make sense.

    Raises:
        GenomeError: As `population.genome.parse`, or there is no hyperparameter of that name.
        ValueError: A value is not finite.
    """
    known = {part.name: part for part in hyperparameters(source)}
    for name in values:
        if name not in known:
            near = ", ".join(difflib.get_close_matches(name, known, 3)) or "none"
            raise GenomeError(f"the genome has no hyperparameter {name!r}; near matches: {near}")
    text = source.encode()
    for part in sorted((known[name] for name in values), key=lambda part: part.span, reverse=True):
        value = values[part.name]
        if part.scale is Scale.FLAG:
            value = bool(value)
        elif part.integer:
            value = round(value)
        else:
            value = float(value)
        text = text[: part.span[0]] + spelled(value).encode() + text[part.span[1] :]
    return text.decode()


class _Names:
    """Hands out names, numbering repeats."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def __call__(self, name: str) -> str:
        count = self._seen[name] = self._seen.get(name, 0) + 1
        return name if count == 1 else f"{name}#{count}"


def _line_starts(text: bytes) -> list[int]:
    return [0, *(match.end() for match in _NEWLINE.finditer(text))]


def _lines(node: ast.stmt | ast.expr) -> tuple[int, int]:
    decorators = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    return first, node.end_lineno or node.lineno


def _recipe(tree: ast.Module) -> ast.FunctionDef | None:
    found = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "recipe"]
    return found[-1] if found else None


def _walk_definitions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, Definition]]:
    """Every function and class below a list of statements, with its dotted name, outer ones first."""
    for node in body:
        if isinstance(node, Definition):
            name = f"{prefix}{node.name}"
            yield name, node
            yield from _walk_definitions(node.body, f"{name}.")
        else:
            for field in ("body", "orelse", "finalbody", "handlers", "cases"):
                inner = getattr(node, field, [])
                if isinstance(inner, list):
                    yield from _walk_definitions(inner, prefix)


def _definitions(tree: ast.Module, names: _Names) -> Iterator[Component]:
    found = list(_walk_definitions(tree.body, ""))
    schedule = _schedule(tree, found)
    hooks = _hook_names(tree)
    initializers = {node.name for node in _init_functions(tree)}
    for name, node in found:
        if isinstance(node, ast.ClassDef):
            kind = Kind.CLASS
        elif name in schedule:
            kind = Kind.SCHEDULE
        elif name.startswith("recipe.") and node.name in hooks:
            kind = Kind.HOOK
        elif name in initializers:
            kind = Kind.INIT_RULE
        else:
            kind = Kind.FUNCTION
        yield Component(kind, names(name), *_lines(node))


def _returned(tree: ast.Module) -> dict[str, ast.expr]:
    """The entries of the dict that `recipe` returns, where they are written as a dict or a call of `dict`."""
    recipe = _recipe(tree)
    entries: dict[str, ast.expr] = {}
    for node in ast.walk(recipe) if recipe else ():
        if isinstance(node, ast.Dict | ast.Call):
            found = dict(_entries(node))
            if "optimizers" in found:
                entries |= found
    return entries


def _hook_names(tree: ast.Module) -> set[str]:
    entries = _returned(tree)
    return {value.id for key, value in entries.items() if key in HOOKS and isinstance(value, ast.Name)} | set(
        HOOKS
    )


def _schedule(tree: ast.Module, found: list[tuple[str, Definition]]) -> set[str]:
    """Dotted names of `set_hparams` and of the functions that nothing else calls."""
    handed = _returned(tree).get("set_hparams")
    start = handed.id if isinstance(handed, ast.Name) else "set_hparams"
    schedule = {name for name, node in found if node.name == start and not isinstance(node, ast.ClassDef)}
    functions = {name: node for name, node in found if not isinstance(node, ast.ClassDef) and "." not in name}
    functions |= {
        name: node
        for name, node in found
        if name.count(".") == 1 and name.startswith("recipe.") and isinstance(node, ast.FunctionDef)
    }
    functions.pop("recipe", None)
    while True:
        inside = {id(part) for name, node in found if name in schedule for part in ast.walk(node)}
        more = set()
        for name, node in functions.items():
            own = {id(part) for part in ast.walk(node)}
            uses = [use for use in ast.walk(tree) if isinstance(use, ast.Name) and use.id == node.name]
            uses = [use for use in uses if id(use) not in own]
            if name not in schedule and uses and all(id(use) in inside for use in uses):
                more.add(name)
        if not more:
            return schedule
        schedule |= more


def _init_functions(tree: ast.Module) -> list[ast.FunctionDef]:
    """Top-level functions that `recipe` calls for their effect alone, with parameters set in place inside."""
    recipe = _recipe(tree)
    called = {
        node.value.func.id
        for node in (recipe.body if recipe else ())
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Name)
    }
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in called]
    return [node for node in functions if any(_initializer(line) for line in node.body)]


def _init_rules(tree: ast.Module, names: _Names) -> Iterator[Component]:
    """What sets parameters in place: statements of `recipe`, whole loops and `no_grad` blocks, single calls.

    The functions among the init rules are found with the other definitions; here come the calls inside them.
    """
    recipe = _recipe(tree)
    for statement in recipe.body if recipe else ():
        call = _initializer(statement)
        if call is not None:
            yield Component(Kind.INIT_RULE, names(f"recipe.init.{call}"), *_lines(statement))
    for function in _init_functions(tree):
        for node in _in_order(function):
            rule = _initializer(node) if isinstance(node, ast.Expr) else None
            if isinstance(node, ast.Expr) and rule is not None:
                yield Component(Kind.INIT_RULE, names(f"{function.name}.{rule}"), *_lines(node))


def _initializer(node: ast.stmt) -> str | None:
    """Name of the first call that makes a statement an init rule, or None."""
    if isinstance(node, Definition | ast.Return):
        return None
    for part in ast.walk(node):
        if isinstance(part, Definition | ast.Lambda):
            return None
        if (
            isinstance(part, ast.Call)
            and isinstance(part.func, ast.Attribute)
            and part.func.attr in _INITIALIZERS
        ):
            return part.func.attr
    return None


def _entries(node: ast.Dict | ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """Constant string keys of a dict, or keywords of a call, with their values."""
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield key.value, value
    else:
        yield from ((keyword.arg, keyword.value) for keyword in node.keywords if keyword.arg)


def _callee(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return "call"


def _parameter_groups(tree: ast.Module, names: _Names) -> Iterator[Component]:
    """Dicts with "params", and optimizers in `recipe` that take their parameters without such dicts."""
    recipe = _recipe(tree)
    if recipe is None:
        return
    classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    for node in _in_order(recipe):
        if not isinstance(node, ast.Dict | ast.Call):
            continue
        entries = dict(_entries(node))
        if isinstance(node, ast.Call) and _callee(node) != "dict":
            optimizer = _callee(node) in classes or "optim" in ast.unparse(node.func)
            if optimizer and node.args and not any(_is_group(part) for part in ast.walk(node.args[0])):
                yield Component(
                    Kind.PARAMETER_GROUP,
                    names(f"recipe.{_callee(node)}({_short(node.args[0])})"),
                    *_lines(node),
                )
        elif _is_group(node):
            yield Component(
                Kind.PARAMETER_GROUP, names(f"recipe.group({_short(entries['params'])})"), *_lines(node)
            )


def _is_group(node: ast.AST) -> bool:
    if not isinstance(node, ast.Dict | ast.Call) or (isinstance(node, ast.Call) and _callee(node) != "dict"):
        return False
    return any(key == "params" for key, _ in _entries(node))


def _short(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 60 else text[:57] + "..."


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    """Like `ast.walk`, but in the order of the source."""
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _in_order(child)


def _hyperparameters(tree: ast.Module, starts: list[int], names: _Names) -> Iterator[Hyperparameter]:
    seen: set[int] = set()
    for path, key, node in _literals(tree, ""):
        value = literal_value(node)
        if value is None or id(node) in seen:
            continue
        seen.add(id(node))
        begin = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        scale = guess_scale(key, value)
        yield Hyperparameter(
            Kind.HYPERPARAMETER,
            names(f"{path}{key}"),
            *_lines(node),
            value,
            scale,
            scale is Scale.COUNT,
            (begin, end),
        )


def _literals(node: ast.AST, path: str) -> Iterator[tuple[str, str, ast.expr]]:
    """Expressions that stand where a hyperparameter may stand: (path, key, expression)."""
    inner = path
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            inner = f"{path}{node.name}."
            for key, default in _defaults(node.args):
                yield from _items(inner, key, default)
        case ast.ClassDef():
            inner = f"{path}{node.name}."
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if _CONSTANT.match(name):
            yield from _items(path, name, value)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if _CONSTANT.match(name):
            yield from _items(path, name, value)
        case ast.Call():
            inner = path if _callee(node) == "dict" else f"{path}{_callee(node)}."
            for key, value in _entries(node):
                yield from _items(inner, key, value)
        case ast.Dict():
            for key, value in _entries(node):
                yield from _items(path, key, value)
    for child in ast.iter_child_nodes(node):
        yield from _literals(child, inner)


def _items(path: str, key: str, value: ast.expr) -> Iterator[tuple[str, str, ast.expr]]:
    if is_structural(key):
        return
    if isinstance(value, ast.Tuple | ast.List):
        for index, item in enumerate(value.elts):
            yield path, f"{key}[{index}]", item
    else:
        yield path, key, value


def _defaults(arguments: ast.arguments) -> Iterator[tuple[str, ast.expr]]:
    positional = [*arguments.posonlyargs, *arguments.args]
    for argument, default in zip(reversed(positional), reversed(arguments.defaults), strict=False):
        yield argument.arg, default
    for argument, maybe in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if maybe is not None:
            yield argument.arg, maybe


__all__ = [
    "HOOKS",
    "Component",
    "GenomeError",
    "Hyperparameter",
    "Kind",
    "Scale",
    "components",
    "hyperparameters",
    "with_values",
]

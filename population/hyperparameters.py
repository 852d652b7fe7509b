"""The hyperparameters of a genome: numbers that tune it, found in the syntax tree and rewritten in the text.

A hyperparameter is a numeric literal (or a product or quotient of such) that stands in a keyword argument,
as the default of an argument, under a constant string key of a dict, or as the value of a CAPITALISED name.
This module must not know who proposes new values or why; it must not import torch.
"""

from __future__ import annotations

import ast
import difflib
import math
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from population.component import Hyperparameter, Kind, Names
from population.genome import GenomeError, parse
from population.scales import Scale, guess_scale
from population.syntax import byte_span, callee, entries, line_starts, lines

_CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*$")
_STRUCTURAL_WORDS = """
    params dim dims dim0 dim1 axis ndim size shape device dtype keepdim keepdims step start end diagonal
    offset requires_grad foreach fused capturable differentiable set_to_none non_blocking generator maximize
    ord train_steps recurse inplace out reverse strict default t
"""
_STRUCTURAL = frozenset(_STRUCTURAL_WORDS.split())
"""Keywords whose numbers say what is computed, not how strongly: another number breaks the code."""
_NEVER_ZERO = frozenset({Scale.COUNT, Scale.FACTOR, Scale.LEARNING_RATE, Scale.EPS})


@lru_cache(maxsize=64)
def hyperparameters(source: str) -> tuple[Hyperparameter, ...]:
    """The hyperparameters among the components, in order.

    Raises:
        GenomeError: As `population.genome.parse`.
    """
    return tuple(find_hyperparameters(parse(source), line_starts(source.encode()), Names()))


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


def literal_value(node: ast.expr) -> float | None:
    """The number or flag that an expression of literals alone stands for (`-1`, `1 / 320`), or None."""
    match node:
        case ast.Constant(value=bool() | int() | float() as value):
            return value if abs(value) <= 1e300 else None
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            negated = literal_value(operand)
            return None if negated is None or isinstance(negated, bool) else -negated
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div() as op, right=right):
            a, b = literal_value(left), literal_value(right)
            if a is None or b is None or isinstance(a, bool) or isinstance(b, bool):
                return None
            if isinstance(op, ast.Div):
                return a / b if abs(b) > 1e-300 and abs(a / b) <= 1e300 else None
            return a * b if abs(a * b) <= 1e300 else None
        case _:
            return None


def spelled(value: float) -> str:
    """A number as Python source, as short as it can be without changing it beyond the 12th digit.

    >>> [spelled(x) for x in (0.1 + 0.2, 1e-08, 0.00015, 1.0, 3, True)]
    ['0.3', '1e-8', '0.00015', '1.0', '3', 'True']

    Raises:
        ValueError: It is not a finite number.
    """
    if isinstance(value, int):
        return repr(value)
    if not math.isfinite(value):
        raise ValueError(f"a hyperparameter must be a finite number, got {value}")
    text = repr(float(f"{value:.12g}"))
    if "e" not in text and 0 < abs(value) < 1e-3 and len(text.lstrip("-0.")) < 2:
        text = f"{float(text):e}"
    if "e" in text:
        digits, exponent = text.split("e")
        digits = digits.rstrip("0").rstrip(".") if "." in digits else digits
        text = f"{digits}e{int(exponent)}"
    return text


def find_hyperparameters(tree: ast.Module, starts: list[int], names: Names) -> Iterator[Hyperparameter]:
    """Every hyperparameter of a parsed genome, in order, named by `names`."""
    seen: set[int] = set()
    for path, key, node in _literals(tree, ""):
        value = literal_value(node)
        if value is None or id(node) in seen:
            continue
        seen.add(id(node))
        scale = guess_scale(key, value)
        if value == 0 and scale in _NEVER_ZERO:
            continue  # a counter or a sum that starts at nothing: state, no setting
        span = byte_span(node, starts)
        yield Hyperparameter(
            Kind.HYPERPARAMETER,
            names(f"{path}{key}"),
            *lines(node),
            value,
            scale,
            scale is Scale.COUNT,
            span,
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
            inner = path if callee(node) == "dict" else f"{path}{callee(node)}."
            for key, value in entries(node):
                yield from _items(inner, key, value)
        case ast.Dict():
            for key, value in entries(node):
                yield from _items(path, key, value)
    for child in ast.iter_child_nodes(node):
        yield from _literals(child, inner)


def _items(path: str, key: str, value: ast.expr) -> Iterator[tuple[str, str, ast.expr]]:
    if key in _STRUCTURAL:
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

"""Which names may mean an object, or a part of one, that others know by another name."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable

from evolve.importing.trees import Definition, method, words

_GIVES_PARTS = words(
    """
    list tuple sorted reversed zip enumerate dict iter next filter set parameters named_parameters modules named_modules
    children named_children get_parameter get_submodule state_dict values items get pop detach view view_as reshape
    flatten t transpose squeeze unsqueeze chunk split unbind narrow getattr
    """
)
"""Functions and methods whose result is, or holds, what they are given or called on."""
_PLAIN = words("shape dtype device ndim is_cuda training requires_grad")


def aliases(statements: Iterable[ast.stmt], seeds: Collection[str]) -> frozenset[str]:
    """Names that may reach what some names mean, those included.

    Args:
        statements: Code, looked at whatever its order; functions inside of it are left out.
        seeds: The names.
    """
    links = [link for statement in statements for link in _links(statement)]
    found = set(seeds)
    while True:
        size = len(found)
        for target, value in links:
            if _reaches(value, found):
                found |= _stored(target)
        if len(found) == size:
            return frozenset(found)


def _links(statement: ast.stmt) -> list[tuple[ast.expr, ast.expr]]:
    """Pairs of a target and what it is, or is a part of."""
    found: list[tuple[ast.expr, ast.expr]] = []
    todo: list[ast.AST] = [statement]
    while todo:
        node = todo.pop()
        match node:
            case ast.Assign(targets=targets, value=value):
                named = [each for each in targets if isinstance(each, ast.Name)]  # `a = b = []`: one object
                found += [(one, ast.Name(other.id, ast.Load())) for one in named for other in named if one is not other]
                for target in targets:
                    if (
                        isinstance(target, ast.Tuple)
                        and isinstance(value, ast.Tuple)
                        and len(target.elts) == len(value.elts)
                    ):
                        found += zip(target.elts, value.elts, strict=True)
                    else:
                        found.append((target, value))
            case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
                found.append((target, value))
            case ast.For(target=target, iter=value):
                found.append((target, value))
        if not isinstance(node, Definition | ast.Lambda):
            todo += ast.iter_child_nodes(node)
    return found


def _stored(target: ast.expr) -> set[str]:
    if isinstance(target, ast.Attribute | ast.Subscript):
        return set()
    return {n.id for n in ast.walk(target) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}


def _reaches(node: ast.expr, names: Collection[str]) -> bool:
    match node:
        case ast.Name(id=name):
            return name in names
        case ast.Attribute(value=value, attr=attr):
            return attr not in _PLAIN and _reaches(value, names)
        case ast.Subscript(value=value) | ast.Starred(value=value) | ast.NamedExpr(value=value):
            return _reaches(value, names)
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts) | ast.Dict(values=parts):
            return any(_reaches(part, names) for part in parts)
        case ast.IfExp(body=body, orelse=orelse):
            return _reaches(body, names) or _reaches(orelse, names)
        case ast.ListComp(elt=part) | ast.SetComp(elt=part) | ast.GeneratorExp(elt=part) | ast.DictComp(value=part):
            inner = set(names)
            for generator in node.generators:
                if _reaches(generator.iter, inner):
                    inner |= _stored(generator.target)
            return _reaches(part, inner)
        case ast.Call() if method(node) in _GIVES_PARTS:
            owner = [node.func.value] if isinstance(node.func, ast.Attribute) else []
            return any(_reaches(each, names) for each in [*owner, *node.args])
    return False

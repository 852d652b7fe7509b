"""Graft a schedule: the donor's `set_hparams`, with its helpers, steers the optimizers of the first parent.

This module must not know how code is moved.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from evolve.operators.base import NoVariationError
from evolve.operators.grafting.base import Grafted
from evolve.operators.grafting.draft import Draft
from evolve.operators.grafting.recipe import Recipe, read_keys, written_keys
from evolve.operators.pruning.scopes import Binding
from population.syntax import entries

_Take = Callable[[ast.expr | ast.stmt], str]


@dataclass(frozen=True)
class ScheduleGraft:
    """The donor's schedule for all of the host's optimizers."""

    weight: float = 1.0

    def apply(self, host: Recipe, donor: Recipe) -> Grafted:
        """Move it.

        Raises:
            NoVariationError: The schedule steers particular optimizers, or reads settings that the host
            lacks.
        """
        ours, theirs = host.set_hparams, donor.set_hparams
        assert ours is not None
        assert theirs is not None
        wanted = written_keys([ours]) - written_keys([theirs])
        wanted &= read_keys([slot.definition for slot in host.slots if slot.definition is not None])
        stays: list[ast.AST] = []

        def stay(node: ast.expr | ast.stmt) -> str:
            stays.append(node)
            return host.reading.text.of(node)

        settings = settings_of(ours, wanted, stay)
        draft = Draft(host, donor, "new", [ours], stays)
        draft.rename(donor.reading.binding(theirs), ours.name)
        code: list[ast.stmt] = [theirs]
        missing = read_keys([theirs]) - written_keys([theirs]) - _known_keys(host)
        for statement in donor.function.body if missing else ():
            if isinstance(statement, ast.For | ast.Expr) and written_keys([statement]) & missing:
                code.insert(-1, statement)
                missing -= written_keys([statement])
        if missing:
            raise NoVariationError(f"the donor's schedule reads {', '.join(sorted(missing))} of every group")
        replaced = joined_groups(host, donor, code)
        lines = [draft.statement_text(statement, replaced) for statement in code]
        if settings:
            _check_step_name(ours, theirs)
            keys = written_keys([theirs])
            as_ours = settings_of(ours, keys, host.reading.text.of)
            if not draft.adds_code and as_ours == settings_of(theirs, keys, donor.reading.text.of):
                raise NoVariationError("the schedules are the same")
            inner = " " * theirs.body[0].col_offset
            lines += [inner + line for line in settings]
        draft.put(ours, lines)
        return Grafted(draft.finish(), f"recipe.{ours.name}", "the schedule")


def schedule_grafts(host: Recipe, donor: Recipe) -> Iterator[ScheduleGraft]:
    """The graft, where both recipes have a schedule."""
    if host.set_hparams is not None and donor.set_hparams is not None:
        yield ScheduleGraft()


def settings_of(function: ast.FunctionDef, wanted: set[str], take: _Take) -> list[str]:
    """The part of a schedule that sets some keys of parameter groups, as lines of code.

    Args:
        function: The schedule.
        wanted: The keys.
        take: Gives the text of a node.

    Raises:
        NoVariationError: The keys are set inside a statement that cannot be taken apart.
    """
    needed: set[str] = set()
    while True:
        before = len(needed)
        lines = _kept(function.body, wanted, needed, take)
        if len(needed) == before:
            return lines


def _kept(body: list[ast.stmt], wanted: set[str], needed: set[str], take: _Take) -> list[str]:
    lines: list[str] = []
    for statement in body:
        sets = bool(written_keys([statement]) & wanted) or bool(_stored(statement) & needed)
        match statement:
            case _ if not sets:
                continue
            case ast.For(body=inner, orelse=[]) | ast.If(body=inner, orelse=[]):
                kept = _kept(inner, wanted, needed, take)
                if kept:
                    needed |= _loaded(statement.iter if isinstance(statement, ast.For) else statement.test)
                    lines += [_header(statement, take), *("    " + line for line in kept)]
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign() | ast.Expr():
                needed |= _loaded(statement)
                lines += take(statement).split("\n")
            case _:
                raise NoVariationError(f"line {statement.lineno} of a schedule cannot be taken apart")
    return lines


def _header(statement: ast.For | ast.If, take: _Take) -> str:
    if isinstance(statement, ast.For):
        return f"for {take(statement.target)} in {take(statement.iter)}:"
    return f"if {take(statement.test)}:"


def _stored(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def _loaded(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)}


def _check_step_name(ours: ast.FunctionDef, theirs: ast.FunctionDef) -> None:
    if [a.arg for a in ours.args.args] != [a.arg for a in theirs.args.args]:
        raise NoVariationError("the two schedules call the step by different names")


def _known_keys(host: Recipe) -> set[str]:
    """Settings that the host's parameter groups may have."""
    found = {"lr", "params"}
    for node in ast.walk(host.reading.tree):
        if isinstance(node, ast.Dict | ast.Call):
            found |= {key for key, _ in entries(node)}
    return found | written_keys([host.function])


def joined_groups(host: Recipe, donor: Recipe, code: list[ast.stmt]) -> dict[ast.AST, str]:
    """Texts for the places where the donor's code names its optimizers.

    Raises:
        NoVariationError: It treats some of them in a way of their own.
    """
    ours = " + ".join(f"{slot.variable.name}.param_groups" for slot in host.slots)
    listed = host.optimizers_display()
    if not host.slots or listed is None or len(listed.elts) != len(host.slots):
        raise NoVariationError("the first parent's optimizers are not all written out")
    theirs = {slot.variable for slot in donor.slots}
    names = "[" + ", ".join(slot.variable.name for slot in host.slots) + "]"
    found: dict[ast.AST, str] = {}
    for root in code:
        for node in ast.walk(root):
            if isinstance(node, ast.Name) and donor.reading.binding(node) in theirs:
                chain = _chain(donor, node)
                if _variables(donor, chain) != theirs:
                    raise NoVariationError("the donor's schedule treats one of its optimizers apart")
                plain = isinstance(donor.reading.parent[chain], ast.For | ast.comprehension)
                found[chain] = ours if plain else f"({ours})"
            elif isinstance(node, ast.Name) and isinstance(donor.value_of(node), ast.List):
                value = donor.value_of(node)
                if value is donor.optimizers_display():
                    found[node] = names
    return found


def _chain(donor: Recipe, node: ast.Name) -> ast.AST:
    """The longest sum of `x.param_groups` around a name."""
    top: ast.AST = donor.reading.parent[node]
    if not (isinstance(top, ast.Attribute) and top.attr == "param_groups"):
        raise NoVariationError("the donor's schedule uses more of an optimizer than its groups")
    while isinstance(around := donor.reading.parent[top], ast.BinOp) and isinstance(around.op, ast.Add):
        top = around
    return top


def _variables(donor: Recipe, chain: ast.AST) -> set[Binding]:
    return {donor.reading.binding(part) for part in ast.walk(chain) if isinstance(part, ast.Name)}

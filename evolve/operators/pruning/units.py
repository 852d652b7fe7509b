"""The record of a piece of code that can be dropped if nothing needs it."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from evolve.operators.pruning.holders import Resource
from evolve.operators.pruning.text import Element


@dataclass(eq=False)
class Unit:
    """A piece of code that can be dropped if it is dead.

    Attributes:
        node: What to drop: a statement, an alias, an argument, a member of a call, a dict or a tuple assignment.
        owner: What it is a member of, for members.
        name: For a name in a `nonlocal` or `global` statement.
        inner: What is read when it wakes.
        blocks: Statements inside it, which sleep on their own.
        views: It wakes when every view holds a live resource.
        header: The compound statement around it that wakes with it.
        awake: Whether it is needed.
    """

    node: ast.AST | Element
    inner: Sequence[ast.AST]
    views: tuple[frozenset[Resource], ...]
    owner: ast.AST | None = None
    name: str = ""
    blocks: list[list[ast.stmt]] = field(default_factory=list)
    header: Unit | None = None
    awake: bool = False


NEVER: tuple[frozenset[Resource], ...] = (frozenset(),)
"""The views of code that nothing can observe."""

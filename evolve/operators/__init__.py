"""Operators that make a child from parents, one file each; `OPERATORS` lists them by name.

A member is imported when it is first asked for: some need libcst, which `evolve -h` must not import.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evolve.operators.asked import AskingOperator
    from evolve.operators.base import Operator

    OPERATORS: dict[str, Operator]

PARENTS = {"perturb": 1, "crossover": 2, "ablate": 1, "prune": 1}
"""Every operator's name and how many parents it wants: what the engine may know without importing them.

The operator NAME is the class `Name` of the module `evolve.operators.NAME`."""

ASKING = {"llm_diff": 1, "llm_rewrite": 1, "llm_crossover": 2, "llm_tune": 1, "llm_ablate": 1, "llm_repair": 2}
"""The same for operators that ask a language model; NAME_OF is the class `NameOf`."""


SIMPLIFYING = frozenset({"prune", "ablate", "llm_ablate"})
"""Those that take something out: that nothing else changes is no reason against what they make."""
OPEN_ENDED = frozenset({"llm_diff", "llm_rewrite"})
"""Those that leave it to the model what to change: what an island is for, and what others found, is told to these."""


def __getattr__(name: str) -> dict[str, Operator]:
    if name == "OPERATORS":
        return {operator: get_operator(operator) for operator in PARENTS}
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def get_operator(name: str) -> Operator:
    """The operator of that name.

    Raises:
        ValueError: There is none; the message lists near matches and all names.
    """
    operator: Operator = _member(name, PARENTS)
    return operator


@cache
def get_asking_operator(name: str) -> AskingOperator:
    """The operator of that name that asks a language model.

    Raises:
        ValueError: There is none; the message lists near matches and all names.
    """
    operator: AskingOperator = _member(name, ASKING)
    return operator


def _member(name: str, names: Mapping[str, int]) -> Any:
    if name not in names:
        near = difflib.get_close_matches(name, names, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"no operator is called {name!r}, there are {', '.join(names)}{hint}")
    module = importlib.import_module(f"evolve.operators.{name}")
    return getattr(module, "".join(word.capitalize() for word in name.split("_")))()

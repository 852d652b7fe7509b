"""Operators that make a child from parents, one file each; `OPERATORS` lists them by name.

The table is built when it is first asked for: some members need libcst, which `evolve -h` must not import.
"""

from __future__ import annotations

import difflib
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evolve.operators.base import Operator

    OPERATORS: dict[str, Operator]

PARENTS = {"perturb": 1, "crossover": 2, "ablate": 1, "prune": 1}
"""Every operator's name and how many parents it wants: what the engine may know without importing them."""


@cache
def _table() -> dict[str, Operator]:
    from evolve.operators.ablate import Ablate
    from evolve.operators.crossover import Crossover
    from evolve.operators.perturb import Perturb
    from evolve.operators.prune import Prune

    return {operator.name: operator for operator in (Perturb(), Crossover(), Ablate(), Prune())}


def __getattr__(name: str) -> dict[str, Operator]:
    if name == "OPERATORS":
        return _table()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def get_operator(name: str) -> Operator:
    """The operator of that name.

    Raises:
        ValueError: There is none; the message lists near matches and all names.
    """
    table = _table()
    if name not in table:
        near = difflib.get_close_matches(name, table, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"no operator is called {name!r}, there are {', '.join(table)}{hint}")
    return table[name]

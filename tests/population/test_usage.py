"""Which hyperparameters can matter."""

from __future__ import annotations

import pytest
from everything import SOURCE

from population.components import hyperparameters
from population.usage import effective


def test_what_cannot_matter_is_not_effective() -> None:
    left_out = {part.name for part in hyperparameters(SOURCE)} - {part.name for part in effective(SOURCE)}
    assert left_out == {
        "Sign.__init__.lr",
        "Sign.__init__.betas[0]",
        "Sign.__init__.betas[1]",
        "Sign.__init__.nesterov",
        "UNREAD",
    }


@pytest.mark.parametrize("call", ["f(2)", "f(*x)", "f(1, 2)", "g = f", "f(**x)", "h(f)"], ids=lambda call: call)
def test_a_default_counts_unless_every_call_replaces_it(call: str) -> None:
    source = f"def f(a, b=0.5):\n    return b\n{call}\nf(1, b=0.1)\n"
    found = {part.name for part in effective(source)}
    assert ("f.b" in found) == (call != "f(1, 2)")
    assert "f.b" not in {part.name for part in effective(source.replace(call, ""))}

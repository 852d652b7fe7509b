"""What a training loop does, as the hooks of the contract. A value; `mapping` makes it of a loop."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field


@dataclass
class Hooks:
    """What a loop does, by place. Each list is the body of a function of the step.

    Attributes:
        start: Before validation, and so after the step before as well as before the first.
        turns: How many turns the loop has, where it is not left by a `break` after that many steps; else "".
        before_forward: Between validation and the forward pass.
        divisors: What the loss is divided by before the backward pass.
        scale: What gradients are divided by, other than a sum's: None, "tokens" or an expression.
        after_backward: Between the backward pass and the first hyperparameter that is set.
        set_hparams: From there to the optimizers.
        schedule: The one function that does all of it, called with the step alone, or "".
        stepping: The optimizers' part where it is more than a step of each in turn, else empty.
        optimizers: Expression for the list of optimizers.
        after_step: What follows.
        enter: In the validation block before the loss.
        leave: After it.
        around: Contexts around the validation loss.
        guards: Conditions under which there is one.
        tainted: Names that hold tokens or training losses.
        judged: Names that hold validation losses.
        notes: What the user should know.
    """

    start: list[ast.stmt] = field(default_factory=list)
    turns: str = ""
    before_forward: list[ast.stmt] = field(default_factory=list)
    divisors: list[ast.expr] = field(default_factory=list)
    scale: ast.expr | str | None = None
    after_backward: list[ast.stmt] = field(default_factory=list)
    set_hparams: list[ast.stmt] = field(default_factory=list)
    schedule: str = ""
    stepping: list[ast.stmt] = field(default_factory=list)
    optimizers: ast.expr = field(default_factory=lambda: ast.List([], ast.Load()))
    after_step: list[ast.stmt] = field(default_factory=list)
    enter: list[ast.stmt] = field(default_factory=list)
    leave: list[ast.stmt] = field(default_factory=list)
    around: list[ast.withitem] = field(default_factory=list)
    guards: list[ast.expr] = field(default_factory=list)
    tainted: frozenset[str] = frozenset()
    judged: frozenset[str] = frozenset()
    notes: list[str] = field(default_factory=list)

    def stay(self) -> None:
        """What validation does to the weights stays: it is done at the start of the step, under its conditions."""
        statements = self.enter
        for guard in reversed(self.guards):
            statements = [ast.copy_location(ast.If(guard, statements, []), guard)]
        self.start, self.enter, self.leave = [*self.start, *statements], [], []

    def bodies(self) -> list[list[ast.stmt]]:
        """All lists of statements."""
        return [
            self.start,
            self.before_forward,
            self.after_backward,
            self.set_hparams,
            self.stepping,
            self.after_step,
            self.enter,
            self.leave,
        ]

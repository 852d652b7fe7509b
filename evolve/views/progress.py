"""What the engine tells about a running search: one frozen record. Must not know how it is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from population.rows import EstimateRow


@dataclass(frozen=True)
class IslandProgress:
    """One island.

    Attributes:
        name: Its name in tables.
        best_id: Id of the best program that lives there; None while there is none.
        mean: Posterior mean of that program's value on the proxy rung.
        low: Lower end of the 95 % interval.
        high: Upper end of the 95 % interval.
        members: Programs that live there: in its archive, where that is known (a live run), else all that were born
            there or came there and failed nothing.
    """

    name: str
    best_id: int | None = None
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    members: int = 0


@dataclass(frozen=True)
class OperatorProgress:
    """One operator.

    Attributes:
        name: Its name.
        births: Children it has made.
        failed: Children that failed a trial.
        improved: Children estimated better than their main parent.
    """

    name: str
    births: int = 0
    failed: int = 0
    improved: int = 0


@dataclass(frozen=True)
class ArmProgress:
    """Asking one language model by one operator.

    Attributes:
        operator: Name of the operator.
        model: Name of the model.
        attempts: Attempts at a birth.
        births: Programs that came of it.
        improved: Those estimated better than their main parent.
        gain: Sum of their improvements, nats/token.
        calls: Calls, corrections and repeats included.
        tokens: Tokens that providers counted.
        usd: US dollars known to have been paid.
        next: Share of the next attempts that the bandit would give it, over all islands; None where it is not drawn.
    """

    operator: str
    model: str
    attempts: int = 0
    births: int = 0
    improved: int = 0
    gain: float = 0.0
    calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    next: float | None = None


@dataclass(frozen=True)
class ClassProgress:
    """Changes of one class.

    Attributes:
        depth: shallow, moderate, deep or breakthrough.
        provenance: invented, adapted or imported.
        births: Programs.
        improved: Those estimated better than their main parent.
        gain: Sum of their improvements, nats/token.
    """

    depth: str
    provenance: str
    births: int = 0
    improved: int = 0
    gain: float = 0.0


@dataclass(frozen=True)
class BudgetLeft:
    """One budget of the run.

    Attributes:
        name: "time" (seconds), "births", "trials", "tokens" or "usd".
        left: What is left of it.
        limit: What there was.
    """

    name: str
    left: float
    limit: float

    @property
    def fraction(self) -> float:
        """Share that is left, in [0, 1]."""
        return min(1.0, max(0.0, self.left / self.limit)) if self.limit > 0 else 0.0


@dataclass(frozen=True)
class Standing:
    """A program and its estimate: the best one, the best seed program.

    Attributes:
        id: Id of the program.
        estimate: Its estimate on the rung named in it.
        name: File stem of a seed or added program, else "".
        operator: The operator that made it.
    """

    id: int
    estimate: EstimateRow
    name: str = ""
    operator: str = ""


@dataclass(frozen=True)
class Gain:
    """By how much the best program beats the best seed program on the same rung.

    Attributes:
        mean: Value of the best seed program minus the best's, in nats per token; positive is better.
        low: Lower end of the 95 % interval of that difference (pairing counted).
        high: Upper end.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Progress:
    """A running search at one moment.

    Attributes:
        elapsed: Running time of the run over all its processes, in seconds.
        budget_left: The budgets that were set; the run ends when the first is spent.
        births: New programs made so far.
        trials: Trials written so far.
        outcomes: Number of trials by the text of their outcome.
        islands: The islands in order.
        operators: The operators in order.
        best: The best program at the highest rung that it shares with `best_seed`.
        best_seed: The best seed program at that rung.
        gain: Their difference, or None while it is unknown.
        calls: What language models are at, in words; "" without them.
        arms: Language models by operator, where there are any.
        classes: Classes of change.
        running: What is being evaluated now, one short text a trial: "#41 proxy 3".
        message: What the engine last had to say.
    """

    elapsed: float = 0.0
    budget_left: tuple[BudgetLeft, ...] = ()
    births: int = 0
    trials: int = 0
    outcomes: Mapping[str, int] = field(default_factory=dict)
    islands: tuple[IslandProgress, ...] = ()
    operators: tuple[OperatorProgress, ...] = ()
    best: Standing | None = None
    best_seed: Standing | None = None
    gain: Gain | None = None
    calls: str = ""
    arms: tuple[ArmProgress, ...] = ()
    classes: tuple[ClassProgress, ...] = ()
    running: tuple[str, ...] = ()
    message: str = ""

    @property
    def ending(self) -> str:
        """What is still waited for once a budget is spent; "" before."""
        if not self.running or all(budget.left > 0 for budget in self.budget_left):
            return ""
        return f"budget spent, {len(self.running)} still running (Ctrl-C twice stops at once)"

    @property
    def births_per_minute(self) -> float:
        """Mean rate over the whole run."""
        return 60 * self.births / self.elapsed if self.elapsed > 0 else 0.0

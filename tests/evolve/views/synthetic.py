"""A run that never happened, for looking at views: real sources, invented values.

Everything follows from the arguments, so that the same run can be drawn again.
"""

from __future__ import annotations

import hashlib
import random
import re
from dataclasses import dataclass
from pathlib import Path

from population.rows import EstimateRow, Move, ProgramRow, TrialRow

OPERATORS = ("perturb", "perturb", "perturb", "crossover", "ablate", "prune", "rewrite")
FAILURES = (
    ("crashed", "RuntimeError: expected scalar type Float but found BFloat16"),
    ("crashed", "NameError: name 'beta3' is not defined"),
    ("diverged", "the loss was not finite at step 40"),
    ("timed_out", "used 20 CPU seconds, its limit"),
    ("rejected", "parameter blocks.0.attn.q.weight is owned by two optimizers"),
)
PLAIN_SOURCE = '"""A stand-in."""\n\nLR = 0.02\nBETA1 = 0.9\n\n\ndef recipe(model, train_steps):\n    return {}\n'
NOISE = 0.0012
PROXY_STEPS = 300
CONSTANT = re.compile(r"^([A-Z][A-Z0-9_]+) = (-?\d[\d.e-]*)", re.MULTILINE)


@dataclass(frozen=True)
class SyntheticRun:
    programs: list[ProgramRow]
    trials: list[TrialRow]
    estimates: list[EstimateRow]
    best: int

    @property
    def parts(self) -> tuple[list[ProgramRow], list[TrialRow], list[EstimateRow], int]:
        return self.programs, self.trials, self.estimates, self.best


def seed_sources() -> dict[str, str]:
    """The seed programs of this repository, or one stand-in."""
    folder = Path(__file__).parents[3] / "seed_programs"
    found = {p.stem: p.read_text() for p in sorted(folder.glob("*.py")) if not p.stem.startswith("_")}
    return found or {"plain": PLAIN_SOURCE}


def synthetic_run(programs: int, islands: int = 4, rng_seed: int = 0) -> SyntheticRun:
    """Invent a run of so many programs."""
    return _Story(random.Random(f"{rng_seed}/{programs}"), islands).told(programs)


class _Story:
    def __init__(self, rng: random.Random, islands: int) -> None:
        self.rng = rng
        self.islands = islands
        self.programs: list[ProgramRow] = []
        self.trials: list[TrialRow] = []
        self.estimates: list[EstimateRow] = []
        self.truth: dict[int, float] = {}
        self.good: list[list[int]] = [[] for _ in range(islands)]

    def told(self, programs: int) -> SyntheticRun:
        for i, (name, source) in enumerate(seed_sources().items()):
            row = self._born(source, "seed", i % self.islands, (), None, name=name, note=source.split('"""')[1])
            self._finish(row, 1.93 + 0.02 * self.rng.expovariate(1))
        birth = 0
        while len(self.programs) < programs:
            birth += 1
            self._child(birth)
        best = min((each for each in self.estimates if each.rung == "proxy"), key=lambda each: each.mean)
        return SyntheticRun(self.programs, self.trials, self.estimates, best.program)

    def _child(self, birth: int) -> None:
        island = birth % self.islands
        pool = self.good[island] or [row.id for row in self.programs if row.operator == "seed"]
        parent = self.programs[self.rng.choice(pool[-12:]) - 1]
        operator = self.rng.choice(OPERATORS)
        parents = (parent.id,)
        moves: tuple[Move, ...] = ()
        source = parent.source
        if operator == "crossover":
            other = self.programs[self.rng.choice(self.rng.choice([g for g in self.good if g] or [pool])) - 1]
            parents = (parent.id, other.id) if other.id != parent.id else parents
            source, component, note = _cross(source, other, self.rng)
        elif operator in ("ablate", "prune", "rewrite"):
            source, component, note = _cut(source, operator, self.rng)
        else:
            source, component, note, moves = _perturb(source, self.rng)
        row = self._born(source, operator, island, parents, birth, component=component, note=note, moves=moves)
        if self.rng.random() < 0.16:
            self._fail(row)
            return
        effect = self.rng.gauss(0.0025, 0.004) if self.rng.random() < 0.8 else self.rng.gauss(0.02, 0.05)
        self._finish(row, max(self.truth[parent.id] + effect, 1.6 + 0.2 / (1 + birth / 300)))

    def _born(
        self,
        source: str,
        operator: str,
        island: int,
        parents: tuple[int, ...],
        birth: int | None,
        **rest: object,
    ) -> ProgramRow:
        id = len(self.programs) + 1
        digest = hashlib.sha256(f"{id}\n{source}".encode()).hexdigest()
        row = ProgramRow(id, digest, source, operator, island, birth, parents, elapsed=id * 0.7, **rest)  # type: ignore[arg-type]
        self.programs.append(row)
        return row

    def _trial(
        self,
        row: ProgramRow,
        rung: str,
        rng_seed: int,
        value: float | None,
        outcome: str = "finished",
        reason: str = "",
    ) -> None:
        steps = {"smoke": 10, "proxy": PROXY_STEPS, "confirm": 3 * PROXY_STEPS}[rung]
        curve: tuple[tuple[int, float], ...] = ()
        if value is not None:
            grid = [round(steps * k / 10) for k in range(11)]
            curve = tuple(
                (s, round(value + (5.55 - value) * (1 - s / steps) ** 3.2 * 2.718 ** (-5 * s / steps), 5)) for s in grid
            )
        id = len(self.trials) + 1
        self.trials.append(
            TrialRow(
                id,
                row.id,
                rung,
                rng_seed,
                "fp",
                outcome,
                value,
                reason,
                wall_seconds=2.4,
                cpu_seconds=2.2,
                curve=curve,
                elapsed=row.elapsed + 3,
            )
        )

    def _fail(self, row: ProgramRow) -> None:
        outcome, reason = self.rng.choice(FAILURES)
        self._trial(row, "smoke", 0, None, outcome, reason)

    def _finish(self, row: ProgramRow, truth: float) -> None:
        self.truth[row.id] = truth
        self._trial(row, "smoke", 0, 5.1)
        n = 4 if self.rng.random() < 0.3 else 2
        for k in range(n):
            self._trial(row, "proxy", 100 + k, truth + self.rng.gauss(0, NOISE))
        self._estimate(row, "proxy", truth, n)
        rank = sorted([*(self.truth[i] for i in self.good[row.island]), truth]).index(truth)
        if rank < 4:
            self.good[row.island] = sorted([*self.good[row.island], row.id], key=lambda i: -self.truth[i])[-24:]
        if rank == 0 and self.rng.random() < 0.3:
            for k in range(3):
                self._trial(row, "confirm", 200 + k, truth - 0.2 + self.rng.gauss(0, NOISE))
            self._estimate(row, "confirm", truth - 0.2, 3)

    def _estimate(self, row: ProgramRow, rung: str, truth: float, n: int) -> None:
        sd = NOISE / n**0.5
        mean = truth + self.rng.gauss(0, sd)
        self.estimates.append(EstimateRow(row.id, rung, mean, sd, mean - 1.96 * sd, mean + 1.96 * sd, n))


def _perturb(source: str, rng: random.Random) -> tuple[str, str, str, tuple[Move, ...]]:
    found = list(CONSTANT.finditer(source))
    if not found:
        return source + "\nLR = 0.1\n", "LR", "LR entered", ()
    at = rng.choice(found)
    name, old = at.group(1), float(at.group(2))
    new = float(f"{old * 2 ** rng.gauss(0, 0.5):.4g}")
    text = source[: at.start(2)] + f"{new:g}" + source[at.end(2) :]
    return text, name, f"{name} {old:g} -> {new:g}", (Move(name, old, new),)


def _cut(source: str, operator: str, rng: random.Random) -> tuple[str, str, str]:
    lines = source.splitlines()
    body = [i for i, line in enumerate(lines) if line.startswith("        ") and "#" not in line] or [len(lines) - 1]
    i = rng.choice(body)
    gone = lines[i].strip()
    if operator == "rewrite":
        lines[i] += "  # clipped"
        lines.insert(i, lines[i].replace("(", "( ", 1))
        return "\n".join(lines) + "\n", "step", "clip the update before it is applied"
    del lines[i]
    return "\n".join(lines) + "\n", "step", f"{operator} `{gone[:60]}`"


def _cross(source: str, other: ProgramRow, rng: random.Random) -> tuple[str, str, str]:
    name = rng.choice(("schedule", "set_hparams", "initialize"))
    function = re.search(rf"^def {name}\(.*?(?=^\S|\Z)", other.source, re.MULTILINE | re.DOTALL)
    mine = re.search(rf"^def {name}\(.*?(?=^\S|\Z)", source, re.MULTILINE | re.DOTALL)
    note = f"{name} from #{other.id}"
    if function is None or mine is None:
        return source + f"\n# {note}\n", name, note
    text = function.group(0).rstrip() + f"  # from #{other.id}\n\n\n"
    return source[: mine.start()] + text + source[mine.end() :], name, note

"""Runs as their logs tell them, and groups of runs of one recipe. Must not know where logs come from or any rule."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

Name = str | int
"""What a group is called: the `record` of a row, or the name of a folder or file."""

ENOUGH = 8
"""Validations that must agree to the last digit before two runs count as one. Independent runs of a recipe agree in a
hundredth of their late losses (sd 0.001, five decimals), so eight in common do not happen; shorter logs cannot tell."""
_FEW_DIGITS, _SINGLE_BITS = 9, 24
"""Decimals, and bits of a float of single precision: no two runs share a loss that has more of both by chance."""


@dataclass(frozen=True)
class Claim:
    """What was published about a recipe.

    Attributes:
        steps: Step at which it is said to reach the target.
        mean: Published mean loss there.
        n: Published number of runs.
    """

    steps: int | None = None
    mean: float | None = None
    n: int | None = None


@dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
        record: The group that it belongs to.
        where: Its origin as `file:line`.
        curve: Validation loss by step, steps increasing; not finite where the log says so.
        train_steps: Length of the run as its log declares it, None if unknown.
        source: Digest of the source text that the log begins with, "" without one.
        others: Other validation losses that its lines name and that are not read.
        claim: What its row says was published.
    """

    record: Name
    where: str
    curve: Mapping[int, float]
    train_steps: int | None = None
    source: str = ""
    others: tuple[str, ...] = ()
    claim: Claim = Claim()

    @property
    def last(self) -> int | None:
        """The last step that was validated, None without any."""
        return max(self.curve, default=None)

    def trained(self) -> dict[int, float]:
        """The curve after step 0, where all runs are equal."""
        return {step: loss for step, loss in self.curve.items() if step > 0}


@dataclass(frozen=True)
class Group:
    """The runs of one recipe, each once.

    Attributes:
        record: Its name.
        runs: Distinct runs, in the order read.
        repeated: Runs that repeat one of `runs` to the last digit: logs kept twice, excerpts. They do not count.
        claim: What was published, as far as the rows agree.
        notes: What a reader must know, a sentence each.
    """

    record: Name
    runs: tuple[Run, ...]
    repeated: tuple[Run, ...] = ()
    claim: Claim = Claim()
    notes: tuple[str, ...] = field(default=())

    def grid(self) -> tuple[int, ...]:
        """Steps after 0 at which every run was validated, increasing.

        A stop has to be the same for all runs, so other steps cannot be judged.
        """
        if not self.runs:
            return ()
        return tuple(sorted(set.intersection(*(set(run.curve) for run in self.runs)) - {0}))

    def losses(self, step: int) -> tuple[float, ...]:
        """The loss of every run at a step of the grid."""
        return tuple(run.curve[step] for run in self.runs)


def group_runs(runs: Iterable[Run]) -> tuple[Group, ...]:
    """Group runs by record, in the order in which records first appear.

    Runs of one record that declare different lengths cannot be of one recipe and make a group for each length.
    """
    by_record: dict[Name, list[Run]] = {}
    for run in runs:
        by_record.setdefault(run.record, []).append(run)
    groups = []
    for record, members in by_record.items():
        lengths = {run.train_steps for run in members}
        if len(lengths) == 1:
            groups.append(_group(record, members))
            continue
        for length in sorted(lengths, key=lambda length: (length is None, length or 0)):
            name = f"{record}/{'unknown' if length is None else length}"
            part = _group(name, [run for run in members if run.train_steps == length])
            note = f"runs of {record} declare {len(lengths)} different lengths; those of one length are judged together"
            groups.append(replace(part, notes=(note, *part.notes)))
    return tuple(groups)


def _group(record: Name, members: Sequence[Run]) -> Group:
    runs, repeated = distinct(members)
    claim, disagreement = _claim(members)
    return Group(record, runs, repeated, claim, (*_notes(runs, repeated), *disagreement))


def distinct(runs: Sequence[Run]) -> tuple[tuple[Run, ...], tuple[Run, ...]]:
    """Part runs into those that stand for themselves and those that repeat one of them.

    A run repeats another if it has at least `ENOUGH` validations and all of them equal the other's, or if it is an
    excerpt: fewer validations than the other, all of them equal to the other's. Of losses in double
    precision, written in full, one is enough.
    """
    curves = [run.trained() for run in runs]
    order = sorted(range(len(runs)), key=lambda i: (-len(curves[i]), i))
    kept: list[int] = []
    for i in order:
        if not any(_repeats(curves[i], curves[j]) for j in kept):
            kept.append(i)
    chosen = set(kept)
    return (
        tuple(run for i, run in enumerate(runs) if i in chosen),
        tuple(run for i, run in enumerate(runs) if i not in chosen),
    )


def _repeats(curve: Mapping[int, float], other: Mapping[int, float]) -> bool:
    long_enough = len(other) >= ENOUGH and (len(curve) >= ENOUGH or len(curve) < len(other))
    return (
        bool(curve)
        and (long_enough or any(map(_in_full, curve.values())))
        and all(step in other and _same(loss, other[step]) for step, loss in curve.items())
    )


def _in_full(loss: float) -> bool:
    if not math.isfinite(loss):
        return False
    single = (math.frexp(loss)[0] * 2**_SINGLE_BITS).is_integer()
    return not single and round(loss, _FEW_DIGITS) != loss


def _same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


def _claim(members: Sequence[Run]) -> tuple[Claim, tuple[str, ...]]:
    """What the rows publish; a value on which they disagree is dropped and said."""
    values, notes = {}, []
    for name in ("steps", "mean", "n"):
        said = {getattr(run.claim, name) for run in members} - {None}
        values[name] = said.pop() if len(said) == 1 else None
        if len(said) > 1:
            notes.append(f"rows disagree on the published {name}: {', '.join(map(str, sorted(said)))}")
    return Claim(**values), tuple(notes)


def _notes(runs: Sequence[Run], repeated: Sequence[Run]) -> list[str]:
    notes = []
    if repeated:
        where = _some([run.where for run in repeated])
        repeat = _number(len(repeated), "repeats", "repeat")
        notes.append(f"{len(runs) + len(repeated)} logs hold {len(runs)} runs: {repeat} another exactly ({where})")
    ends = Counter(run.last for run in runs if run.last is not None)
    if len(ends) > 1:
        said = ", ".join(f"{step} ({count})" for step, count in sorted(ends.items()))
        notes.append(
            f"runs end at different steps, {said}: only steps that all of them validated are judged, and a stop chosen "
            "run by run is against the benchmark's rules"
        )
    short = [run for run in runs if run.last is None or (run.train_steps is not None and run.last < run.train_steps)]
    if short:
        some = _some([f"{run.where} at {run.last or 'no'} of {run.train_steps or '?'}" for run in short])
        notes.append(f"{_number(len(short), 'log ends', 'logs end')} before the end of training: {some}")
    broken = [run for run in runs if not all(map(math.isfinite, run.curve.values()))]
    if broken:
        where = _some([run.where for run in broken])
        notes.append(f"{_number(len(broken), 'run has', 'runs have')} losses that are not finite: {where}")
    others = sorted({name for run in runs for name in run.others})
    if others:
        notes.append(f"the logs also tell {', '.join(others)}; val_loss is judged")
    sources = {run.source for run in runs} - {""}
    if len(sources) > 1:
        notes.append(f"the logs begin with {len(sources)} different sources: are they one recipe?")
    return notes


def _number(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _some(items: Sequence[str], most: int = 3) -> str:
    return ", ".join(items[:most]) + (f" and {len(items) - most} more" if len(items) > most else "")

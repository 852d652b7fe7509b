"""Tuning a few hyperparameters before the plan is frozen, on rng_seeds and text that the promotion does not use.

One word after the other: all its hyperparameters are multiplied by one factor, a step up and a step down are tried on
the same rng_seeds, and the better direction is followed as long as the mean loss falls. What is chosen may owe
something to luck; the promotion, on fresh rng_seeds, then shows how much. Resumable: each trial is an event.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from evaluator.records import Outcome, Rung, Trial, TrialRequest
from evolve.hands import Runner
from evolve.promoting.trials import PromotionError, each_trial
from population.components import Hyperparameter, with_values
from population.form import form
from population.genome import digest
from population.rows import EventRow, Move, ProgramRow
from population.scales import Scale
from population.store import Store
from population.usage import effective

KIND = "retune_trial"
"""Kind of event."""

WORDS = {"lr": Scale.LEARNING_RATE, "wd": Scale.WEIGHT_DECAY}
FACTOR = 1.25
"""One step."""
MOST_STEPS = 4
"""Steps in one direction."""
_SCALABLE = frozenset({Scale.LEARNING_RATE, Scale.WEIGHT_DECAY, Scale.EPS, Scale.FACTOR})

Losses = Callable[[str], float]
"""From a source to its mean loss, infinite if a trial failed."""


@dataclass(frozen=True)
class Tried:
    """A factor that was tried.

    Attributes:
        word: What was multiplied.
        factor: By how much, against the genome as the user gave it.
        loss: Mean loss, nats per token; infinite if a trial failed.
        kept: Whether it became the new best.
    """

    word: str
    factor: float
    loss: float
    kept: bool


def chosen(source: str, words: str) -> Mapping[str, tuple[Hyperparameter, ...]]:
    """The hyperparameters behind each word.

    Args:
        source: The genome.
        words: Separated by commas: "lr", "wd" or names of hyperparameters.

    Raises:
        PromotionError: A word stands for nothing in the genome.
    """
    parts = [part for part in effective(source) if part.scale in _SCALABLE and part.value]
    found = {}
    for word in (each.strip() for each in words.split(",")):
        scale = WORDS.get(word)
        members = tuple(part for part in parts if (part.scale is scale if scale else part.name == word))
        if not members:
            names = ", ".join(part.name for part in parts) or "none"
            raise PromotionError(
                f"--retune: expected lr, wd or names of hyperparameters, separated by commas; the genome has no "
                f"{word!r}. What can be scaled: {names}"
            )
        found[word] = members
    return found


def retuned(source: str, words: str, loss: Losses) -> tuple[str, tuple[Tried, ...]]:
    """Tune a genome.

    Args:
        source: The genome.
        words: What to tune, one after the other.
        loss: Tries a genome.

    Returns:
        The best genome, which may be the one given, and all that was tried.

    Raises:
        PromotionError: The genome itself fails, or a word stands for nothing.
    """
    groups = chosen(source, words)
    best, least = source, loss(source)
    if not math.isfinite(least):
        raise PromotionError("--retune: the program does not finish its trials on the full rung as it is")
    tried: list[Tried] = []
    for word, parts in groups.items():
        before = best
        for direction in (FACTOR, 1 / FACTOR):
            moved = False
            for step in range(1, MOST_STEPS + 1):
                factor = direction**step
                other = with_values(before, {part.name: part.value * factor for part in parts})
                found = loss(other)
                kept = found < least
                tried.append(Tried(word, factor, found, kept))
                if not kept:
                    break
                best, least, moved = other, found, True
            if moved:
                break
    return best, tuple(tried)


class Trials:
    """Tries genomes on the rng_seeds of a rung, and keeps what it learns as events of the run.

    Args:
        store: The run's database, open for writing.
        rung: Where; its rng_seeds are used.
        runner: Runs trials.
        fingerprint: What else determines the losses.
        tell: Hears of each trial.
    """

    def __init__(self, store: Store, rung: Rung, runner: Runner, fingerprint: str, tell: Callable[[str], None]) -> None:
        self._store, self._rung, self._runner = store, rung, runner
        self._fingerprint, self._tell = fingerprint, tell

    def loss(self, source: str) -> float:
        """Mean loss of a genome, infinite if a trial failed.

        Raises:
            PromotionError: Trials keep being lost.
        """
        key = digest(source)
        known = dict(self._known(key))
        missing = [TrialRequest(key, source, self._rung, seed) for seed in self._rung.seeds() if seed not in known]
        for request, trial in each_trial(self._runner, missing):
            if trial.outcome is not Outcome.LOST:
                known[request.rng_seed] = self._note(request, trial)
        return fmean(known[seed] for seed in self._rung.seeds())

    def _known(self, key: str) -> Iterator[tuple[int, float]]:
        for event in self._store.events(KIND):
            if (event.data["digest"], event.data["fingerprint"]) == (key, self._fingerprint):
                value = event.data["value"]
                yield event.data["rng_seed"], math.inf if value is None else value

    def _note(self, request: TrialRequest, trial: Trial) -> float:
        data = {
            "digest": request.digest,
            "rng_seed": request.rng_seed,
            "fingerprint": self._fingerprint,
            "outcome": str(trial.outcome),
            "value": trial.value,
            "reason": trial.reason,
            "wall_seconds": trial.wall_seconds,
        }
        last = self._store.last_rows()
        row = EventRow(last.event + 1, KIND, data, self._store.last_elapsed(), last.seq + 1)
        self._store.append_event(row)
        told = f"{trial.value:.5f}" if trial.value is not None else f"{trial.outcome}: {trial.reason}"
        self._tell(f"retuning: genome {request.digest[:8]} rng_seed {request.rng_seed}: {told}")
        return math.inf if trial.value is None else trial.value


def enter(store: Store, parent: int, source: str) -> int:
    """Make a retuned genome a program of the run, a child of the one it was made from; returns its id."""
    known = store.by_digest(digest(source))
    if known is not None:
        return known.id
    above = store.program(parent)
    new = {part.name: part.value for part in effective(source)}
    moves = tuple(
        Move(part.name, part.value, new[part.name])
        for part in effective(above.source)
        if part.value != new.get(part.name, part.value)
    )
    row = ProgramRow(
        id=store.summary().programs + 1,
        digest=digest(source),
        source=source,
        operator="retune",
        island=above.island,
        birth=None,
        parents=(parent,),
        component=", ".join(move.component for move in moves),
        note=f"retuned before promotion: {len(moves)} hyperparameters",
        moves=moves,
        form=form(source),
    )
    store.append_program(replace(row, elapsed=store.last_elapsed(), seq=store.last_rows().seq + 1))
    return row.id


def report(words: str, rung: Rung, tried: tuple[Tried, ...], changed: bool) -> dict[str, Any]:
    """What was tuned, as plain data for the frozen terms."""
    return {
        "words": words,
        "rng_seeds": list(rung.seeds()),
        "split": rung.split,
        "changed": changed,
        "tried": [
            {"word": t.word, "factor": t.factor, "loss": t.loss if math.isfinite(t.loss) else None, "kept": t.kept}
            for t in tried
        ],
    }

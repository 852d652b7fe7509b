"""The parts of a prompt, each a list of lines that may be cut from its end.

Whatever comes from a genome or a reply is quoted: programs between marks that they cannot contain, everything else on
one line. This module must not know what is asked.
"""

from __future__ import annotations

import difflib
import hashlib
import itertools
import re
from collections.abc import Sequence
from functools import lru_cache

from evolve.prompts.situation import Attempt, Known, Situation
from population.components import hyperparameters

SHORTER = 0.6
"""A diff is shown instead of a program if it has at most this share of its length."""

PURPOSES = {
    "explore": "This island explores: prefer ideas that nobody here has tried.",
    "tune": "This island tunes: prefer values and schedules of what works already.",
    "recombine": "This island recombines: prefer to bring together what works in different programs.",
    "prune": "This island prunes: prefer fewer parts that do the same or better.",
}


def mark(*sources: str) -> str:
    """A word that none of the texts contains, to quote them with."""
    text = "\n".join(sources)
    number = 0
    while True:
        word = hashlib.sha256(f"{number}\n{text}".encode("utf-8", "replace")).hexdigest()[:8]
        if word not in text:
            return word
        number += 1


def quoted(source: str, word: str) -> str:
    """A program between its marks."""
    return f"[[program {word}\n{source.rstrip()}\n{word} end]]"


def one_line(text: str, most: int = 240) -> str:
    """Foreign words on one line, without what could pass for a mark."""
    flat = " ".join(unmarked(text).split())
    return flat if len(flat) <= most else flat[: most - 3] + "..."


def unmarked(text: str) -> str:
    """Foreign words without what could pass for a mark."""
    return re.sub(r"\]{2,}", "]", re.sub(r"\[{2,}", "[", text))


def value(loss: float) -> str:
    """A loss with the digits that decide."""
    return f"{loss:.5f}"


def described(program: Known) -> str:
    """A program's identity and estimates."""
    told = (
        f"#{program.id} ({one_line(program.name, 40)}): {value(program.mean)} "
        f"[{value(program.low)}, {value(program.high)}], {_seeds(program.n)}"
    )
    if program.longer is not None:
        steps, mean, n = program.longer
        told += f"; after {steps} steps {value(mean)}, {_seeds(n)}"
    return told


def _seeds(n: int) -> str:
    return f"{n} rng_seed{'s' if n != 1 else ''}"


def task_lines(situation: Situation) -> list[str]:
    """The task and how good a measurement is."""
    return [
        f"Task {situation.task}: {situation.brief}",
        f"A proxy trial has {situation.steps} steps; its value is the held-out loss at the end in nats per token, "
        "lower is better. The winner is judged on runs of three and ten times as many steps, so what only helps the "
        "first steps does not count.",
        "Estimates allow for chance: they are drawn towards what is usual, the more the fewer rng_seeds stand behind "
        "them, and a gain (loss of the parent minus the child's, positive is better) is estimated from their common "
        f"rng_seeds. On one rng_seed two related programs differ by chance with a standard deviation of "
        f"{situation.noise:.5f}; not told apart means just that.",
        f"{100 * situation.phase:.0f} % of the run's budget is used."
        + (f" {_phase(situation.phase)} {PURPOSES[situation.purpose]}" if situation.purpose else ""),
    ]


def _phase(used: float) -> str:
    if used < 0.33:
        return "There is time for bold ideas."
    if used < 0.67:
        return "Build on what has worked."
    return "Little is left: prefer what is sure to hold on longer runs."


def parent_lines(situation: Situation, word: str) -> list[str]:
    """The program to change."""
    parent = situation.parent
    lines = [f"The program, {described(parent)}:", quoted(parent.source, word)]
    lines.append(f"Its hyperparameters: {_values(parent.source)}")
    if parent.training:
        points = ", ".join(f"{step}: {loss:.4f}" for step, loss in parent.training)
        lines.append(f"Its training loss in a proxy trial, mean of the steps up to each one named: {points}")
    return lines


@lru_cache(maxsize=64)
def _values(source: str) -> str:
    settings = [each for each in hyperparameters(source) if not isinstance(each.value, bool)]
    return one_line(", ".join(f"{each.name} = {each.value:g}" for each in settings), 4000)


def second_lines(situation: Situation, word: str) -> list[str]:
    """The second parent, or the program to mend with its error."""
    second = situation.second
    if second is None:
        return []
    if situation.error:
        error = unmarked(situation.error)
        return [
            f"The program to mend, #{second.id}, a child of the first:",
            quoted(second.source, word),
            f"It failed: [[error {word}\n{error}\n{word} end]]",
        ]
    return _shown(f"The second parent, {described(second)}", second, [situation.parent], word)


def tried_lines(attempts: Sequence[Attempt]) -> list[str]:
    """What was tried on this lineage, gains and failures alike, nearest first."""
    return [_tried(attempt) for attempt in attempts]


def _tried(attempt: Attempt) -> str:
    came = f"- #{attempt.program} from #{attempt.parent}, {_came_of(attempt)}"
    return f"{came}; {attempt.operator}: {spoken(attempt.change)}"


def spoken(text: str) -> str:
    """Foreign words on one line, between quotation marks of their own."""
    return '"' + one_line(text).replace('"', "'") + '"'


def _came_of(attempt: Attempt) -> str:
    """Our own figures: they stand before the words of others."""
    if attempt.same_as is not None:
        return f"nothing new, it trains just as #{attempt.same_as} does"
    if attempt.gain is None:
        return f"failed ({spoken(attempt.failure)})"
    word = "better" if attempt.low > 0 else "worse" if attempt.high < 0 else "not told apart"
    told = f"{value(attempt.mean)}, gain {attempt.gain:+.5f} [{attempt.low:+.5f}, {attempt.high:+.5f}], {word}"
    if attempt.raw is not None:
        told += f"; raw {attempt.raw[0]:+.5f} on {_seeds(attempt.raw[1])}"
    if attempt.longer is not None:
        told += f", {attempt.longer[0]:+.5f} on {attempt.longer[1]} longer run{'s' if attempt.longer[1] > 1 else ''}"
    if attempt.course:
        told += "; training " + " ".join(f"{each:+.4f}" for each in attempt.course)
    return told


def leader_lines(leaders: Sequence[tuple[Known, str]]) -> list[str]:
    """The best programs of the run, best first."""
    return [f"- {described(program)}; {spoken(change)}" for program, change in leaders]


def response_lines(situation: Situation) -> list[str]:
    """How the loss answers to each hyperparameter: between two values stands > where the left one is better."""
    lines = []
    for name, points in sorted((situation.responses or {}).items()):
        ordered = sorted(points)
        told = f"{ordered[0][0]:g} ({value(ordered[0][1])})"
        for (_, before), (number, after) in itertools.pairwise(ordered):
            told += f" {'>' if before < after else '<'} {number:g} ({value(after)})"
        lines.append(f"- {one_line(name, 80)}: {told}")
    return lines


def inspiration_lines(program: Known, before: Sequence[Known], word: str) -> list[str]:
    """A good program that the model may learn from.

    Args:
        program: The program.
        before: Programs that the prompt has shown already.
        word: What programs are quoted with.
    """
    return _shown(f"Another good program, of island {program.island}, {described(program)}", program, before, word)


def _shown(title: str, program: Known, before: Sequence[Known], word: str) -> list[str]:
    """A program, as a diff against the nearest one shown already if that is much shorter."""
    diffs = {other.id: _diff(other.source, program.source) for other in before}
    nearest = min(diffs, key=lambda id: (len(diffs[id]), id))
    if len(diffs[nearest]) < SHORTER * len(program.source):
        return [f"{title}, as a diff against #{nearest}:", quoted(diffs[nearest], word)]
    return [f"{title}:", quoted(program.source, word)]


@lru_cache(maxsize=64)
def _diff(before: str, after: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=2, lineterm="")
    return "\n".join(list(lines)[2:])  # after the names of the files

"""Do children work? Smoke trials of parents and children, operator by operator.

    python -m benchmarks.operators --children 60 --jobs 2

For each operator: how many children pass the smoke rung, how many change its trajectory, and, for crossover,
whether the transplanted code ran (a second child whose transplanted code raises must crash with that error).
The parents are seed programs; those of `prune`, which finds nothing to take out of these, have useless parts
grown into them. Writes a table to `benchmarks/results/operators.md`.
"""

from __future__ import annotations

import argparse
import ast
import datetime
import platform
import random
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from evaluator.pool import Evaluator
from evaluator.records import Outcome, Trial, TrialRequest
from evaluator.tasks import get_task
from evolve.genomes import shipped
from evolve.operators import OPERATORS
from evolve.operators.base import Child, NoVariationError
from population.genome import digest
from tests.evolve.operators.barnacles import overgrown

MARK = "the transplanted code ran"
RNG_SEED = 0
WALL_SECONDS = 600.0  # a busy machine is not the child's fault; CPU seconds stay limited as they are
BARNACLES = 3
RESULTS = Path(__file__).parent / "results" / "operators.md"


@dataclass
class Tally:
    """What came of one operator's attempts."""

    attempts: int = 0
    children: int = 0
    passed: int = 0
    changed: int = 0
    marked: int = 0
    ran: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    failed_kinds: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Birth:
    """A child and where it came from."""

    operator: str
    parents: tuple[str, ...]
    first_parent: str
    child: Child


def main() -> None:
    options = _options()
    sources = {genome.name: genome.source for genome in shipped()}
    tallies = {name: Tally() for name in options.operators}
    births = [birth for name in options.operators for birth in bear(name, sources, options, tallies[name])]
    requested = [*(birth.first_parent for birth in births), *(birth.child.source for birth in births)]
    marks = {id(birth): marked(birth.child) for birth in births if birth.operator == "crossover"}
    requested += [source for source in marks.values() if source is not None]
    trials = smoke(requested, options.jobs)
    for birth in births:
        if trials[birth.first_parent].outcome is not Outcome.FINISHED:
            tallies[birth.operator].children -= 1
            tallies[birth.operator].reasons["left out: the parent itself does not run"] += 1
            continue
        count(tallies[birth.operator], birth, trials, marks.get(id(birth)))
    report = "\n".join(table(tallies, options))
    print(report)
    if options.write:
        RESULTS.write_text(report + "\n", encoding="utf-8")


def bear(name: str, sources: dict[str, str], options: argparse.Namespace, tally: Tally) -> Iterable[Birth]:
    """Children of random seed programs, equal children once."""
    operator = OPERATORS[name]
    seen = set() if name == "prune" else {digest(source) for source in sources.values()}
    for index in range(options.children * 2):
        if tally.children == options.children:
            return
        rng = random.Random(f"{options.rng_seed}:{name}:{index}")
        parents = tuple(rng.sample(sorted(sources), operator.parents))
        texts = [sources[parent] for parent in parents]
        if name == "prune":  # it finds nothing in a seed program as it is
            texts = [overgrown(text, rng, BARNACLES) for text in texts]
        tally.attempts += 1
        try:
            child = operator.vary(texts, rng, ())
        except NoVariationError as error:
            tally.reasons[f"no variation: {str(error)[:110]}"] += 1
            continue
        known = digest(texts[0] if name == "prune" else child.source)
        if known in seen:
            tally.reasons["child was known"] += 1
            continue
        seen.add(known)
        tally.children += 1
        yield Birth(name, parents, texts[0], child)


def smoke(sources: Sequence[str], jobs: int) -> dict[str, Trial]:
    """Smoke trials by source text; equal texts once."""
    task = get_task("charlm")
    rung, waiting, found = task.rung("smoke"), {}, {}
    rung = replace(rung, limits=replace(rung.limits, wall_seconds=WALL_SECONDS))
    with Evaluator(task, jobs=jobs) as evaluator:
        for source in dict.fromkeys(sources):
            waiting[evaluator.submit(TrialRequest(digest(source), source, rung, RNG_SEED))] = source
        while len(found) < len(waiting):
            for ticket, trial in evaluator.wait():
                found[waiting[ticket]] = trial
                print(f"\r{len(found)} of {len(waiting)} trials", end="", file=sys.stderr, flush=True)
    return found


def count(tally: Tally, birth: Birth, trials: dict[str, Trial], mark: str | None) -> None:
    """Enter one child's trial into its operator's tally."""
    trial, before = trials[birth.child.source], trials[birth.first_parent]
    kind = kind_of(birth)
    tally.kinds[kind] += 1
    if trial.outcome is Outcome.FINISHED:
        tally.passed += 1
        same = trial.measures["trajectory"] == before.measures.get("trajectory")
        tally.changed += not same
        if same != (birth.operator == "prune"):
            tally.reasons[f"{'un' if same else ''}changed: {' x '.join(birth.parents)}: {birth.child.note[:120]}"] += 1
    else:
        tally.failed_kinds[kind] += 1
        what = f"{trial.outcome}: {trial.reason[:110]} | {' x '.join(birth.parents)}: {birth.child.note[:160]}"
        tally.reasons[what] += 1
    if mark is not None and trial.outcome is Outcome.FINISHED:
        tally.marked += 1
        ran = MARK in trials[mark].reason + trials[mark].stderr
        tally.ran += ran
        if not ran:
            tally.reasons[f"did not run: {' x '.join(birth.parents)}: {birth.child.note[:120]}"] += 1


def kind_of(birth: Birth) -> str:
    """What kind of thing was done, for the breakdown."""
    if birth.operator != "crossover":
        return birth.operator
    done = birth.child.note.removeprefix("from the second parent: the ")
    words = ("settings", "schedule", "init rules", "hook", "function", "class", "value")
    return next((word for word in words if done.startswith(word)), "optimizer")


def marked(child: Child) -> str | None:
    """The child with its transplanted code raising at once; None where values alone were moved."""
    tree = ast.parse(child.source)
    names = {name.strip().split(".")[-1] for name in child.component.split(",")}
    spots: list[ast.stmt] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name in names:
            spots += [part.body[0] for part in node.body if getattr(part, "name", "") == "step"]
        elif isinstance(node, ast.FunctionDef) and (node.name in names or f"new_{node.name}" in names):
            spots.append(node.body[0])
    if not spots:
        return None
    lines = child.source.split("\n")
    for spot in sorted(spots, key=lambda spot: spot.lineno, reverse=True):
        lines.insert(spot.lineno - 1, " " * spot.col_offset + f'raise RuntimeError("{MARK}")')
    return "\n".join(lines)


def table(tallies: dict[str, Tally], options: argparse.Namespace) -> Iterable[str]:
    """The report in Markdown."""
    yield "# Children of seed programs on the smoke rung\n"
    yield f"{datetime.date.today()}, {platform.machine()}, Python {platform.python_version()}; made by\n"
    yield f"    python -m benchmarks.operators {' '.join(sys.argv[1:])}\n"
    yield "Passed: the smoke trial finished. Changed: its trajectory differs from the first parent's, out of"
    yield "those that finished. Ran: with the transplanted code made to raise, the trial crashes with that error."
    yield f"Parents of prune are seed programs with {BARNACLES} useless parts grown into each."
    yield f"Wall-clock limit {WALL_SECONDS:.0f} s a trial, CPU limit as on the rung.\n"
    yield "| operator | attempts | children | passed | changed | transplanted code ran |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for name, tally in tallies.items():
        ran = share(tally.ran, tally.marked) if tally.marked else "-"
        passed, changed = share(tally.passed, tally.children), share(tally.changed, tally.passed)
        yield f"| {name} | {tally.attempts} | {tally.children} | {passed} | {changed} | {ran} |"
    for name, tally in tallies.items():
        if len(tally.kinds) > 1:
            yield f"\n{name}, children (failed) by what was moved: " + ", ".join(
                f"{kind} {number} ({tally.failed_kinds[kind]})" for kind, number in tally.kinds.most_common()
            )
    for name, tally in tallies.items():
        if tally.reasons:
            yield f"\n## {name}: what did not pass, change or vary\n"
            yield from (f"- {number} x {reason}" for reason, number in tally.reasons.most_common(options.reasons))


def share(part: int, whole: int) -> str:
    return f"{part}/{whole} = {100 * part / whole:.1f} %" if whole else "-"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--children", type=int, default=60, help="children of each operator")
    parser.add_argument("--operators", nargs="+", default=list(OPERATORS), choices=list(OPERATORS))
    parser.add_argument("--rng-seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="trials at once")
    parser.add_argument("--reasons", type=int, default=20, help="reasons listed for each operator")
    parser.add_argument("--no-write", dest="write", action="store_false", help="only print")
    return parser.parse_args()


if __name__ == "__main__":
    main()

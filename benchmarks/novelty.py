"""Is a refactoring recognised as what it was made from, and nothing else?

    python -m benchmarks.novelty --children 60 --jobs 2

Seed programs are rewritten without a change of meaning, which moves roundings (`benchmarks.rewrites`), and renamed; how
many are recognised before a proxy trial is paid? Against them stand children of operators that do change something: how
many of those would pass for a known program, and how far apart are the two on the proxy rung then? Writes
`benchmarks/results/novelty.md`.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from benchmarks.operators import RNG_SEED, smoke
from benchmarks.rewrites import REWRITES, rewritten
from evaluator.pool import Evaluator
from evaluator.records import Trial, TrialRequest
from evaluator.tasks import get_task
from evolve.genomes import shipped
from evolve.novelty import Behaviours, alike, behaviour
from evolve.operators import OPERATORS
from evolve.operators.base import NoVariationError
from population.form import form
from population.genome import digest
from tests.population.renaming import renamed

RESULT = Path(__file__).parent / "results" / "novelty.md"
CHAOTIC = ("shampoo", "soap", "soap_muon")
"""Seed programs that turn into bases of eigenvectors: roundings decide which."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--children", type=int, default=60, help="children of each operator")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    seeds = {genome.name: genome.source for genome in shipped()}
    rewrites = {
        (name, kind): text for name, source in seeds.items() for kind in REWRITES if (text := rewritten(source, kind))
    }
    children = {name: list(born(name, seeds, options.children)) for name in ("perturb", "ablate", "crossover")}
    texts = [*seeds.values(), *rewrites.values(), *(child for each in children.values() for _, child in each)]
    trials = smoke(texts, options.jobs)
    lines = [
        "# Is a refactoring recognised as what it was made from, and nothing else?",
        "",
        f"Date {datetime.date.today()}, {platform.machine()}; `python -m benchmarks.novelty "
        f"--children {options.children} --jobs {options.jobs}`.",
        "",
        *renamings(seeds),
        "",
        *refactorings(seeds, rewrites, trials),
        "",
        *changes(seeds, children, trials, options.jobs),
    ]
    RESULT.write_text("\n".join(lines) + "\n")
    print(RESULT.read_text())


def born(operator: str, seeds: Mapping[str, str], count: int) -> Iterable[tuple[str, str]]:
    """Children of random seed programs with their main parents' names, equal children once."""
    known = {form(source) for source in seeds.values()}
    for index in range(3 * count):
        rng = random.Random(f"{operator}:{index}")
        parents = rng.sample(sorted(seeds), OPERATORS[operator].parents)
        try:
            child = OPERATORS[operator].vary([seeds[parent] for parent in parents], rng, ())
        except NoVariationError:
            continue
        if form(child.source) not in known:
            known.add(form(child.source))
            yield parents[0], child.source
        if len(known) == len(seeds) + count:
            return


def renamings(seeds: Mapping[str, str]) -> list[str]:
    """Seed programs with other names have their forms."""
    forms = {name: form(source) for name, source in seeds.items()}
    others = {name: renamed(source, random.Random(name)) for name, source in seeds.items()}
    found = sum(form(other) == forms[name] for name, other in others.items())
    fresh = sum(digest(other) != digest(seeds[name]) for name, other in others.items())
    return [f"Seed programs with other names: {fresh} new digests, {found} of {len(seeds)} known by their form."]


def refactorings(
    seeds: Mapping[str, str], rewrites: Mapping[tuple[str, str], str], trials: Mapping[str, Trial]
) -> list[str]:
    """One line a kind of rewrite: how many are recognised, and how far off the others are."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for (name, kind), text in rewrites.items():
        one, other = (behaviour(trials[source].measures) for source in (seeds[name], text))
        if one is None or other is None:
            continue  # its first steps say nothing of the later ones
        row = counts[kind]
        exact = trials[text].measures["trajectory"] == trials[seeds[name]].measures["trajectory"]
        row[0] += 1
        row[1] += exact
        row[2] += alike(one, other)
        row[3] += name in CHAOTIC and not exact
    lines = [
        "Rewrites that mean the same. Chaotic: seed programs that amplify roundings without bound (eigenvectors), so",
        "that no tolerance can tell a rewrite from a change; they cost a trial.",
        "",
        "| rewrite | programs | bitwise equal | recognised | of these not bitwise | not recognised | chaotic |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    rows = [*sorted(counts.items()), ("all", [sum(row[i] for row in counts.values()) for i in range(4)])]
    for kind, (programs, exact, found, chaotic) in rows:
        missed = programs - found
        lines.append(f"| `{kind}` | {programs} | {exact} | {found} | {found - exact} | {missed} | {chaotic} |")
    return lines


def changes(
    seeds: Mapping[str, str], children: Mapping[str, Sequence[tuple[str, str]]], trials: Mapping[str, Trial], jobs: int
) -> list[str]:
    """One line an operator: children that would pass for a known program, and their proxy values beside its."""
    known = Behaviours()
    names = dict(enumerate(seeds))
    for place, name in names.items():
        known.add(place, trials[seeds[name]].measures)
    lines = [
        "Children that differ. Perturbed ones are never asked about (they differ in values alone, which is measured);",
        "they stand here to show what would happen.",
        "",
        "| operator | children with a behaviour | pass for a seed program | largest difference of their proxy values |",
        "| --- | ---: | ---: | ---: |",
    ]
    for operator, each in children.items():
        seen = [child for _, child in each if "sketch" in trials[child].measures]
        taken = {child: seeds[names[k]] for child in seen if (k := known.like(trials[child].measures)) is not None}
        values = proxy([*taken, *taken.values()], jobs)
        apart = [abs(values[child] - values[other]) for child, other in taken.items()]
        lines.append(f"| {operator} | {len(seen)} | {len(taken)} | {f'{max(apart):.1e}' if apart else '-'} |")
    return lines


def proxy(sources: Sequence[str], jobs: int) -> dict[str, float]:
    """Proxy values by source."""
    task = get_task("charlm")
    waiting, found = {}, {}
    with Evaluator(task, jobs=jobs) as evaluator:
        for source in dict.fromkeys(sources):
            request = TrialRequest(digest(source), source, task.rung("proxy"), RNG_SEED)
            waiting[evaluator.submit(request)] = source
        while len(found) < len(waiting):
            for ticket, trial in evaluator.wait():
                found[waiting[ticket]] = trial.value if trial.value is not None else float("nan")
    return found


if __name__ == "__main__":
    main()

"""How well smaller sizes of `nanogpt` rank recipes, against what they cost.

    python -m benchmarks.proxies run SHARDS ROWS [--seconds 400] [--steps 1000] [--at-once 6] [--device cuda:0]
    python -m benchmarks.proxies report ROWS...

The recipes are the seed programs Muon and NorMuon and graded changes of one constant of theirs; what is right about
them is told by the largest size, "reference" (that of the rung `confirm`). `run` takes one size after the other, trains
each recipe, first all by one rng_seed, then by the next, and appends a row to ROWS for each trial; those that are there
already are not run again, so that several short loans of a card make one study. All trials of a study have as many
steps, schedules over all of them. `report` prints, for each size and number of rng_seeds, card seconds a recipe,
Spearman's rank correlation with the reference over all recipes, and the share of pairs in the reference's order: of all
pairs, and of those in which both are within 0.02 nats of the reference's best; then how far optima and a structural
change move with the size, and by how much a size's order is behind the proxy's. Trials by the same rng_seed share
initial weights.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np

from evaluator.devices.found import gpus
from evaluator.pool import Evaluator
from evaluator.records import Rung, TrialRequest
from evaluator.tasks.nanogpt import CONFIRM, PROXY, NanoGPT, NanoGPTProblem, Size
from evaluator.tasks.shards import find_shards
from evolve.genomes import shipped

SIZES = {
    "reference": CONFIRM,
    "proxy": PROXY,
    "half batch": replace(PROXY, batch=16, microbatch=16),
    "quarter batch": replace(PROXY, batch=8, microbatch=8),
    "width 128": replace(PROXY, width=128, heads=1),
    "depth 2": replace(PROXY, depth=2),
}
NEAR = 0.02
"""Nats from the reference's best within which pairs are told apart for the last column."""
_SEEDS = ("muon", "normuon")
_CHANGES: tuple[tuple[str, str, float], ...] = (
    ("muon", "MUON_LR", 0.5),
    ("muon", "MUON_LR", 0.71),
    ("muon", "MUON_LR", 1.41),
    ("muon", "MUON_LR", 2.0),
    ("muon", "HEAD_LR", 0.5),
    ("muon", "EMBED_LR", 0.5),
    ("muon", "MUON_MOMENTUM", 1.29),
    ("muon", "MUON_WEIGHT_DECAY", 0.25),
    ("muon", "MUON_WEIGHT_DECAY", 0.5),
    ("muon", "MUON_WEIGHT_DECAY", 2.0),
    ("muon", "MUON_WEIGHT_DECAY", 4.0),
    ("normuon", "MUON_LR", 0.25),
    ("normuon", "MUON_LR", 0.5),
)


@dataclass(frozen=True)
class Sized(NanoGPT):
    """The task, with every rung but smoke at one of `SIZES`.

    Attributes:
        size: Which.
    """

    size: Size = PROXY

    def problem(self, rung: Rung) -> NanoGPTProblem:
        """The size, whatever the rung."""
        return replace(super().problem(rung), size=self.size)


def recipes() -> dict[str, str]:
    """Sources by name."""
    programs = {genome.name: genome.source for genome in shipped()}
    return {
        **{name: programs[name] for name in _SEEDS},
        **{
            f"{name}, {constant} x {factor:g}": changed(programs[name], constant, factor)
            for name, constant, factor in _CHANGES
        },
    }


def changed(source: str, constant: str, factor: float) -> str:
    """A source with one of its constants multiplied."""
    line = re.compile(rf"^{constant} = ([0-9.e+-]+)", re.MULTILINE)
    assert len(line.findall(source)) == 1, constant
    return line.sub(lambda found: f"{constant} = {float(found[1]) * factor:.6g}", source)


def run(options: argparse.Namespace) -> None:
    """Train what is missing, as far as the seconds go."""
    data = text_of(options.shards)
    done = {
        (row["size"], row["steps"], row["recipe"], row["rng_seed"])
        for row in read([options.rows])
        if row.get("data") == data
    }
    until = time.monotonic() + options.seconds
    for size in options.sizes:
        left = [
            (name, rng_seed)
            for rng_seed in range(options.rng_seeds)
            for name in recipes()
            if (size, options.steps, name, rng_seed) not in done
        ]
        if left and time.monotonic() < until:
            train(options, size, left, until)


def train(options: argparse.Namespace, size: str, left: Sequence[tuple[str, int]], until: float) -> None:
    """Trials of one size: recipes and their rng_seeds. What is under way when the time is up is not waited for."""
    data = text_of(options.shards)
    task = Sized(options.shards, steps=options.steps, size=SIZES[size])
    rung = replace(task.rung("proxy"), validate_every=options.steps)
    sources, at_once = recipes(), min(options.at_once, len(left))
    with Evaluator(task, at_once, devices=(options.device,)) as evaluator:
        for place in range(at_once):  # compile and record before the clock runs
            evaluator.submit(TrialRequest("", sources["muon"], task.rung("smoke"), place))
        warm = 0
        while warm < at_once:
            warm += len(evaluator.wait())
        began = time.monotonic()
        tickets = {
            evaluator.submit(TrialRequest(name, sources[name], rung, rng_seed)): (name, rng_seed)
            for name, rng_seed in left
        }
        rows, ended = [], began
        try:
            while tickets and time.monotonic() < until:
                for ticket, trial in evaluator.wait(max(0.1, until - time.monotonic())):
                    (name, rng_seed), ended = tickets.pop(ticket), time.monotonic()
                    row = {"data": data, "size": size, "steps": options.steps, "recipe": name}
                    row |= {"rng_seed": rng_seed, "value": trial.value, "outcome": str(trial.outcome)}
                    rows.append({**row, "reason": trial.reason[:200], "card": gpus()[0].model})
        finally:  # what a card was lent for is not lost with the trial that goes wrong
            # The card is shared by all, so a trial's own seconds say nothing of what it costs.
            cost = (ended - began) / max(1, len(rows))
            with open(options.rows, "a", encoding="utf-8") as file:
                for row in rows:
                    file.write(json.dumps({**row, "card_seconds": round(cost, 2), "at_once": at_once}) + "\n")
        print(f"{size}: {len(rows)} of {len(left)} trials, {cost:.1f} s each", flush=True)


def text_of(shards: Path) -> str:
    """Names the text that the shards hold."""
    return find_shards(shards).digest()[:8]


def read(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """All rows."""
    return [json.loads(line) for path in paths if path.exists() for line in path.read_text().splitlines()]


Values = Mapping[str, Mapping[int, float]]
"""By recipe and rng_seed."""


def report(paths: Sequence[Path]) -> None:
    """Print the tables, for each text apart; rows of a first study do not say which it was."""
    by_text = defaultdict(list)
    for row in read(paths):
        by_text[row.get("data", "not recorded")].append(row)
    for text, rows in by_text.items():
        print(f"text {text}\n")
        report_on(rows)
        print()


def report_on(rows: Sequence[Mapping[str, Any]]) -> None:
    """The tables of one text."""
    values: dict[str, dict[str, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
    costs: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        costs[row["size"]].append(row["card_seconds"])
        if row["value"] is not None:
            values[row["size"]][row["recipe"]][row["rng_seed"]] = row["value"]
    truth = {name: fmean(by_seed.values()) for name, by_seed in values["reference"].items()}
    print("| recipe | " + " | ".join(values) + " |")
    print("| --- |" + " ---: |" * len(values))
    for name in sorted(truth, key=truth.__getitem__):
        cells = (spread(values[size].get(name, {})) for size in values)
        print(f"| {name} | " + " | ".join(cells) + " |")
    print(
        "\n| size | recipes | rng_seeds | card seconds a recipe | Spearman | pairs in order | of those near the best |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for size, found in values.items():
        names = [name for name in truth if name in found]
        for count, scores in by_count(found, names, None if size == "reference" else truth).items():
            cost = f"{count * fmean(costs[size]):.0f}"
            print(f"| {size} | {len(names)} | {count} | {cost} | " + " | ".join(scores) + " |")
    whole = {size: found for size, found in values.items() if {*_factors("muon"), *_factors("normuon")} <= set(found)}
    if not whole:
        return
    print(
        "\n| size | best rate, times Muon's | best decay | NorMuon behind, tuned | as it is | pairs lost on the proxy |"
    )
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for size, found in whole.items():
        behind = "-" if size in ("reference", "proxy") else lost(truth, values["proxy"], found)
        best = (optimum(found, _factors("muon", constant)) for constant in ("MUON_LR", "MUON_WEIGHT_DECAY"))
        cells = (*best, tuned_gap(found), gap(found, "normuon", "muon"), behind)
        print(f"| {size} | " + " | ".join(cells) + " |")


def spread(by_seed: Mapping[int, float]) -> str:
    """Mean and standard deviation over rng_seeds."""
    if not by_seed:
        return "-"
    found = list(by_seed.values())
    return f"{fmean(found):.4f}" + (f" ± {stdev(found):.4f}" if len(found) > 1 else "")


def optimum(found: Values, factors: Mapping[str, float]) -> str:
    """Where a parabola through losses over the logarithm of a constant is lowest: mean and spread of rng_seeds.

    A dash where a recipe is missing, or a parabola has no lowest point.
    """
    if not set(factors) <= set(found):
        return "-"
    lowest = []
    for rng_seed in _shared(found, factors):
        losses = [found[name][rng_seed] for name in factors]
        curve = np.polyfit([math.log2(factor) for factor in factors.values()], losses, 2)
        if curve[0] <= 0:
            return "-"
        lowest.append(2 ** (-curve[1] / (2 * curve[0])))
    if not lowest:
        return "-"
    return f"{fmean(lowest):.2f}" + (f" ± {stdev(lowest):.2f}" if len(lowest) > 1 else "")


def tuned_gap(found: Values) -> str:
    """How far NorMuon at its best rate is behind Muon at its own, where both rates are the best of means."""
    best = {name: min(_factors(name), key=lambda recipe: fmean(found[recipe].values())) for name in _SEEDS}
    return gap(found, best["normuon"], best["muon"])


def gap(found: Values, one: str, other: str) -> str:
    """Mean difference of two recipes, and its spread over rng_seeds."""
    return spread({seed: found[one][seed] - found[other][seed] for seed in _shared(found, (one, other))})


def lost(truth: Mapping[str, float], proxy: Values, found: Values) -> str:
    """Share of pairs that the proxy puts in order less a size's share, with 90 % of draws of the recipes."""
    names = [name for name in truth if proxy.get(name) and found.get(name)]
    if len(names) < 3:
        return "-"
    right = [[truth[name] for name in names]]
    right += [[fmean(values[name].values()) for name in names] for values in (proxy, found)]
    differences = []
    random = np.random.default_rng(0)
    for chosen in [range(len(names)), *random.integers(len(names), size=(2000, len(names)))]:
        pairs = [(a, b) for a, b in combinations(chosen, 2) if a != b]
        differences.append(in_order(right[0], right[1], pairs) - in_order(right[0], right[2], pairs))
    low, high = np.quantile(differences[1:], (0.05, 0.95))
    return f"{differences[0]:.2f} [{low:.2f}, {high:.2f}]"


def _factors(name: str, constant: str = "MUON_LR") -> dict[str, float]:
    """Recipes of a seed program that differ in one constant alone, and the factors."""
    return {name: 1.0} | {f"{on}, {what} x {by:g}": by for on, what, by in _CHANGES if (on, what) == (name, constant)}


def _shared(found: Values, names: Iterable[str]) -> list[int]:
    """rng_seeds that all of these were run by."""
    each = [set(found[name]) for name in names]
    return sorted(set.intersection(*each)) if each else []


def by_count(found: Values, names: Sequence[str], truth: Mapping[str, float] | None) -> dict[int, list[str]]:
    """Scores of a size by number of rng_seeds: mean of all choices of that many, and their range.

    Args:
        found: Values of the size.
        names: The recipes that are ranked.
        truth: What is right; None for what other rng_seeds of the same size say, where each recipe has some.
    """
    seeds, scores = _shared(found, names), {}
    for count in range(1, len(seeds) + 1):
        each = []
        for chosen in combinations(seeds, count):
            others = {name: [value for seed, value in found[name].items() if seed not in chosen] for name in names}
            if truth is not None or all(others.values()):
                right = [truth[name] if truth is not None else fmean(others[name]) for name in names]
                each.append(agreement(right, [fmean(found[name][seed] for seed in chosen) for name in names]))
        if each:
            scores[count] = [spanned(column) for column in zip(*each, strict=True)]
    return scores


def spanned(scores: Sequence[float]) -> str:
    """Mean and range."""
    return f"{fmean(scores):.2f}" + (f" ({min(scores):.2f}-{max(scores):.2f})" if len(scores) > 1 else "")


def agreement(truth: Sequence[float], guess: Sequence[float]) -> tuple[float, float, float]:
    """Spearman's correlation, share of pairs in order, and of pairs near the truth's best."""
    pairs = list(combinations(range(len(truth)), 2))
    near = [pair for pair in pairs if max(truth[place] for place in pair) <= min(truth) + NEAR]
    return spearman(truth, guess), in_order(truth, guess, pairs), in_order(truth, guess, near)


def in_order(truth: Sequence[float], guess: Sequence[float], pairs: Sequence[tuple[int, int]]) -> float:
    """Share of pairs that a guess puts as the truth has them; not a number without pairs."""
    right = [(truth[a] - truth[b]) * (guess[a] - guess[b]) > 0 for a, b in pairs]
    return fmean(right) if right else float("nan")


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Rank correlation of two lists without ties."""
    ranks = [{value: rank for rank, value in enumerate(sorted(values))} for values in (one, other)]
    distance = sum((ranks[0][a] - ranks[1][b]) ** 2 for a, b in zip(one, other, strict=True))
    return 1 - 6 * distance / (len(one) * (len(one) ** 2 - 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run")
    running.add_argument("shards", type=Path)
    running.add_argument("rows", type=Path)
    running.add_argument("--seconds", type=float, default=400)
    running.add_argument("--steps", type=int, default=1000)
    running.add_argument("--rng-seeds", type=int, default=3)
    running.add_argument("--at-once", type=int, default=6)
    running.add_argument("--device", default="cuda:0")
    running.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    reporting = commands.add_parser("report")
    reporting.add_argument("rows", type=Path, nargs="+")
    options = parser.parse_args()
    if options.command == "run":
        run(options)
    else:
        report(options.rows)


if __name__ == "__main__":
    # Trainers look the task up by its module's name, which is not that of the program that was started.
    from benchmarks import proxies

    proxies.main()

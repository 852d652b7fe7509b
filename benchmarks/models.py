"""What a run with language models came to: how its replies were used, what they cost, what won and why.

evolve start --islands 4 --model NAME --budget-births 40 --run RUN
evolve start --islands 4 --budget-trials TRIALS --run PLAIN        # as many trials, without a model
evolve promote ID --run RUN                                        # each run's best program
evolve start --replay RUN --run AGAIN
python -m benchmarks.models RUN [--beside PLAIN] [--replayed AGAIN] > benchmarks/results/models.md
"""

from __future__ import annotations

import argparse
import datetime
import statistics
from dataclasses import replace
from pathlib import Path

from evolve.operators import ASKING
from evolve.overview import SEARCHED, overview
from evolve.promotion import lines
from evolve.views.numbers import interval, value
from population.store import Store


def percent(part: int, whole: int) -> str:
    """Count and share: "19 of 20 (95 %)"."""
    return f"{part} of {whole} ({100 * part / whole:.0f} %)" if whole else "none"


def replies(store: Store) -> list[tuple[str, str]]:
    """What became of the questions."""
    found = list(store.replies())
    attempts = [event.data for event in store.events("attempt") if event.data["operator"] in ASKING]
    born = [row for row in store.programs() if row.operator in ASKING]
    smoke = {row.program: row.outcome for row in store.trials() if row.rung == "smoke"}
    tried = [row for row in born if row.id in smoke]
    latencies = [row.seconds for row in found if row.outcome == "answered"]
    return [
        ("calls", str(len(list(store.calls())))),
        ("answered", percent(sum(row.outcome == "answered" for row in found), len(found))),
        ("attempts that gave a new program", percent(len(born), len(attempts))),
        ("of these passing the smoke rung", percent(sum(smoke[r.id] == "finished" for r in tried), len(tried))),
        ("latency, median", f"{statistics.median(latencies):.0f} s" if latencies else "-"),
        ("tokens as providers counted", f"{sum(row.prompt_tokens + row.completion_tokens for row in found):,}"),
        ("US dollars", f"{sum(row.usd or 0.0 for row in found):.4f}"),
    ]


def outcome(store: Store) -> list[tuple[str, str]]:
    """What the run found."""
    now = overview(store)
    told = [("births", str(now.births)), ("trials", str(now.trials))]
    for name, standing in (("best", now.best), ("best seed program", now.best_seed)):
        if standing is not None:
            at = standing.estimate
            who = f"#{standing.id} {standing.name or standing.operator}"
            told.append((name, f"{who}, {value(at.mean)} [{interval(at.low, at.high)}] ({at.rung}, n={at.n})"))
    for line in lines(store):
        if line.gain is None or line.low is None or line.high is None:
            continue
        p = f"p = {line.p_adjusted:.2g}" if line.p_adjusted is not None else "no p-value yet"
        told.append(
            (
                f"#{line.program} promoted, against #{line.against}",
                f"{line.gain:+.4f} [{line.low:+.4f}, {line.high:+.4f}], {p}, {line.verdict}",
            )
        )
    return told


def table(rows: list[tuple[str, str]]) -> list[str]:
    """Markdown."""
    return ["| | |", "| --- | --- |", *(f"| {name} | {text} |" for name, text in rows), ""]


def repeated(run: Path, again: Path) -> list[tuple[str, str]]:
    """How many rows of a replay are those of the run, times aside."""
    told = []
    with Store.open(run / "population.db") as one, Store.open(again / "population.db") as other:
        for name, rows in (("programs", programs), ("calls with their replies", talks), ("trials", trials)):
            first, second = rows(one), rows(other)
            same = sum(a == b for a, b in zip(first, second, strict=False))
            told.append((f"{name} alike", f"{same} of {len(first)} (the replay has {len(second)})"))
    return told


def programs(store: Store) -> list[object]:
    """All that programs are, their texts to the byte."""
    return [replace(row, elapsed=0.0, seq=0) for row in store.programs()]


def talks(store: Store) -> list[object]:
    """Prompts, replies and costs."""
    calls = [replace(row, elapsed=0.0, seq=0, seen=0) for row in store.calls()]
    replies = {row.call: replace(row, elapsed=0.0, seq=0, seconds=0.0) for row in store.replies()}
    return [(call, replies[call.id]) for call in calls]


def trials(store: Store) -> list[object]:
    """Values of the search's trials."""
    return [
        (row.program, row.rung, row.rng_seed, row.outcome, row.value, row.measures)
        for row in store.trials()
        if row.rung in SEARCHED
    ]


def page(run: Path, beside: Path | None, replayed: Path | None = None) -> str:
    """Everything, as Markdown."""
    told = ["# A run with a language model", "", f"Date {datetime.date.today()}; `python -m benchmarks.models`.", ""]
    with Store.open(run / "population.db") as store:
        told += table(replies(store) + outcome(store))
        now = overview(store)
        told += ["| operator | births | improved | sum of gains |", "| --- | ---: | ---: | ---: |"]
        told += [f"| {arm.operator} | {arm.births} | {arm.improved} | {arm.gain:.4f} |" for arm in now.arms]
        told += [
            "",
            "Gains are posterior means on the proxy rung, nats/token. How the promoted programs came about:",
            "",
        ]
        for program in dict.fromkeys(line.program for line in lines(store)):
            path = [store.program(id) for id in (*store.ancestors(program), program)]
            told += [f"- #{row.id} {row.operator} from {list(row.parents)}: {row.note or row.name}" for row in path]
    if beside is not None:
        told += ["", "## Without a model, at as many trials", ""]
        with Store.open(beside / "population.db") as store:
            told += table(outcome(store))
    if replayed is not None:
        told += ["", "## Replayed without a model", "", *table(repeated(run, replayed))]
    return "\n".join(told)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--beside", type=Path)
    parser.add_argument("--replayed", type=Path)
    arguments = parser.parse_args()
    print(page(arguments.run, arguments.beside, arguments.replayed))


if __name__ == "__main__":
    main()

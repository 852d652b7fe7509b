"""Does `evolve prune` find barnacles, and nothing else? Planted by program on the seed programs.

    python -m benchmarks.barnacles --jobs 2

Proven ones: every kind alone on every seed program, and eight at once; removed if the genome that comes back is
the one without them, and checked by training both: losses and a digest of all weights must be equal to the last bit.
Tested ones: six on each seed program; a pruning at a stated margin with real trials on a small charlm, then the result
against the original, and every removed part alone, on other rng_seeds. Levels: the same procedure where the truth is
known. Writes `benchmarks/results/barnacles.md`.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from benchmarks.barnacles_levels import simulate
from benchmarks.barnacles_levels import table as levels_table
from benchmarks.barnacles_tested import TESTED, planted
from evaluator.pool import Evaluator
from evaluator.records import TrialRequest
from evaluator.tasks.charlm import CharLM
from evolve.budget import Budget
from evolve.genomes import shipped
from evolve.pruning.carry import enter_proof, tested
from evolve.pruning.parts import parts
from evolve.pruning.plan import LEVEL, plan_for
from evolve.pruning.proof import Check, check_rungs, prove
from evolve.pruning.purse import Purse
from evolve.pruning.records import REMOVED
from population.genome import digest
from population.noninferiority import Scatter, Worth, worth
from population.rows import ProgramRow
from population.store import Store
from tests.evolve.operators.barnacles import PROVEN

RESULTS = Path(__file__).parent / "results" / "barnacles.md"
SMALL = CharLM(width=32, context=32, batch=8, held_out_sequences=128, proxy_steps=60)
MARGIN = 0.02
AT_ONCE = 8
FEW = ("adamw", "lion", "sgd_nesterov", "ademamix")
"""Seed programs for real trials: a pruning takes three minutes or more on two slow cores."""
JUDGES = range(20_000, 20_016)
"""Rng_seeds that judge the outcome; no pruning has seen them."""


@dataclass
class Pruned:
    """One tested pruning and what became of it on other rng_seeds.

    Attributes:
        name: Seed program.
        kinds: Barnacles that were planted.
        found: Those that are gone.
        parts: Parts that were tested.
        removed: Parts that are gone.
        trials: Trials paid.
        power: Stated power of the last confirmation; None without one.
        cost: Loss of the result minus the original's.
        useful: Removed parts, barnacles aside, that alone are worth more than the margin beyond doubt.
        seconds: Wall-clock time.
    """

    name: str
    kinds: list[str]
    found: list[str]
    parts: int
    removed: int
    trials: int
    power: float | None
    cost: Worth
    useful: int
    seconds: float


def main() -> None:
    options = _options()
    began = time.monotonic()
    lines = ["# Barnacles that `evolve prune` finds\n", f"Date {options.date}, two shared cores; made by\n"]
    lines += [f"    python -m benchmarks.barnacles {' '.join(sys.argv[1:])}\n"]
    lines += [*proven(options.jobs), ""]
    lines += ["## Tested, where the truth is known\n", *levels_table(simulate(options.replicates)), ""]
    lines += list(tested_table([one for name in options.programs for one in prune_for_real(name, options.jobs)]))
    lines += ["", f"All in all {(time.monotonic() - began) / 60:.0f} minutes."]
    report = "\n".join(lines)
    print(report)
    if options.write:
        RESULTS.write_text(report + "\n", encoding="utf-8")


# Proven


def proven(jobs: int) -> Iterator[str]:
    """Every kind on every seed program, alone and several at once."""
    asked, gone, equal, other = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    crowds, whole = 0, 0
    rungs = check_rungs(SMALL)
    with Evaluator(SMALL, jobs) as evaluator:
        short, full = Check(evaluator, rungs[:1]), Check(evaluator, rungs)
        for genome in shipped():
            clean = prove(genome.source, full).source
            for kind, grown in grown_alone(genome.source):
                found = prove(grown, short)
                asked[kind] += 1
                gone[kind] += digest(found.source) == digest(clean)
                equal[kind] += short(grown, found.source)
                other[kind] += bool(found.left_out)
            crowd = grown_together(genome.source, genome.name)
            found = prove(crowd, full)
            crowds += digest(found.source) == digest(clean)
            whole += full(crowd, found.source) and full(crowd, clean)
            _tell(f"proven: {genome.name}")
    total, programs = asked.total(), len(shipped())
    yield "## Proven\n"
    yield f"{total} barnacles of {len(asked)} kinds, each alone on one of {programs} seed programs: {gone.total()}"
    yield "gone, the rest of the genome as it was (equal digest to the seed program, itself pruned). Trained before and"
    yield f"after, {rungs[0].train_steps} steps: {equal.total()} of {total} equal in every loss and in the digest of"
    yield f"all weights. {AT_ONCE} at once: {crowds} of {programs} genomes come back, {whole} with equal losses and"
    yield f"weights over {rungs[1].train_steps} steps as well. Removals that the check had to leave out:"
    yield f"{other.total()}.\n"
    yield "| kind | planted | gone | bitwise equal |"
    yield "| --- | ---: | ---: | ---: |"
    for kind in asked:
        yield f"| {kind.replace('_', ' ')} | {asked[kind]} | {gone[kind]} | {equal[kind]} |"


def grown_alone(source: str) -> Iterator[tuple[str, str]]:
    """The genome with one barnacle, for each kind that finds a place on it."""
    for kind, plant in PROVEN.items():
        asks = kind == "unread_state" and "if self.state[p]]" in source  # whatever fills a state may matter there
        grown = source if asks else plant(source, 7)
        if grown != source:
            yield kind, grown


def grown_together(source: str, name: str) -> str:
    """The genome with several barnacles of different kinds, drawn by its name."""
    kinds = random.Random(name).sample(sorted(PROVEN), AT_ONCE)
    kinds.sort(key=lambda kind: kind == "single_turn")  # it moves the line that others hold on to
    for n, kind in enumerate(kinds):
        if not (kind == "unread_state" and "if self.state[p]]" in source):
            source = PROVEN[kind](source, n)
    return source


# Tested


def prune_for_real(name: str, jobs: int) -> Iterator[Pruned]:
    """Plant, prune with trials, judge on other rng_seeds."""
    began = time.monotonic()
    genome = next(genome for genome in shipped() if genome.name == name)
    source, kinds = planted(genome.source)
    rung = SMALL.rung("proxy")
    with (
        tempfile.TemporaryDirectory() as folder,
        Evaluator(SMALL, jobs) as evaluator,
        Store.create(Path(folder) / "population.db", {}) as store,
    ):
        store.append_program(ProgramRow(1, digest(source), source, "add", 0, None, name=name, seq=1))
        proof = enter_proof(store, 1, prove(source, Check(evaluator, check_rungs(SMALL))))
        plan = plan_for(store, 1, proof["result"], MARGIN, "proxy", evaluator.fingerprint(rung))
        report = tested(store, plan, rung, evaluator, Purse(Budget(), jobs), lambda *_: None)
        base, result = store.program(plan.base).source, store.program(report["result"]).source
        sources = {part.name: part.source for part in parts(base)}
        removed = [part["name"] for part in report["parts"] if part["fate"] == REMOVED]
        marks = [TESTED[kind][1] for kind in kinds]
        own = [part for part in removed if all(mark in sources[part] for mark in marks)]
        judged = measured(evaluator, [base, source, result, *(sources[part] for part in own)])
    alone = [judge(judged, sources[part], base) for part in own]
    last = report["confirmations"][-1] if report["confirmations"] else None
    yield Pruned(
        name,
        kinds,
        [kind for kind in kinds if TESTED[kind][1] not in result],
        len(report["parts"]),
        report["removed"],
        report["trials"],
        last["power"] if last is not None else None,
        judge(judged, result, source),
        sum(found.low is not None and found.low > MARGIN for found in alone),
        time.monotonic() - began,
    )
    _tell(f"tested: {name}")


def measured(evaluator: Evaluator, sources: Iterable[str]) -> dict[tuple[str, int], float | None]:
    """Values of genomes on the judging rng_seeds."""
    rung, waiting, found = SMALL.rung("proxy"), {}, {}
    for key, source in {digest(source): source for source in sources}.items():
        for rng_seed in JUDGES:
            waiting[evaluator.submit(TrialRequest(key, source, rung, rng_seed))] = (key, rng_seed)
    while waiting:
        for ticket, trial in evaluator.wait():
            found[waiting.pop(ticket)] = trial.value
    return found


def judge(values: dict[tuple[str, int], float | None], one: str, other: str) -> Worth:
    """The cost of one genome over another, with a 95 % t interval."""
    pairs = [(values[digest(one), seed], values[digest(other), seed]) for seed in JUDGES]
    return worth([a - b for a, b in pairs if a is not None and b is not None], Scatter(), 0.025)


def tested_table(found: list[Pruned]) -> Iterator[str]:
    """The real prunings in Markdown."""
    planted_, gone = Counter[str](), Counter[str]()
    for one in found:
        planted_.update(one.kinds)
        gone.update(one.found)
    within = sum(one.cost.mean < MARGIN for one in found)
    beyond = sum(one.cost.low is not None and one.cost.low > MARGIN for one in found)
    yield "## Tested, with real trials\n"
    yield f"charlm of width {SMALL.width}, {SMALL.proxy_steps} steps; margin {MARGIN} nats, level {LEVEL:g}. Up to six"
    yield "barnacles on each seed program that only a test can find. Judged afterwards on"
    yield f"{len(JUDGES)} rng_seeds that no pruning has seen: the result against the original (cost, 95 % t interval),"
    yield "and each removed part that is no barnacle alone against the whole (useful: its interval lies beyond the"
    yield "margin).\n"
    yield f"- Barnacles gone: {gone.total()} of {planted_.total()}."
    yield f"- Results whose cost is below the margin: {within} of {len(found)}; beyond it by their interval: {beyond}."
    yield f"- Useful parts removed: {sum(one.useful for one in found)}, of {sum(one.removed for one in found)} removed."
    yield f"- Mean cost of a pruned program: {fmean(one.cost.mean for one in found):+.4f} nats.\n"
    heads = "seed program|parts|barnacles gone|removed in all|useful removed|stated power|cost, nats|trials|s"
    yield f"| {heads.replace('|', ' | ')} |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: |"
    for one in found:
        power = "-" if one.power is None else f"{one.power:.2f}"
        cost = f"{one.cost.mean:+.4f} [{one.cost.low:+.4f}, {one.cost.high:+.4f}]"
        yield (
            f"| {one.name} | {one.parts} | {len(one.found)}/{len(one.kinds)} | {one.removed} | {one.useful} | "
            f"{power} | {cost} | {one.trials} | {one.seconds:.0f} |"
        )
    yield "\n| barnacle | planted | gone |"
    yield "| --- | ---: | ---: |"
    for kind in TESTED:
        yield f"| {kind} | {planted_[kind]} | {gone[kind]} |"


def _tell(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [genome.name for genome in shipped()]
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--replicates", type=int, default=1000, help="Simulated prunings.")
    parser.add_argument("--programs", nargs="*", default=FEW, choices=names, help="Seed programs for real trials.")
    parser.add_argument("--date", default=time.strftime("%Y-%m-%d"))
    parser.add_argument("--no-write", dest="write", action="store_false")
    return parser.parse_args()


if __name__ == "__main__":
    main()

"""README of a submission: method, lineage, ablations, curves, statistics. Pure; tells only what was measured."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence

from evolve.exporting.results import judged, notes
from evolve.exporting.submission import Submission
from evolve.promoting.outcome import Promoted
from evolve.verdict.rule import EARLIER, Evidence, Rule, evidence
from evolve.views import numbers
from evolve.views.promoted import outcome_line
from population.hyperparameters import spelled
from population.usage import effective

LAST_STEPS = 12
"""Validated steps of the table of means."""


def readme(found: Submission, script: str, spliced_into: str) -> str:
    """The text.

    Args:
        found: The submission.
        script: Name of the script's file.
        spliced_into: What the script was made of, "" for our own.
    """
    parts = [*_head(found), *_method(found), *_lineage(found), *_ablation(found), *_statistics(found)]
    return "\n".join([*parts, *_redo(found, script, spliced_into)]) + "\n"


def _head(found: Submission) -> Iterator[str]:
    yield f"# {_text(found.name)}"
    yield ""
    yield _text(notes(found))
    if found.promoted is not None:
        yield ""
        yield _text(outcome_line(found.promoted))
        yield ""
        yield "![validation curves](curves.svg)"


def _method(found: Submission) -> Iterator[str]:
    yield from ("", "## Method", "")
    tree = ast.parse(found.program.source)
    yield _text(ast.get_docstring(tree) or "The genome has no docstring; its source is in the script.")
    yield ""
    for node in tree.body:
        told = ast.get_docstring(node) if isinstance(node, ast.ClassDef | ast.FunctionDef) else None
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and told and node.name != "recipe":
            yield f"- `{node.name}`: {_text(' '.join(told.partition('Args:')[0].split()))}"
    yield from ("", "Hyperparameters:", "")
    yield from _table(("name", "value"), [(f"`{p.name}`", spelled(p.value)) for p in effective(found.program.source)])


def _lineage(found: Submission) -> Iterator[str]:
    yield from ("", "## Lineage", "")
    yield f"The main line in the run {_text(found.run)}, youngest first."
    yield ""
    rows = [
        (f"#{row.id}", f"`{row.digest[:8]}`", row.operator, _text(row.note or row.name), _text(row.hypothesis))
        for row in found.ancestors
    ]
    yield from _table(("program", "digest", "made by", "change", "hypothesis of its author"), rows)


def _ablation(found: Submission) -> Iterator[str]:
    report = found.ablation
    if report is None:
        return
    parts = [part for part in report["parts"] if part["worth"] is not None]
    yield from ("", "## Ablations", "")
    yield (
        f"Parts of program #{report['base']} taken out one at a time on the {report['rung']} rung of the run's task, "
        "on paired rng_seeds: loss without the part minus loss with it, so that a positive worth means that it helps. "
        f"Each end of an interval is wrong with probability {report['level']:g} at most."
    )
    yield ""
    rows = [
        (
            part["kind"],
            _text(part["note"]),
            numbers.signed(part["worth"]),
            numbers.interval(part["low"], part["high"]),
            str(part["n"]),
            part["fate"],
        )
        for part in parts
    ]
    yield from _table(("kind", "part", "worth", "interval", "rng_seeds", "fate"), rows)


def _statistics(found: Submission) -> Iterator[str]:
    promoted = found.promoted
    yield from ("", "## Statistics", "")
    if promoted is None:
        yield f"None: this program was not promoted on {found.task}. `evolve promote {found.program.id}` does that."
        return
    yield from _plan(promoted)
    yield from _rules(promoted)
    yield from ("", "Means over all runs, at the last validated steps:", "")
    yield from _table(("step", "mean", "sd", "(target - mean) sqrt(n)", "rule"), list(_means(promoted)))
    claim, last = judged(found) or 0, promoted.terms.plan.train_steps
    steps = sorted({claim, last})
    yield from ("", "Every run, failed ones too:", "")
    rows = [
        (
            str(row.rng_seed),
            row.outcome,
            *(_loss(dict(row.curve).get(step) if row.value is not None else None) for step in steps),
            numbers.duration(row.wall_seconds),
            _text(row.reason),
        )
        for row in promoted.runs
    ]
    yield from _table(("rng_seed", "outcome", *(f"loss at {step}" for step in steps), "time", "reason"), rows)


def _plan(promoted: Promoted) -> Iterator[str]:
    plan, decision = promoted.terms.plan, promoted.decision
    test = "t with the estimated sd" if plan.sd == "estimated" else f"z with the sd {plan.rule.sigma:g}"
    value = "no value" if decision.value is None else f"{decision.value:.3f}"
    critical = "-" if decision.critical is None else f"{decision.critical:.3f}"
    yield (
        f"The plan was frozen at {promoted.terms.frozen}, before the first run (`plan.json`): rng_seeds "
        f"{promoted.terms.rng_seeds[0]} to {promoted.terms.rng_seeds[-1]}, looks after "
        f"{', '.join(map(str, plan.looks))} runs, level {plan.level:g} over all looks together, {plan.spending} "
        f"spending. Its statistic, {test}, is {value} after {decision.n} runs and had to reach {critical}. Validated "
        "steps are tested from the last one back, and one counts only if every later one passes."
    )
    if promoted.terms.retuned is not None:
        tuned = promoted.terms.retuned
        yield (
            f"\nBefore that, {tuned['words']} were tuned on rng_seeds {', '.join(map(str, tuned['rng_seeds']))} and "
            f"the {tuned['split']} split, which the promotion does not use: {len(tuned['tried'])} settings were tried."
        )


def _rules(promoted: Promoted) -> Iterator[str]:
    here, rule = promoted.verdict.evidence, promoted.terms.plan.rule
    if here is None or not here.n:
        return
    yield from ("", f"The same runs at step {promoted.verdict.steps}, as if their number had been fixed:", "")
    rows = [
        ("the rule, sd fixed", f"{rule.margin:g}", f"{here.statistic:.5f}", numbers.p_value(here.p), _holds(here, rule))
    ]
    earlier = EARLIER if rule.target == EARLIER.target else None
    if earlier is not None:
        other = evidence(promoted.verdict.group.losses(promoted.verdict.steps or 0), earlier)
        held = _holds(other, earlier)
        row = ("the earlier rule", f"{earlier.margin:g}", f"{other.statistic:.5f}", numbers.p_value(other.p), held)
        rows.append(row)
    t = "-" if here.t is None else f"{here.t:.3f}"
    rows.append((f"t test, sd {_loss(here.sd)}", "-", t, numbers.p_value(here.p_t), "-"))
    yield from _table(("test", "must reach", "statistic", "p", "holds"), rows)


def _holds(here: Evidence, rule: Rule) -> str:
    return "yes" if here.holds(rule) else "no"


def _means(promoted: Promoted) -> Iterator[tuple[str, ...]]:
    group, rule = promoted.verdict.group, promoted.terms.plan.rule
    for step in group.grid()[-LAST_STEPS:]:
        here = evidence(group.losses(step), rule)
        yield str(step), _loss(here.mean), _loss(here.sd), f"{here.statistic:.5f}", _holds(here, rule)


def _redo(found: Submission, script: str, spliced_into: str) -> Iterator[str]:
    yield from ("", "## Check it", "")
    made = f"It is {spliced_into}, with two sections replaced." if spliced_into else "It is complete in one file."
    yield f"`{script}` holds all code and all numbers. {made}"
    yield ""
    yield "```bash"
    yield f"torchrun --nproc_per_node=8 {script}      # or: python {script}, on one card"
    if found.promoted is not None:
        yield "evolve verdict .                                     # judges the logs"
    yield f"evolve import {script} -o genome.py"
    yield "```"
    yield ""
    yield (
        "The runs were trained by evolve's own harness, which keeps the optimizer in a process that sees neither "
        "tokens nor losses; each log begins with this script, whose sections `Optimizer` and `Init & Optim "
        "Hyperparams` hold the same genome. On a processor our own script gives the same losses to the last bit; on "
        "cards compiled kernels round differently."
        if found.promoted is not None
        else "The section `Optimizer` and the section `Init & Optim Hyperparams` hold the genome."
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(' '.join(cell.split()).replace('|', '&#124;') for cell in row)} |"


def _text(text: str) -> str:
    """Text from genomes and their authors: no markup of theirs but links."""
    return re.sub(r"<(?!https?://[^\s<>]+>)", "&lt;", text)


def _loss(value: float | None) -> str:
    return numbers.NOTHING if value is None or value != value else f"{value:.5f}"

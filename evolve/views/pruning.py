"""What `evolve prune` shows: removals that change nothing, every part with its worth, and the confirmation.

Reports in, grids out; must not know where they are stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evolve.pruning.records import FAILS, FATES, NEEDED, REMOVED
from evolve.views import numbers
from evolve.views.grid import Column, Grid

_STYLES = {REMOVED: "green", NEEDED: "", FAILS: ""}
_LONGEST, _PIECES = 64, 3
_WORDS = {
    "fold": "decided by constants",
    "idle": "does nothing",
    "neutral": "arithmetic that changes nothing",
    "neutral_literals": "arithmetic that changes nothing",
    "inlined": "trivial wrapper",
    "empty_hooks": "empty hook",
    "unused": "unused",
}


def proof_grid(proof: Mapping[str, Any]) -> Grid:
    """The removals of proven pruning, those that failed the check at the end."""
    rows = [_step(step, "removed") for step in proof["steps"]]
    rows += [_step(step, "left out: it changed the training") for step in proof["left_out"]]
    program, result = proof["program"], proof["result"]
    same = "nothing in it provably changes nothing" if program == result else f"kept as #{result}"
    columns = (Column("why"), Column("what", flexible=True), Column("fate"))
    note = "checked: losses and weights are equal to the last bit" if rows else ""
    return Grid(columns, tuple(rows), title=f"#{program}, proven: {same}", note=note)


def _step(step: Mapping[str, Any], fate: str) -> tuple[str, str, str]:
    return _WORDS.get(step["kind"], step["kind"]), _changes(step["removed"]), fate


def _changes(removed: Sequence[Sequence[str]]) -> str:
    """A removal on one line; the JSON has all of it."""
    texts = []
    for old, new in removed:
        before, after = _short(old), _short(new)
        texts.append(f"{before} -> {after}" if after and after != "pass" else before)
    texts = [text for text in texts if text]
    more = f" and {len(texts) - _PIECES} more" if len(texts) > _PIECES else ""
    return "; ".join(texts[:_PIECES]) + more


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _LONGEST else f"{words[: _LONGEST - 3]}..."


def parts_grid(report: Mapping[str, Any]) -> Grid:
    """Every part with its measured worth and interval."""
    rows, styles = [], []
    for part in report["parts"]:
        reason = f" ({part['reason'].replace('_', ' ')})" if part["reason"] else ""
        rows.append(
            (
                part["kind"],
                part["note"],
                numbers.signed(part["worth"]),
                numbers.interval(part["low"], part["high"]),
                str(part["n"]),
                FATES[part["fate"]] + reason,
            )
        )
        styles.append(_STYLES.get(part["fate"], "dim"))
    columns = (
        Column("kind", optional=True),
        Column("part", flexible=True),
        Column("worth", "right"),
        Column("interval", "right"),
        Column("n", "right"),
        Column("fate", flexible=True),
    )
    level = report["level"]
    note = (
        f"worth: {report['rung']} loss without the part minus loss with it, on n rng_seeds; positive: it helps. "
        f"Each end of an interval is wrong with probability {level:g} at most, all looks together"
    )
    return Grid(columns, tuple(rows), title=f"#{report['base']}, tested", styles=tuple(styles), note=note)


def confirmations_grid(report: Mapping[str, Any]) -> Grid:
    """The tests of the whole on fresh rng_seeds."""
    rows, styles = [], []
    for each in report["confirmations"]:
        rows.append(
            (
                str(len(each["names"])),
                str(len(each["rng_seeds"])),
                f"{each['power']:.2f}",
                numbers.signed(each["mean"]),
                numbers.interval(each["low"], each["high"]),
                numbers.p_value(each["p"]),
                f"{each['level']:g}",
                "passed" if each["passed"] else "not shown",
            )
        )
        styles.append("green" if each["passed"] else "yellow")
    columns = (
        Column("parts", "right"),
        Column("rng_seeds", "right"),
        Column("power", "right"),
        Column("cost", "right"),
        Column("95 % interval", "right"),
        Column("p", "right"),
        Column("level", "right"),
        Column("verdict"),
    )
    note = f"cost: loss of the pruned program minus the original's on fresh rng_seeds; allowed: {report['margin']:g}"
    return Grid(columns, tuple(rows), title="all removals together", styles=tuple(styles), note=note)


def outcome_line(program: int, proof: Mapping[str, Any], report: Mapping[str, Any] | None) -> str:
    """One sentence on what is left."""
    if report is not None and report["result"] != report["base"]:
        return f"#{report['result']} is #{program} without {report['removed']} idle parts"
    if report is not None and not any(part["n"] or part["reason"] for part in report["parts"]):
        tested = "; no part was tested"
    else:
        tested = "; no part was shown to be idle" if report is not None else ""
    if proof["result"] != program:
        return f"#{proof['result']} is #{program} without what changes nothing{tested}"
    return f"#{program} stays as it is{tested}"

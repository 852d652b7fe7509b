"""What the lineage page carries: columns for drawing, and details in compressed chunks.

Everything that comes from a genome is data. Text goes through JSON with `<`, `>` and `&` escaped, so that no
source can end the script element that holds it; details are base64, which has no such characters.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from evolve.views.changes import diff_lines
from evolve.views.curves import paired_curve, value_against
from evolve.views.family import FINISHED, Family
from evolve.views.picture import LANE, Picture
from population.rows import ProgramRow

CHUNK = 64
"""Programs whose details are compressed together: quick to open, and large enough to share words."""

MOST_DIFF_LINES = 400
"""A longer diff is cut here, and says so."""

DIGEST = 12
"""Characters of a digest that are kept for searching."""


def columns(family: Family, picture: Picture, run: Mapping[str, object], best: int | None) -> dict[str, Any]:
    """The columns that the page draws from, one entry a program in order of arrival.

    Args:
        family: The programs.
        picture: Where they stand.
        run: Facts of the run: "title" heads the page, the others are listed as they are.
        best: Id of the best program.
    """
    rows, spots = family.programs, picture.spots
    operators = [name for name, _ in Counter(row.operator for row in rows).most_common()]
    outcomes = sorted({spot.failure for spot in spots if spot.failure})
    estimates = [family.estimate(row.id) for row in rows]
    shown = [None if spot.failure else at for spot, at in zip(spots, estimates, strict=True)]
    best_spot = next((i for i, row in enumerate(rows) if row.id == best), None)
    return {
        "title": str(run.get("title", "run")),
        "facts": [[str(key), str(value)] for key, value in run.items() if key != "title"],
        "rung": family.rung,
        "laneHeight": LANE,
        "lanes": list(picture.lanes),
        "operators": operators,
        "outcomes": outcomes,
        "best": best_spot,
        "path": list(picture.path),
        "records": list(picture.records),
        "chunk": CHUNK,
        "id": [row.id for row in rows],
        "y": [spot.y for spot in spots],
        "lane": [spot.lane for spot in spots],
        "parents": [list(spot.parents) for spot in spots],
        "failure": [outcomes.index(spot.failure) + 1 if spot.failure else 0 for spot in spots],
        "mean": [_number(at.mean) if at else None for at in shown],
        "low": [_number(at.low) if at else None for at in shown],
        "high": [_number(at.high) if at else None for at in shown],
        "n": [at.n if at else 0 for at in shown],
        "operator": [operators.index(row.operator) for row in rows],
        "birth": [row.birth for row in rows],
        "elapsed": [round(row.elapsed) for row in rows],
        "digest": [row.digest[:DIGEST] for row in rows],
        "name": [row.name for row in rows],
        "component": [row.component for row in rows],
        "note": [row.note for row in rows],
    }


def chunks(family: Family, picture: Picture) -> Iterator[str]:
    """The details of `CHUNK` programs at a time, as base64 of zlib of JSON, in order of arrival."""
    whole = {family.programs[i].id for i in picture.path}
    for start in range(0, len(family.programs), CHUNK):
        group = [detail(family, row, row.id in whole) for row in family.programs[start : start + CHUNK]]
        packed = zlib.compress(json_text(group).encode("utf-8", "replace"), 9)
        yield base64.b64encode(packed).decode("ascii")


def detail(family: Family, row: ProgramRow, whole: bool) -> dict[str, Any]:
    """What the panel shows of one program beyond its columns.

    Args:
        family: The programs.
        row: The program.
        whole: Whether to carry the full source; programs without a parent always do.
    """
    found: dict[str, Any] = {}
    parent = family.main_parent(row.id)
    if parent is not None:
        lines = diff_lines(family.by_id[parent].source, row.source)
        found["diff"] = lines[:MOST_DIFF_LINES]
        if len(lines) > MOST_DIFF_LINES:
            found["cut"] = len(lines) - MOST_DIFF_LINES
    if whole or parent is None:
        found["source"] = row.source
    theirs = family.trials.get(parent, ()) if parent is not None else ()
    found["trials"] = [
        [
            trial.rung,
            trial.rng_seed,
            trial.outcome,
            _number(trial.value) if trial.outcome == FINISHED else None,
            _number(value_against(trial, theirs)),
            trial.reason[:400],
        ]
        for trial in family.trials.get(row.id, ())
    ]
    found["estimates"] = [
        [at.rung, _number(at.mean), _number(at.low), _number(at.high), at.n] for at in family.estimates.get(row.id, ())
    ]
    curve = paired_curve(family, row.id)
    if curve is not None:
        own, theirs_at = ([_number(loss, 4) for loss in each] for each in (curve.own, curve.parent))
        found["curve"] = [curve.rung, list(curve.steps), own, theirs_at, curve.shared]
    return found


def json_text(data: object) -> str:
    """JSON that is safe inside an HTML script element, whatever its strings say."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _number(value: float | None, digits: int = 6) -> float | None:
    """A number as short as it may be; what is not finite is no number."""
    return None if value is None or not math.isfinite(value) else round(value, digits)

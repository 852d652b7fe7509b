"""The lineage as one HTML file that needs nothing else: no network, no server, no fonts, no libraries.

A policy in the page forbids every connection and every script but its own (by hash), so that hostile text in
a genome could do nothing even if it slipped through the escaping. The same rows give the same file.
"""

from __future__ import annotations

import base64
import hashlib
import html
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path

from evolve.views.family import family
from evolve.views.page_data import chunks, columns, json_text
from evolve.views.picture import picture
from population.rows import EstimateRow, ProgramRow, TrialRow

SCRIPTS = (
    "page_inflate.js",
    "page_scene.js",
    "page_colours.js",
    "page_draw.js",
    "page_strip.js",
    "page_chart.js",
    "page_panel.js",
    "page_search.js",
    "page.js",
)
"""The page's script in pieces, in this order inside one function."""

MARK = re.compile(r"\{\{(\w+)\}\}")


def write_page(
    path: Path | str,
    run: Mapping[str, object],
    programs: Iterable[ProgramRow],
    trials: Iterable[TrialRow],
    estimates: Iterable[EstimateRow],
    best: int | None,
    rung: str = "proxy",
) -> None:
    """Write the lineage page.

    The file appears whole or not at all. At most one chunk of details is in memory at a time.

    Args:
        path: The file to write.
        run: Facts of the run: "title" heads the page, the others are listed in it in their order.
        programs: The programs.
        trials: Their trials.
        estimates: Their estimates.
        best: Id of the best program, or None.
        rung: The rung whose values place and colour the programs.

    Raises:
        OSError: The file could not be written.
    """
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with partial.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
            for piece in page_pieces(run, programs, trials, estimates, best, rung):
                file.write(piece)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def page_pieces(
    run: Mapping[str, object],
    programs: Iterable[ProgramRow],
    trials: Iterable[TrialRow],
    estimates: Iterable[EstimateRow],
    best: int | None,
    rung: str = "proxy",
) -> Iterator[str]:
    """The text of the page, piece by piece; arguments as in `write_page`."""
    relatives = family(programs, trials, estimates, rung)
    drawing = picture(relatives, best)
    script = _script()
    data = columns(relatives, drawing, run, best)
    filled = {
        "title": html.escape(str(data["title"])),
        "policy": html.escape(_policy(script)),
        "style": _asset("page.css"),
        "data": json_text(data),
        "script": script,
    }
    for part, mark in _template(_asset("page.html")):
        yield part
        if mark == "chunks":
            for i, chunk in enumerate(chunks(relatives, drawing)):
                yield f'<script type="text/plain" id="chunk-{i}">{chunk}</script>\n'
        elif mark:
            yield filled[mark]


def _template(text: str) -> Iterator[tuple[str, str]]:
    """A template as (text, name of the mark after it) pairs; the last name is empty."""
    pieces = MARK.split(text)
    yield from zip(pieces[0::2], [*pieces[1::2], ""], strict=True)


def _policy(script: str) -> str:
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"


def _script() -> str:
    body = "\n".join(_asset(name) for name in SCRIPTS)
    return f'"use strict";\n(() => {{\n{body}}})();\n'


def _asset(name: str) -> str:
    return resources.files("evolve.views").joinpath(name).read_text(encoding="utf-8")

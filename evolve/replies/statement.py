"""What a model says about its own change: hypothesis, change, component, depth and provenance.

Depth and provenance follow the classes that METR uses for the speedrun. This module must not know what is done with
them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

DEPTHS = ("shallow", "moderate", "deep", "breakthrough")
PROVENANCES = ("invented", "adapted", "imported")

_LONGEST = 400
"""Characters of a hypothesis that are kept."""
_NAMES = "HYPOTHESIS|CHANGE|COMPONENT|DEPTH|PROVENANCE"
_FIELD = re.compile(rf"[\s>*_#-]*({_NAMES})[\s*_]*:[\s*_]*(.*?)[\s*_]*", re.IGNORECASE)

_CODE = re.compile(r"\s*(```|~~~|<{5,}\s*(SEARCH|ORIGINAL|HEAD)\b)", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """The model's own words.

    Attributes:
        hypothesis: Why the change should help, one line; "" if it did not say.
        change: What is changed, or "".
        component: What it touches, or "".
        depth: One of `DEPTHS`, or "".
        provenance: One of `PROVENANCES`, or "".
    """

    hypothesis: str = ""
    component: str = ""
    depth: str = ""
    provenance: str = ""
    change: str = ""


def statement_in(reply: str) -> Statement:
    """The statement of a reply; of a field given twice the first counts."""
    found: dict[str, str] = {}
    for line in reply.splitlines():
        if _CODE.match(line):
            break  # what follows is a program: its comments are not the model's word on it
        match = _FIELD.fullmatch(line)
        if match:
            found.setdefault(match[1].lower(), " ".join(match[2].split()))
    return Statement(
        found.get("hypothesis", "")[:_LONGEST],
        found.get("component", "").strip("`")[:80],
        _one_of(DEPTHS, found.get("depth", "")),
        _one_of(PROVENANCES, found.get("provenance", "")),
        found.get("change", "")[:_LONGEST],
    )


def _one_of(words: tuple[str, ...], text: str) -> str:
    first = re.match(r"[`'\"]?(\w+)", text.lower())
    return first[1] if first and first[1] in words else ""

"""What changed between two genomes in the words of a researcher: hyperparameters and components, not lines.

Pure; asks `population.components` what a genome is made of.
"""

from __future__ import annotations

from dataclasses import dataclass

from population.component import Component, Hyperparameter


@dataclass(frozen=True)
class PartChange:
    """One difference.

    Attributes:
        kind: What kind of component it is.
        name: Its name.
        what: "added", "removed", "rewritten", or old and new value of a hyperparameter.
    """

    kind: str
    name: str
    what: str


def part_changes(old: str, new: str) -> tuple[PartChange, ...] | None:
    """Changed hyperparameters first, then other components, innermost only.

    A function whose only difference is a number in it is not said to be rewritten: the number is listed.

    Args:
        old: Source before.
        new: Source after.

    Returns:
        The differences, or None if one of the two is not a genome that can be read.
    """
    from population.components import components
    from population.genome import GenomeError

    try:
        before = {part.name: part for part in components(old)}
        after = {part.name: part for part in components(new)}
    except GenomeError:
        return None
    numbers: list[PartChange] = []
    others: list[PartChange] = []
    texts = _texts(old, before), _texts(new, after)
    for name in [*before, *(name for name in after if name not in before)]:
        change = _change(before.get(name), after.get(name), texts[0].get(name), texts[1].get(name))
        if change is not None:
            (numbers if change.kind == "hyperparameter" else others).append(change)
    return (*numbers, *_innermost(others))


def _change(
    old: Component | None, new: Component | None, old_text: str | None, new_text: str | None
) -> PartChange | None:
    part = new or old
    if part is None:
        return None
    if old is None or new is None:
        value = f" {part.value:g}" if isinstance(part, Hyperparameter) else ""
        return PartChange(part.kind.value, part.name, ("added" if old is None else "removed") + value)
    if isinstance(old, Hyperparameter) and isinstance(new, Hyperparameter):
        if old.value == new.value:
            return None
        return PartChange(part.kind.value, part.name, f"{old.value:g} -> {new.value:g}")
    return None if old_text == new_text else PartChange(part.kind.value, part.name, "rewritten")


def _texts(source: str, parts: dict[str, Component]) -> dict[str, str]:
    """Text of each component with the literals of hyperparameters blanked out and no indentation."""
    masked = bytearray(source.encode())
    spans = sorted((part.span for part in parts.values() if isinstance(part, Hyperparameter)), reverse=True)
    for start, stop in spans:
        masked[start:stop] = b"0"
    lines = [line.strip() for line in masked.decode().split("\n")]
    return {name: "\n".join(lines[part.first_line - 1 : part.last_line]) for name, part in parts.items()}


def _innermost(changes: list[PartChange]) -> list[PartChange]:
    """Leave out what is rewritten only because something within it changed."""
    names = [change.name for change in changes]
    return [
        change
        for change in changes
        if change.what != "rewritten" or not any(name.startswith(f"{change.name}.") for name in names)
    ]

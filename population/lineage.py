"""The lineage of a run: who descends from whom, as a graph, a tree and in exchange formats.

Pure functions over listed programs. Any subset will do: a parent that is not in it is left out. This module
must not know the store, and imports networkx only where a graph is asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from population.queries import Listed

if TYPE_CHECKING:
    import networkx

ATTRIBUTES = ("name", "operator", "island", "birth", "mean", "sd", "n", "outcome", "note")
"""What a node of the graph carries besides its id; what a program does not have (a mean, say) is left out."""


def winning_path(programs: Mapping[int, Listed], winner: int) -> list[int]:
    """The winner and its ancestors through main parents, the founder first.

    Args:
        programs: Listed programs by id.
        winner: Id of one of them.

    Raises:
        KeyError: The winner is not among them.
    """
    path = [programs[winner].id]
    while True:
        parents = programs[path[-1]].parents
        if not parents or parents[0] not in programs:
            return path[::-1]
        path.append(parents[0])


@dataclass(frozen=True)
class Branch:
    """One line of a tree.

    Attributes:
        program: The program of the line.
        open: For each level above it, from the root's children on, whether siblings follow further down; the
            last one is its own. Empty for a root.
    """

    program: Listed
    open: tuple[bool, ...]

    def rails(self) -> str:
        """What to draw before the program: rails of open levels and a corner or a tee."""
        if not self.open:
            return ""
        above = "".join("│  " if more else "   " for more in self.open[:-1])
        return above + ("├─ " if self.open[-1] else "└─ ")


def tree(programs: Iterable[Listed]) -> Iterator[Branch]:
    """The programs as a forest by main parents, depth first, children in order of their ids.

    Programs whose main parent is not given are roots. Needs no recursion: lineages may be thousands deep.
    """
    children: dict[int | None, list[Listed]] = {}
    ordered = sorted(programs, key=attrgetter("id"))
    ids = {program.id for program in ordered}
    for program in ordered:
        parent = program.parents[0] if program.parents and program.parents[0] in ids else None
        children.setdefault(parent, []).append(program)
    stack = [Branch(root, ()) for root in reversed(children.get(None, []))]
    while stack:
        branch = stack.pop()
        yield branch
        below = children.get(branch.program.id, [])
        for place, child in reversed(list(enumerate(below))):
            stack.append(Branch(child, (*branch.open, place + 1 < len(below))))


def graph(programs: Iterable[Listed], path: Sequence[int] = ()) -> networkx.DiGraph:
    """The lineage as a directed graph, edges from parent to child.

    Args:
        programs: Its nodes.
        path: Ids to mark with the node attribute `winning`, see `winning_path`.

    Returns:
        A graph whose nodes carry `ATTRIBUTES` and `winning`; edges carry `main`: whether the parent is the
        main one.
    """
    import networkx

    result = networkx.DiGraph()
    marked = set(path)
    ordered = sorted(programs, key=attrgetter("id"))
    for program in ordered:
        attributes = {key: getattr(program, key) for key in ATTRIBUTES}
        present = {key: value for key, value in attributes.items() if value is not None}
        result.add_node(program.id, **present, winning=program.id in marked)
    for program in ordered:
        for position, parent in enumerate(program.parents):
            if parent in result:
                result.add_edge(parent, program.id, main=position == 0)
    return result


def to_json(lineage: networkx.DiGraph) -> str:
    """Node-link JSON, as `networkx.node_link_graph(..., edges="links")` reads it."""
    import networkx

    return json.dumps(networkx.node_link_data(lineage, edges="links"), ensure_ascii=False, allow_nan=False)


def to_graphml(lineage: networkx.DiGraph) -> str:
    """GraphML, as Gephi, yEd or Cytoscape read it; characters that XML forbids become spaces."""
    import networkx

    clean = networkx.DiGraph()
    clean.add_nodes_from((id, _without_control(data)) for id, data in lineage.nodes(data=True))
    clean.add_edges_from(lineage.edges(data=True))
    return "\n".join(networkx.generate_graphml(clean, named_key_ids=True)) + "\n"


def to_dot(lineage: networkx.DiGraph) -> str:
    """Graphviz DOT: parents above children, side parents dashed, the winning path bold."""
    lines = ["digraph lineage {", "  rankdir=TB;", "  node [shape=box, fontsize=10];"]
    for id, data in lineage.nodes(data=True):
        style = ", penwidth=3" if data.get("winning") else ""
        tip = f", tooltip={_quoted(data['note'])}" if data.get("note") else ""
        lines.append(f"  {id} [label={_quoted(_label(id, data))}{tip}{style}];")
    for parent, child, data in lineage.edges(data=True):
        lines.append(f"  {parent} -> {child}{'' if data['main'] else ' [style=dashed]'};")
    return "\n".join([*lines, "}", ""])


def to_mermaid(lineage: networkx.DiGraph) -> str:
    """A Mermaid flowchart: side parents dotted, the winning path bold."""
    lines = ["flowchart TD"]
    for id, data in lineage.nodes(data=True):
        label = _label(id, data).replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
        lines.append(f'  p{id}["{label}"]')
    for parent, child, data in lineage.edges(data=True):
        lines.append(f"  p{parent} {'-->' if data['main'] else '-.->'} p{child}")
    winning = [f"p{id}" for id, marked in lineage.nodes(data="winning") if marked]
    if winning:
        lines += ["  classDef winning stroke-width:4px", f"  class {','.join(winning)} winning"]
    return "\n".join(lines) + "\n"


FORMATS = {"dot": to_dot, "graphml": to_graphml, "json": to_json, "mermaid": to_mermaid}
"""Text formats by name."""

_CONTROL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML forbids and no other format can show."""


def _without_control(data: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _CONTROL.sub(" ", value) if isinstance(value, str) else value for key, value in data.items()}


def _label(id: int, data: Mapping[str, Any]) -> str:
    """Two short parts on one line: who it is and what it is worth."""
    who = _one_line(f"{id} {data['name'] or data['operator']}")
    return f"{who}, {data['mean']:.4f}" if "mean" in data else who


def _one_line(text: str) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())


def _quoted(text: str) -> str:
    """The text as a DOT string, in which a backslash would begin an escape."""
    return '"' + _one_line(text).replace("\\", "\\\\").replace('"', '\\"') + '"'

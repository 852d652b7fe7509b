"""The lineage: graph, tree and exchange formats say the same about who descends from whom."""

import json
import random
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import networkx
import pytest

from population.lineage import FORMATS, graph, tree, winning_path
from population.queries import Listed

ROOT = Path(__file__).resolve().parents[2]


def listed(id: int, *parents: int, **fields) -> Listed:
    defaults = {
        "name": "" if parents else f"seed{id}",
        "operator": "crossover" if len(parents) > 1 else "perturb" if parents else "seed",
        "birth": id if parents else None,
        "mean": 2.0 + id / 100,
    }
    rest = {
        "island": 0,
        "component": "",
        "note": "",
        "digest": f"{id:x}",
        "elapsed": 0.0,
        "outcome": "finished",
    }
    numbers = {"trials": 2, "finished": 2, "sd": 0.01, "low": 1.9, "high": 2.1, "n": 2}
    return Listed(id=id, parents=parents, **{**rest, **numbers, **defaults, **fields})


FAMILY = [listed(1), listed(2), listed(3, 1), listed(4, 3, 2), listed(5, 1), listed(6, 4), listed(7, 5, 4)]


def test_the_winning_path_follows_main_parents():
    family = {program.id: program for program in FAMILY}
    assert winning_path(family, 6) == [1, 3, 4, 6]
    assert winning_path(family, 7) == [1, 5, 7]
    assert winning_path(family, 2) == [2]
    with pytest.raises(KeyError):
        winning_path(family, 99)


def test_the_winning_path_of_a_part_ends_at_its_edge():
    assert winning_path({program.id: program for program in FAMILY[2:]}, 6) == [3, 4, 6]


def test_the_tree_as_it_is_drawn():
    drawn = [branch.rails() + str(branch.program.id) for branch in tree(reversed(FAMILY))]
    assert drawn == ["1", "├─ 3", "│  └─ 4", "│     └─ 6", "└─ 5", "   └─ 7", "2"]


def test_the_tree_of_a_part_begins_at_its_edge():
    assert [(b.program.id, len(b.open)) for b in tree(FAMILY[2:])] == [(3, 0), (4, 1), (6, 2), (5, 0), (7, 1)]


def test_a_deep_tree_needs_no_recursion():
    chain = [listed(1), *(listed(id, id - 1) for id in range(2, 3000))]
    assert [branch.program.id for branch in tree(chain)] == list(range(1, 3000))


def test_every_program_is_drawn_once():
    rng = random.Random(0)
    programs = [listed(1)]
    for id in range(2, 300):
        programs.append(listed(id, *rng.sample(range(1, id), min(id - 1, rng.choice((0, 1, 2))))))
    assert sorted(branch.program.id for branch in tree(programs)) == list(range(1, 300))


def test_the_graph_has_programs_and_parents():
    lineage = graph(FAMILY, path=[1, 3, 4, 6])
    assert sorted(lineage.edges) == [(1, 3), (1, 5), (2, 4), (3, 4), (4, 6), (4, 7), (5, 7)]
    assert lineage.edges[3, 4]["main"]
    assert not lineage.edges[2, 4]["main"]
    assert lineage.nodes[1] == {
        "name": "seed1",
        "operator": "seed",
        "island": 0,
        "mean": 2.01,
        "sd": 0.01,
        "n": 2,
        "outcome": "finished",
        "note": "",
        "winning": True,
    }
    assert [id for id, marked in lineage.nodes(data="winning") if marked] == [1, 3, 4, 6]


def test_the_graph_of_a_part_has_no_strangers():
    assert sorted(graph(FAMILY[3:]).nodes) == [4, 5, 6, 7]


NASTY = 'say "hi" <b> \\ & \x00\x0b\n]; Grüße'


@pytest.fixture
def nasty():
    return graph([listed(1, note=NASTY, name=NASTY), listed(2, 1, mean=None, n=None)], path=[1, 2])


def test_graphml_comes_back(nasty):
    read = networkx.parse_graphml(FORMATS["graphml"](nasty), node_type=int)
    assert sorted(read.edges) == [(1, 2)]
    assert read.nodes[1]["note"] == NASTY.replace("\x00", " ").replace("\x0b", " ")
    assert read.nodes[1]["mean"] == 2.01
    assert "mean" not in read.nodes[2]


def test_json_comes_back(nasty):
    read = networkx.node_link_graph(json.loads(FORMATS["json"](nasty)), edges="links")
    assert read.nodes[1]["note"] == NASTY
    assert networkx.utils.graphs_equal(read, nasty)


def test_dot_as_text():
    drawn = FORMATS["dot"](graph([listed(1), listed(2), listed(3, 1, 2, note='a "b" \\ c')], path=[3]))
    assert drawn.splitlines() == [
        "digraph lineage {",
        "  rankdir=TB;",
        "  node [shape=box, fontsize=10];",
        '  1 [label="1 seed1, 2.0100"];',
        '  2 [label="2 seed2, 2.0200"];',
        '  3 [label="3 crossover, 2.0300", tooltip="a \\"b\\" \\\\ c", penwidth=3];',
        "  1 -> 3;",
        "  2 -> 3 [style=dashed];",
        "}",
    ]


def test_mermaid_as_text():
    drawn = FORMATS["mermaid"](graph([listed(1, name='<"x">'), listed(2, 1), listed(3, 2, 1)], path=[1, 2]))
    assert drawn.splitlines() == [
        "flowchart TD",
        '  p1["1 #lt;#quot;x#quot;#gt;, 2.0100"]',
        '  p2["2 perturb, 2.0200"]',
        '  p3["3 crossover, 2.0300"]',
        "  p1 --> p2",
        "  p1 -.-> p3",
        "  p2 --> p3",
        "  classDef winning stroke-width:4px",
        "  class p1,p2 winning",
    ]


@pytest.mark.parametrize(("name", "lines"), [("dot", 7), ("mermaid", 6)])
def test_a_nasty_name_stays_on_its_line(name, lines, nasty):
    text = FORMATS[name](nasty)
    assert len(text.splitlines()) == lines
    assert "\x00" not in text


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_writes_an_empty_run(name):
    assert FORMATS[name](graph([])).strip()


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_one_text_with_every_program(name, nasty):
    text = FORMATS[name](nasty)
    assert "perturb" in text
    assert "Gr" in text
    if name == "graphml":
        ElementTree.fromstring(text)


def test_the_tree_needs_neither_networkx_nor_a_database():
    code = "import sys, population.lineage; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert "population.lineage" in result.stdout
    assert not {"networkx", "sqlite3", "sqlite_utils"} & set(result.stdout.split())

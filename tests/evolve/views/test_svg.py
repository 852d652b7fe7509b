from __future__ import annotations

import xml.etree.ElementTree as ET

from evolve.views.svg import svg_text

SVG = "{http://www.w3.org/2000/svg}"


def test_every_program_has_its_mark(run, relatives):
    root = ET.fromstring(svg_text({"title": "a run"}, *run.parts))
    paths = [each.get("d") for each in root.iter(f"{SVG}path")]
    failed = sum(bool(relatives.failure(row.id)) for row in run.programs)
    assert sum(path.count("h0") for path in paths) == len(run.programs) - failed
    assert [path.count("m0 -") for path in paths if "m0 -" in path] == [1, failed]  # the legend's and theirs


def test_the_best_is_named_with_its_interval(run, relatives):
    texts = [each.text for each in ET.fromstring(svg_text({}, *run.parts)).iter(f"{SVG}text")]
    at = relatives.estimate(run.best)
    assert any(text.startswith(f"#{run.best} ") and f"{at.mean:.4f} ±" in text for text in texts)
    assert "Island 3" in texts


def test_the_same_rows_give_the_same_file(run):
    assert svg_text({}, *run.parts) == svg_text({}, *run.parts)


def test_hostile_titles_are_text(hostile):
    title = hostile.programs[0].name + "\x1b"
    root = ET.fromstring(svg_text({"title": title}, *hostile.parts))
    assert root.find(f"{SVG}title").text.startswith("</script>")
    assert not list(root.iter(f"{SVG}script"))


def test_an_empty_run_has_a_picture():
    assert ET.fromstring(svg_text({}, [], [], [], None)).tag == f"{SVG}svg"

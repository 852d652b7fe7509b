from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import zlib
from html.parser import HTMLParser

import pytest

from evolve.views.page import SCRIPTS, page_pieces, write_page
from evolve.views.page_data import json_text

RUN = {"title": "a run", "task": "charlm"}


class Elements(HTMLParser):
    """Scripts and their contents, and every address that a browser could follow."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.addresses: list[str | None] = []
        self.tags: list[str] = []
        self._open: dict[str, str | None] | None = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action", "data")]
        if tag == "script":
            self._open = dict(attrs)

    def handle_data(self, text):
        if self._open is not None:
            self.scripts.append((self._open, text))
            self._open = None


def page_of(run, facts=RUN) -> str:
    return "".join(page_pieces(facts, *run.parts))


def columns_of(text: str) -> dict:
    return json.loads(next(body for attrs, body in Elements(text).scripts if attrs.get("id") == "data"))


def details_of(text: str) -> list[dict]:
    found: list[dict] = []
    for attrs, body in Elements(text).scripts:
        if (attrs.get("id") or "").startswith("chunk-"):
            found += json.loads(zlib.decompress(base64.b64decode(body)))
    return found


def test_every_program_is_in_the_page_with_its_numbers(run, relatives):
    text = page_of(run)
    data = columns_of(text)
    assert data["id"] == [row.id for row in run.programs]
    assert data["id"][data["best"]] == run.best
    assert len(details_of(text)) == len(run.programs)
    for i, row in enumerate(run.programs):
        value = relatives.value(row.id)
        assert data["mean"][i] == (None if value is None else pytest.approx(value, abs=1e-6))
        assert (data["failure"][i] > 0) == bool(relatives.failure(row.id))
        assert data["operators"][data["operator"][i]] == row.operator
        assert [data["id"][parent] for parent in data["parents"][i]] == list(row.parents)


def test_details_hold_what_the_panel_shows(run, relatives):
    details = details_of(page_of(run))
    for row, detail in zip(run.programs, details, strict=True):
        assert len(detail["trials"]) == len(relatives.trials[row.id])
        assert ("diff" in detail) == bool(row.parents)
        if not row.parents or row.id in relatives.path(run.best):
            assert detail["source"] == row.source
        for _, _, outcome, value, _, _ in detail["trials"]:
            assert (value is None) == (outcome != "finished")


def test_the_same_rows_give_the_same_file(run, tmp_path):
    paths = [tmp_path / "a.html", tmp_path / "b.html"]
    for path in paths:
        write_page(path, RUN, *run.parts)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert sorted(tmp_path.iterdir()) == paths


def test_a_page_that_cannot_be_written_leaves_nothing(run, tmp_path):
    with pytest.raises(FileNotFoundError):
        write_page(tmp_path / "missing" / "a.html", RUN, *run.parts)
    target = tmp_path / "folder.html"
    target.mkdir()
    with pytest.raises(OSError, match=r"folder\.html"):
        write_page(target, RUN, *run.parts)
    assert list(tmp_path.iterdir()) == [target]


def test_the_page_needs_no_network(run):
    text = page_of(run)
    assert Elements(text).addresses == ["data:,"]
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert html.unescape(policy[1]).startswith("default-src 'none'")
    script = next(body for attrs, body in Elements(text).scripts if not attrs)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in html.unescape(policy[1])
    for word in ("http:", "https://", "fetch(", "XMLHttpRequest", "innerHTML", "document.write", "eval("):
        assert word not in script.replace("https://doi.org/", "").replace("https://www.rfc-editor.org/", "").replace(
            "http://www.w3.org/2000/svg", ""
        )


def test_hostile_text_stays_text(hostile):
    text = page_of(hostile, {"title": hostile.programs[0].name, hostile.programs[0].name: 1})
    elements = Elements(text)
    assert elements.tags.count("script") == 3  # data, one chunk, the page's own
    assert "img" not in elements.tags
    assert text.count("owned") > 5
    assert "</script><script>" not in text
    data = columns_of(text)
    assert data["note"][0] == hostile.programs[0].note
    details = details_of(text)
    assert details[0]["source"] == hostile.programs[0].source
    assert details[2]["trials"][0][5] == hostile.trials[2].reason
    assert details[2]["diff"][-1] == "+\0?"  # a lone surrogate has no bytes


def test_an_empty_run_has_a_page():
    data = columns_of("".join(page_pieces({}, [], [], [], None)))
    assert data["id"] == data["lanes"] == data["path"] == []
    assert data["best"] is None


@pytest.mark.parametrize("text", ["</script>", "<!--", "\u2028", "&lt;", 'quote " and \\'])
def test_json_is_safe_in_a_script_element_and_still_json(text):
    safe = json_text({"text": text})
    assert json.loads(safe) == {"text": text}
    assert not set(safe) & set("<>&\u2028")


def test_numbers_that_are_none_are_refused():
    with pytest.raises(ValueError, match="JSON"):
        json_text(float("nan"))


def test_every_script_is_listed():
    from importlib import resources

    names = {item.name for item in resources.files("evolve.views").iterdir() if item.name.endswith(".js")}
    assert names == set(SCRIPTS)

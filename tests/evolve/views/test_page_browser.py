"""The page's own script, run in a browser where one is installed."""

from __future__ import annotations

import base64
import json
import random
import re
import zlib
from importlib import resources

import pytest
from browser import browser, document

from evolve.views.page import write_page

pytestmark = pytest.mark.skipif(browser() is None, reason="no Chromium is installed")

WAIT = ("--virtual-time-budget=3000",)
"""Until nothing is pending, in the browser's own time."""


def test_a_selected_program_is_shown_and_hostile_text_stays_text(hostile, tmp_path):
    page = tmp_path / "page.html"
    write_page(page, {"title": "x"}, *hostile.parts)
    text = document(page, "#2", WAIT)
    assert "<title>x · lineage</title>" in text
    assert "<img" not in text
    panel = text[text.index('id="panel"') : text.index('id="keys"')]
    assert ">1.9000<" in panel
    assert "-0.1000" in panel.replace("−", "-")
    assert "&lt;/script&gt;&lt;script&gt;document.title" in panel
    assert re.search(r'class="row add".*?LR = 2', panel)
    assert re.search(r'class="row del".*?LR = 1', panel)


def test_the_plain_inflate_reads_what_zlib_writes(tmp_path):
    rng = random.Random(0)
    source = resources.files("evolve.views").joinpath("page.js").read_text(encoding="utf-8")
    samples = [b"", b"a", b"ab" * 4000, rng.randbytes(3000), source.encode(), bytes(range(256)) * 300]
    packed = []
    for sample in samples:
        for level, strategy in (
            (0, zlib.Z_DEFAULT_STRATEGY),
            (1, zlib.Z_FIXED),
            (9, zlib.Z_DEFAULT_STRATEGY),
        ):
            squeeze = zlib.compressobj(level, zlib.DEFLATED, 15, 8, strategy)
            packed.append([base64.b64encode(squeeze.compress(sample) + squeeze.flush()).decode(), zlib.crc32(sample)])
    script = resources.files("evolve.views").joinpath("page_inflate.js").read_text(encoding="utf-8")
    check = """
      const crc = (bytes) => {
        let sum = -1;
        for (const byte of bytes) {
          sum ^= byte;
          for (let k = 0; k < 8; k++) sum = (sum >>> 1) ^ (0xedb88320 & -(sum & 1));
        }
        return ~sum >>> 0;
      };
      const read = (text) => inflate(Uint8Array.from(atob(text), (each) => each.charCodeAt(0)));
      document.body.textContent = samples.map(([text, sum]) => crc(read(text)) === sum).join(" ");
    """
    page = tmp_path / "inflate.html"
    page.write_text(f"<body><script>{script}; const samples = {json.dumps(packed)}; {check}</script>")
    body = re.search(r"<body>(.*)</body>", document(page), re.DOTALL)
    assert body is not None
    assert body[1].split() == ["true"] * len(packed)

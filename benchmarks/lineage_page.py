"""How large the lineage page is, how soon it shows something and how fast it moves.

    python benchmarks/lineage_page.py > benchmarks/results/lineage_page.md

Runs are invented (tests/evolve/views/synthetic.py): real sources, invented values. The browser is headless
and draws in software, on whatever else the machine is doing: an upper bound for a desktop. Times are medians
of three launches; every frame is forced to pixels before its time is taken.
"""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "evolve" / "views"))

from browser import browser, document
from synthetic import synthetic_run

from evolve.views.page import write_page

SIZES = (200, 2_000, 20_000)
LAUNCHES = 3

BEFORE = """
const asked = [];
window.requestAnimationFrame = (draw) => asked.push(draw);
const times = (name, all) => {
  document.documentElement.dataset[name] = all.map((t) => t.toFixed(1)).join(" ");
};
"""
AFTER = """
const canvas = document.getElementById("scene");
const pixels = () => canvas.getContext("2d").getImageData(0, 0, 1, 1);
pixels();
times("shown", [performance.now()]);
const frame = () => {
  const from = performance.now();
  while (asked.length) asked.shift()(from);
  pixels();
  return performance.now() - from;
};
const wheel = (delta) => {
  canvas.dispatchEvent(new WheelEvent("wheel", { deltaY: delta, clientX: 600, clientY: 400 }));
};
frame();
const moving = [], still = [];
for (let k = 0; k < 24; k++) { wheel(k < 12 ? -120 : 120); moving.push(frame()); }
for (const kind of ["value", "operator", "island"]) {
  document.querySelector(`[value=${kind}]`).click();
  still.push(frame());
}
times("moving", moving);
times("still", still);
"""


def instrumented(text: str) -> str:
    """The page with its policy taken away and a stopwatch around its script."""
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    head, script = text.rsplit("<script>", 1)
    script = script.replace("</script>", f"</script><script>{AFTER}</script>", 1)
    return f"{head}<script>{BEFORE}</script><script>{script}"


def marks(text: str, name: str) -> list[float]:
    """Times that the page wrote on its root element, in milliseconds."""
    found = re.search(rf'<html[^>]*\bdata-{name}="([^"]*)"', text)
    if found is None:
        raise RuntimeError(f"the page wrote no {name!r}; its script did not finish")
    return [float(each) for each in found[1].split()]


def measure(programs: int, folder: Path) -> str:
    """One row of the table."""
    run = synthetic_run(programs)
    page = folder / f"{programs}.html"
    start = time.process_time()
    write_page(page, {"title": "synthetic run"}, *run.parts)
    wrote = time.process_time() - start
    watched = folder / f"{programs}-watched.html"
    watched.write_text(instrumented(page.read_text(encoding="utf-8")), encoding="utf-8")
    script = [marks(document(page), "first-frame")[0] for _ in range(LAUNCHES)]
    seen = [document(watched) for _ in range(LAUNCHES)]
    shown = median(marks(text, "shown")[0] for text in seen)
    moving = median(median(marks(text, "moving")) for text in seen)
    worst = median(max(marks(text, "moving")) for text in seen)
    still = median(median(marks(text, "still")) for text in seen)
    times = (median(script), shown, moving, worst, still)
    cells = [f"{programs:,}", f"{page.stat().st_size / 1e6:.2f}", f"{wrote:.2f}", *(f"{t:.0f}" for t in times)]
    return f"| {' | '.join(cells)} |"


HEADINGS = (
    "programs",
    "file (MB)",
    "writing (CPU s)",
    "script done (ms)",
    "pixels there (ms)",
    "frame while moving (ms)",
    "worst (ms)",
    "still frame (ms)",
)
NOTES = """
*Script done* and *pixels there* count from the start of loading the file: the first on the untouched page,
the second on one that is made to finish its drawing. *Moving*: zooming in and out by the wheel, edges left out
where there are many. *Still*: everything drawn."""


def main() -> None:
    if browser() is None:
        print("skipped: this needs Chromium (chromium, chromium-browser or google-chrome) on the PATH")
        return
    version = subprocess.run([str(browser()), "--version"], capture_output=True, text=True, check=True).stdout
    print("# The lineage page\n")
    print(f"{datetime.now(UTC):%Y-%m-%d}, {version.split(' built')[0].strip()}, headless, drawing in software,")
    print(f"1400 x 900; Python {platform.python_version()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}.")
    print("Command: `python benchmarks/lineage_page.py`\n")
    print(f"| {' | '.join(HEADINGS)} |")
    print("|---:" * len(HEADINGS) + "|")
    with tempfile.TemporaryDirectory() as folder:
        for programs in SIZES:
            print(measure(programs, Path(folder)), flush=True)
    print(NOTES)


if __name__ == "__main__":
    main()

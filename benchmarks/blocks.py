"""Are SEARCH/REPLACE blocks applied where they belong? Replies of a language model, and quotations gone wrong.

    python -m benchmarks.blocks

The recorded replies are those of the tests (`tests/data`). Each program that they were about, and each seed program, is
quoted in the ways that models get wrong (`tests/evolve/replies/quotations.py`): every reply is either applied where a
reader would, refused, or applied somewhere else ("wrong": there must be none).
"""

from __future__ import annotations

import argparse
import datetime
import gzip
import json
import random
import statistics
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent
for folder in ("tests/evolve", "tests/evolve/replies"):
    sys.path.insert(0, str(ROOT / folder))
from quotations import quoted  # noqa: E402
from simulated_models import program_in  # noqa: E402

from evolve.genomes import shipped  # noqa: E402
from evolve.replies.blocks import apply, blocks_in  # noqa: E402
from evolve.replies.errors import UnusableReplyError  # noqa: E402

RESULT = Path(__file__).parent / "results" / "blocks.md"
COLUMNS = ("applied right", "refused right", "refused though clear", "wrong")


def exchanges() -> list[tuple[str, str]]:
    """Programs and the replies about them."""
    lines = gzip.decompress((ROOT / "tests" / "data" / "exchanges.jsonl.gz").read_bytes()).decode().splitlines()
    rows = [json.loads(line) for line in lines]
    return [(program_in(row["messages"][1][1]), row["reply"]) for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=5, help="passages a program")
    arguments = parser.parse_args()
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    seconds = []
    recorded = exchanges()
    for source, reply in recorded:
        if "<<<<<<< SEARCH" in reply:
            blocks = blocks_in(reply)
            apply(source, blocks)
            counts["recorded replies, as they came (blocks)"]["applied right"] += len(blocks)
    programs = sorted({source for source, _ in recorded} | {seed.source for seed in shipped()})
    for number, source in enumerate(programs):
        for passage in range(arguments.passages):
            for each in quoted(source, random.Random(f"{number}/{passage}")):
                began = time.process_time()
                try:
                    got = apply(source, blocks_in(each.reply))
                except UnusableReplyError:
                    refusable = each.may_refuse or each.must_refuse
                    counts[each.kind]["refused right" if refusable else "refused though clear"] += 1
                else:
                    right = got == each.expected and not each.must_refuse
                    counts[each.kind]["applied right" if right else "wrong"] += 1
                seconds.append(time.process_time() - began)
    total = Counter()
    for found in counts.values():
        total += found
    counts["all"] = total
    lines = [
        "# SEARCH/REPLACE blocks",
        "",
        f"Date {datetime.date.today()}; `python -m benchmarks.blocks`. {len(programs)} programs, {len(shipped())} of "
        f"them seed programs; median {1000 * statistics.median(seconds):.1f} ms CPU a block.",
        "",
        "| quotation | " + " | ".join(COLUMNS) + " |",
        "| --- |" + " ---: |" * len(COLUMNS),
        *(f"| {kind} | " + " | ".join(str(found[name]) for name in COLUMNS) + " |" for kind, found in counts.items()),
    ]
    RESULT.write_text("\n".join(lines) + "\n")
    print(RESULT.read_text())


if __name__ == "__main__":
    main()

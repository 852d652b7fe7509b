"""Where all randomness of the search comes from: named streams derived from the run's rng_seed.

No stream depends on time, process or order of use, so a resumed run draws what an uninterrupted one would have drawn.
"""

from __future__ import annotations

import hashlib
import random


def stream(run_rng_seed: int, *purpose: str | int) -> random.Random:
    """A generator of its own for one purpose.

    Args:
        run_rng_seed: The run's rng_seed.
        *purpose: Names the use, e.g. ("attempt", 17); equal purposes give equal streams.
    """
    text = "/".join(str(part) for part in (run_rng_seed, *purpose))
    return random.Random(int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big"))
